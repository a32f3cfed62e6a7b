"""What all tests share: READMEs are tests, too, and properties are tried on the same examples.

Every ```python block of a Markdown file is a test: `pytest README.md docs` runs them. The blocks of
one file run in order and share their names, as a reader would type them. A block that shows a
prompt (`>>>`) is checked as a doctest.
"""

import doctest
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A busy machine is no failure, and neither is a draw that nobody can repeat. To look for new
# examples: --hypothesis-profile=search
settings.register_profile("search", deadline=None)
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")

BLOCK = re.compile(r"^( *)```(?:python|pycon)\b[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


class Examples(pytest.Item):
    """All blocks of one file."""

    def runtest(self) -> None:
        text = self.path.read_text(encoding="utf-8")
        names: dict[str, Any] = {"__name__": "__main__"}
        for match in BLOCK.finditer(text):
            above = text.count("\n", 0, match.start(2))
            block = re.sub(rf"^{match[1]}", "", match[2], flags=re.MULTILINE)
            if block.startswith(">>>"):
                parse = doctest.DocTestParser().get_doctest
                test = parse(block, names, self.name, str(self.path), above)
                doctest.DebugRunner(optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
                names = test.globs
            else:
                lines = "\n" * above + block  # so that a traceback points into the Markdown file
                exec(compile(lines, str(self.path), "exec", dont_inherit=True), names)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        error, trace = excinfo.value, excinfo.tb
        if isinstance(error, doctest.DocTestFailure | doctest.UnexpectedException):
            example = error.example
            got = error.got if isinstance(error, doctest.DocTestFailure) else error.exc_info[1]
            line = (error.test.lineno or 0) + example.lineno + 1
            return f"line {line}: {example.source}expected {example.want}got      {got}"
        while trace.tb_next and trace.tb_frame.f_code.co_filename != str(self.path):
            trace = trace.tb_next  # the reader's own lines, not those of this runner
        details = "".join(traceback.format_exception(excinfo.type, error, trace))
        return f"line {trace.tb_lineno}: {excinfo.exconly()}\n{details}"

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"examples in {self.name}"


class MarkdownFile(pytest.File):
    """A file with one item, if it has any block at all."""

    def collect(self) -> Iterator[Examples]:
        if BLOCK.search(self.path.read_text(encoding="utf-8")):
            yield Examples.from_parent(self, name=self.path.name)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> MarkdownFile | None:
    return MarkdownFile.from_parent(parent, path=file_path) if file_path.suffix == ".md" else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails the run")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("no_skips") and reporter and reporter.stats.get("skipped"):
        reporter.write_line("\n--no-skips: no test may be skipped here", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

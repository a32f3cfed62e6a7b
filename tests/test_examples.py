"""The conftest that runs the Markdown examples notices when one of them is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Pytest, with the repository's conftest and settings, on `path`."""
    settings = ["-p", "conftest", "-c", "pyproject.toml", "--rootdir", "."]
    command = [sys.executable, "-m", "pytest", *settings, *options, str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def block(*lines: str) -> str:
    return "\n".join(["```python", *lines, "```", ""])


@pytest.mark.parametrize(
    "text",
    [
        block("x = 1") + "and then\n\n" + block("assert x == 1"),
        block(">>> x = 1", ">>> x", "1") + block("assert x == 1"),
        "- a list\n\n  ```python\n  if True:\n      x = 1\n  ```\n",
        block("x = 1") + "```text\nthis is not code\n```\n",
    ],
)
def test_right_examples_pass(tmp_path: Path, text: str) -> None:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    result = run(path)
    assert result.returncode == pytest.ExitCode.OK, result.stdout
    assert "1 passed" in result.stdout


@pytest.mark.parametrize(
    "text",
    [
        block("assert 1 == 2"),
        block("x = 1") + block("import a_module_that_nobody_has"),
        block(">>> 1", "2"),
        block(">>> 1 / 0", "2"),
        block("import warnings", "warnings.warn('old')"),
    ],
)
def test_wrong_examples_fail_and_say_where(tmp_path: Path, text: str) -> None:
    path = tmp_path / "page.md"
    path.write_text("# Title\n\n" + text, encoding="utf-8")
    result = run(path)
    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    line = len(("# Title\n\n" + text).rstrip().splitlines()) - (2 if ">>>" in text else 1)
    assert f"page.md - line {line}: " in result.stdout


@pytest.mark.parametrize("option", [[], ["--no-skips"]])
def test_no_skips_fails_on_a_skipped_test(tmp_path: Path, option: list[str]) -> None:
    path = tmp_path / "test_skipped.py"
    path.write_text("import pytest\n\ndef test_a():\n    pytest.skip('no reason')\n")
    assert run(path, *option).returncode == (1 if option else 0)

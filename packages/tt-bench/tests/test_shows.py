"""Units, documents and tables: how results are shown and written."""

import io
import json

import pytest
from hypothesis import given, strategies as st
from rich.console import Console

from tt_bench import Table
from tt_bench.documents import read_document, write_document
from tt_bench.units import show_bytes, show_percent, show_seconds

TABLE = Table("title", ("name", "value"), (("a|b", "1"), ("[red]", "22")), note="a note")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ns"),
        (2e-9, "2 ns"),
        (1e-6, "1 µs"),
        (0.0999, "99.9 ms"),
        (1.0, "1 s"),
        (3600, "3600 s"),
    ],
)
def test_seconds(seconds: float, text: str) -> None:
    assert show_seconds(seconds) == text


def test_bytes_and_percent() -> None:
    assert [show_bytes(n) for n in (0, 999, 1000, 10_000_000, 2e9)] == [
        "0 B", "999 B", "1 kB", "10 MB", "2 GB",
    ]  # fmt: skip
    assert show_percent(1.0) == "100.0 %"


@given(
    st.dictionaries(
        st.text().filter(lambda k: k not in ("schema", "version")),
        st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_documents_there_and_back(content: dict[str, float]) -> None:
    assert read_document(write_document("s", 3, content), "s", 3) == content


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_measurement_is_never_nan(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_document("s", 1, {"seconds": value})


@pytest.mark.parametrize("document", [{"schema": "t", "version": 1}, {"schema": "s", "version": 2}])
def test_a_document_of_another_kind_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected a document of schema 's', version 1"):
        read_document(json.dumps(document), "s", 1)


def test_a_plain_table_is_aligned() -> None:
    assert TABLE.plain().splitlines() == [
        "title", "name   value", "-----  -----", "a|b        1", "[red]     22", "a note",
    ]  # fmt: skip


def test_markdown_is_escaped() -> None:
    assert TABLE.markdown().splitlines() == [
        "### title", "",
        "| name | value |", "| --- | ---: |", r"| a\|b | 1 |", "| [red] | 22 |", "",
        "a note",
    ]  # fmt: skip


def test_rich_draws_in_a_terminal(monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    file = io.StringIO()
    TABLE.print(Console(file=file, force_terminal=True, width=60))
    assert "\x1b[" in file.getvalue()
    assert "[red]" in file.getvalue()
    assert "a note" in file.getvalue()


def test_no_color_is_respected(monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    TABLE.print(Console(file=file, force_terminal=True, width=60))
    assert "\x1b[3" not in file.getvalue().replace("\x1b[3m", "")  # italics are no colour


def test_long_lines_are_not_broken_when_piped() -> None:
    file = io.StringIO()
    Table("t", ("a",), (("x" * 500,),)).print(Console(file=file))
    assert "x" * 500 in file.getvalue()


HOSTILE = Table("a\nb", ("x|y",), (("end\\|\n\x1b[2J<img src=x>",),), note="![i](http://x)\n# no")


def test_what_a_terminal_would_obey_is_shown() -> None:
    assert HOSTILE.plain().splitlines()[3] == "end\\| \\x1b[2J<img src=x>"
    assert len(HOSTILE.plain().splitlines()) == 5
    file = io.StringIO()
    HOSTILE.print(Console(file=file, force_terminal=True, width=80))
    assert "\x1b[2J" not in file.getvalue() and "[2J" in file.getvalue()


def test_markdown_that_would_be_more_than_a_cell() -> None:
    assert HOSTILE.markdown().splitlines() == [
        "### a b", "",
        r"| x\|y |", "| --- |", r"| end\\\| \\x1b[2J\<img src=x> |", "",
        r"\![i](http://x) # no",
    ]  # fmt: skip

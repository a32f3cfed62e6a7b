"""One table, three looks: drawn in a terminal, plain where output is piped, or as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import rich.table
from rich.console import Console

from .units import one_line

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """A title, the columns' names, and rows of as many strings; a note may follow.

    >>> table = Table("speed", ("what", "seconds"), (("ours", "1.5"), ("theirs", "12")))
    >>> print(table.plain())
    speed
    what    seconds
    ------  -------
    ours        1.5
    theirs       12
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def plain(self) -> str:
        """Aligned text, numbers to the right; no line is ever broken."""
        lines = [[one_line(cell) for cell in row] for row in (self.columns, *self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        lines.insert(1, ["-" * width for width in widths])
        text = [
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(line, widths, self.numbers(), strict=True)
            ).rstrip()
            for line in lines
        ]
        note = [one_line(self.note)] if self.note else []
        return "\n".join([one_line(self.title), *text, *note])

    def markdown(self) -> str:
        """A Markdown table under its title."""
        head = [self.columns, ["---:" if right else "---" for right in self.numbers()]]
        lines = [f"| {' | '.join(map(_escaped, row))} |" for row in [*head, *self.rows]]
        note = ["", _escaped(self.note)] if self.note else []
        return "\n".join([f"### {_escaped(self.title)}", "", *lines, *note])

    def print(self, console: Console | None = None) -> None:
        """Drawn by rich in a terminal (without colours if NO_COLOR is set), plain otherwise."""
        console = console or Console()
        if not console.is_terminal:
            print(self.plain(), end="\n\n", file=console.file)
            return
        title, note = _unmarked(self.title), _unmarked(self.note) or None
        drawn = rich.table.Table(title=title, caption=note, title_justify="left")
        for name, right in zip(self.columns, self.numbers(), strict=True):
            drawn.add_column(_unmarked(name), justify="right" if right else "left", overflow="fold")
        for row in self.rows:
            drawn.add_row(*map(_unmarked, row))
        console.print(drawn)

    def numbers(self) -> list[bool]:
        """Which columns hold numbers: each cell begins with a digit, or is empty or a dash."""
        columns = zip(*self.rows, strict=True) if self.rows else ([] for _ in self.columns)
        return [all(not cell.strip("–") or cell[0].isdigit() for cell in c) for c in columns]


def _unmarked(text: str) -> str:
    """For rich: on one line, and its brackets are brackets."""
    return rich.markup.escape(one_line(text))


def _escaped(text: str) -> str:
    """For Markdown: on one line, and what would be a mark there is a letter."""
    return re.sub(r"([\\|`<]|!(?=\[))", r"\\\1", one_line(text))

"""A table for the terminal: drawn by rich, or plain text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import rich.box
import rich.table
from rich.console import Console
from rich.markup import escape

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """A title, the columns' names, and rows of as many strings; lines of notes may follow.

    The first ``texts`` columns hold text, the others numbers, which stand to the right.

    >>> print(Table("time", ("op", "ms"), (("add", "1.5"), ("matmul", "12.0"))).plain())
    op        ms
    add      1.5
    matmul  12.0
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    texts: int = 1

    def plain(self) -> str:
        """Aligned text, without the title; no line is ever broken."""
        lines = [list(self.columns), *map(list, self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        text = [
            "  ".join(
                cell.ljust(width) if i < self.texts else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*text, *self.notes])

    def print(self, console: Console | None = None) -> None:
        """Drawn in a terminal; plain if it is none, or if NO_COLOR is set."""
        console = console or Console()
        if not console.is_terminal or os.environ.get("NO_COLOR"):
            print(f"{self.title}\n{self.plain()}", end="\n\n", file=console.file)
            return
        drawn = rich.table.Table(
            title=self.title,
            caption="\n".join(map(escape, self.notes)) or None,
            title_justify="left",
            caption_justify="left",
            box=rich.box.SIMPLE_HEAD,
            show_edge=False,
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        room = console.width - sum(widths[1:]) - 2 * len(widths)  # names give way, not numbers
        for i, (name, width) in enumerate(zip(self.columns, widths, strict=True)):
            drawn.add_column(
                name,
                justify="left" if i < self.texts else "right",
                no_wrap=True,
                overflow="ellipsis",
                min_width=width if i else None,
                max_width=None if i else max(room, 8),
            )
        for row in self.rows:
            drawn.add_row(*map(escape, row))
        console.print(drawn)
        console.print()

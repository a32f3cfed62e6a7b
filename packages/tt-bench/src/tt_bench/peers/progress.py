"""What is being measured just now: a bar in a terminal, a line per workload elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["Announcer"]


class Announcer:
    """Says which workload is being measured, and how far that is; used in a ``with``.

    It draws only when told something, between samples: a bar that moved by itself would take time
    from what is being timed.
    """

    def __init__(self, workloads: int, console: Console | None = None) -> None:
        self.console = console or Console()
        columns = TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn()
        self.progress = Progress(
            *columns,
            console=self.console,
            auto_refresh=False,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.bar = self.progress.add_task("", total=workloads)
        self.begun = -1
        self.name = ""

    def begin(self, name: str) -> None:
        """The next workload."""
        self.begun, self.name = self.begun + 1, name
        if not self.console.is_terminal:
            print(f"{name} ...", file=self.console.file, flush=True)

    def tell(self, text: str, done: float) -> None:
        """What of the workload comes next, and which fraction of it is done."""
        self.progress.update(
            self.bar,
            description=f"{escape(self.name)}: {escape(text)}",
            completed=self.begun + done,
            refresh=True,
        )

    def __enter__(self) -> Announcer:
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

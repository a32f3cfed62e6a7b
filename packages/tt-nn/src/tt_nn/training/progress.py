"""Showing how training goes."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress as Bar,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from .callback import Callback

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["Progress"]

QUIET_SECONDS = 2.0  # what is over sooner is told in one line
REDRAW_SECONDS = 0.1
LINE_SECONDS = 30.0


class Progress(Callback):
    """A bar for the epoch under way on a terminal, and a line for every epoch.

    Where the output is no terminal there are only the lines. A training of less than two seconds is
    told in one line, at its end. Colours follow the terminal, and NO_COLOR.

    Args:
        console: where to write; by default the standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console
        self.bar: Bar | None = None
        self.task: TaskID | None = None
        self.held: list[str] = []  # lines of epochs that were over before there was need to show

    def on_train_begin(self, trainer: Trainer) -> None:
        """Look where the output goes."""
        self.out = self.console or Console(file=sys.stdout)
        dumb = self.out.is_dumb_terminal
        self.live = self.out.is_terminal and not dumb and _is_tty(self.out.file)
        self.begun = self.drawn = time.perf_counter()
        self.held, self.bar, self.task = [], None, None
        self.first = trainer.epoch
        if trainer.step:
            self.held.append(f"resuming in epoch {trainer.epoch}, after step {trainer.step}")

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """A bar of its own for every epoch."""
        self._end_bar()

    def on_batch_end(self, trainer: Trainer) -> None:
        """Draw the bar, ten times a second at most, or print a line twice a minute."""
        now = time.perf_counter()
        pause = REDRAW_SECONDS if self.live else LINE_SECONDS
        if now - self.drawn < pause or not self._loud(now):
            return
        self.drawn = now
        self._release()
        if self.live:
            self._draw(trainer)
        else:
            of = f"/{trainer.batches}" if trainer.batches else ""
            batch = f"batch {trainer.position.batches}{of}"
            self._print(
                f"epoch {trainer.epoch}/{trainer.epochs}  {batch}  loss {number(trainer.loss)}"
            )

    def on_epoch_end(self, trainer: Trainer) -> None:
        """One line for the epoch."""
        self._end_bar()
        self.held.append(epoch_line(trainer))
        now = time.perf_counter()
        if self._loud(now):
            self._release()
            self.drawn = now if not self.live else self.drawn

    def on_train_end(self, trainer: Trainer) -> None:
        """One line for the whole training."""
        self._end_bar()
        self.held = []
        self._print(final_line(trainer, self.first, time.perf_counter() - self.begun))

    def _release(self) -> None:
        """Print what was held back."""
        for line in self.held:
            self._print(line)
        self.held = []

    def _loud(self, now: float) -> bool:
        return now - self.begun >= QUIET_SECONDS

    def _draw(self, trainer: Trainer) -> None:
        if self.bar is None:
            self.bar = Bar(
                TextColumn("epoch {task.fields[epoch]}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("loss {task.fields[loss]}"),
                TimeRemainingColumn(compact=True),
                console=self.out,
                auto_refresh=False,
                transient=True,
            )
        place = f"{trainer.epoch}/{trainer.epochs}"
        fields: dict[str, Any] = {"epoch": place, "loss": number(trainer.loss)}
        done = trainer.position.batches
        if self.task is None:
            self.task = self.bar.add_task("", total=trainer.batches, completed=done, **fields)
            self.bar.start()
        self.bar.update(self.task, completed=done, **fields)
        self.bar.refresh()

    def _end_bar(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = self.task = None

    def _print(self, line: str) -> None:
        self.out.print(line, markup=False, highlight=False, soft_wrap=True)


def epoch_line(trainer: Trainer) -> str:
    """``epoch  3/10  loss 0.1234  val_loss 0.2345  12.3s``."""
    values = trainer.history.epochs[-1]
    width = len(str(trainer.epochs))
    parts = [f"epoch {trainer.epoch:{width}}/{trainer.epochs}"]
    names = [n for n in values if n == "loss" or n.startswith("val_")] + ["lr"]
    parts += [f"{name} {number(values[name])}" for name in names]
    return "  ".join([*parts, seconds(values["seconds"])])


def final_line(trainer: Trainer, first: int, duration: float) -> str:
    """What came out and how it ended, since the epoch ``first`` and for ``duration`` seconds."""
    history = trainer.history
    done = len(history.epochs)
    if trainer.status != "finished":
        parts = [f"{trainer.status} in epoch {trainer.epoch}, after step {trainer.step}"]
    elif done < first:
        parts = [f"nothing left to train: {done} epoch{'s' * (done != 1)} done before"]
    elif first == 1:
        parts = [f"trained {done} epoch{'s' * (done != 1)}"]
    else:
        parts = [f"trained epoch {first}" + (f" to {done}" if done > first else "")]
    parts[0] += f" in {seconds(duration)}" if trainer.status == "finished" else ""
    if history.epochs:
        last = history.epochs[-1]
        parts += [f"{n} {number(v)}" for n, v in last.items() if n == "loss" or n[:4] == "val_"]
    if history.stopped:
        parts.append(f"stopped early: {history.stopped}")
    return "  ".join(parts)


def number(value: float) -> str:
    """Four digits that matter: 0.1234, 12.34, 1.2e-05."""
    return f"{value:.4f}" if math.isfinite(value) and 0.001 <= abs(value) < 10 else f"{value:.4g}"


def seconds(duration: float) -> str:
    """``0.3s``, ``12.3s``, ``2m03s``, ``1h02m``."""
    if duration < 60:
        return f"{duration:.1f}s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def _is_tty(file: Any) -> bool:
    """Whether someone is looking: FORCE_COLOR makes rich believe so of any file."""
    return bool(getattr(file, "isatty", lambda: False)())

"""What one sees while the model learns: a live dashboard on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tt_nn.training import Callback, Trainer

__all__ = ["Dashboard", "curve"]

_BARS = "▁▂▃▄▅▆▇█"


def curve(values: Sequence[float], width: int, height: int) -> list[str]:
    """A curve of block characters, ``height`` lines of ``width``, the first value at the left.

    Values that share a column are averaged.
    """
    if not values:
        return [" " * width] * height
    columns = []
    for i in range(min(width, len(values))):
        start = i * len(values) // min(width, len(values))
        end = max(start + 1, (i + 1) * len(values) // min(width, len(values)))
        columns.append(sum(values[start:end]) / (end - start))
    top = max(columns) or 1.0
    eighths = [max(1, round(value / top * height * 8)) for value in columns]
    lines = []
    for row in range(height - 1, -1, -1):
        cells = [min(8, max(0, e - 8 * row)) for e in eighths]
        lines.append("".join(" " if c == 0 else _BARS[c - 1] for c in cells).ljust(width))
    return lines


class Dashboard(Callback):
    """Shows a training run.

    Args:
        steps: how many steps the run has.
        tokens: how many tokens the model is trained on in a step.
        questions: the questions asked again and again.
        ask: answers them with the model as it is now.
        every: steps between two rounds of questions.
    """

    def __init__(
        self,
        console: Console,
        steps: int,
        tokens: int,
        questions: Sequence[str],
        ask: Callable[[Sequence[str]], Sequence[str]],
        every: int,
    ) -> None:
        self.console = console
        self.steps = steps
        self.tokens = tokens
        self.questions = list(questions)
        self.ask = ask
        self.every = every
        self.losses: list[float] = []
        self.answers: list[str] = [""] * len(self.questions)
        self.rate = 0.0  # learning rate
        self.taken = 0  # steps since the start: fewer than the losses if training was resumed
        self.start = self.end = time.perf_counter()
        self.shown = 0.0
        self.live: Live | None = None
        if console.is_terminal:
            self.live = Live(console=console, auto_refresh=False)

    def on_train_begin(self, trainer: Trainer) -> None:
        """Start the clock and, on a terminal, the display."""
        self.start = self.end = time.perf_counter()
        if self.live is not None:
            self.live.start()

    def on_train_end(self, trainer: Trainer) -> None:
        """Leave the last state standing."""
        self.end = time.perf_counter()
        if self.live is not None:
            self.live.update(self._view(), refresh=True)
            self.live.stop()

    def on_batch_end(self, trainer: Trainer) -> None:
        """One training step is done."""
        self.losses = trainer.history.losses
        self.taken += 1
        self.rate = trainer.optimizer.param_groups[0]["lr"]
        done = len(self.losses)
        self.end = time.perf_counter()
        asked = done % self.every == 0 or done == self.steps
        if asked:
            self.answers = list(self.ask(self.questions))
        if self.live is None:
            if asked:
                self._print_line()
        elif asked or time.perf_counter() - self.shown > 0.25:
            self.shown = time.perf_counter()
            self.live.update(self._view(), refresh=True)

    @property
    def seconds(self) -> float:
        """The time since the start, asking the questions included."""
        return self.end - self.start

    @property
    def tokens_per_second(self) -> float:
        """The tokens trained on per second so far."""
        return self.tokens * self.taken / max(self.seconds, 1e-9)

    def recent_loss(self) -> float:
        """The mean loss of the last 50 steps."""
        last = self.losses[-50:]
        return sum(last) / max(len(last), 1)

    def _print_line(self) -> None:
        """The state of things as plain lines, one question at a time in turn."""
        done = len(self.losses)
        i = (done // self.every) % len(self.questions)
        self.console.print(
            f"step {done:5d}/{self.steps}  loss {self.recent_loss():6.3f}  "
            f"{self.tokens_per_second:7,.0f} tokens/s  {self.seconds:4.0f} s   "
            f"{self.questions[i]} -> {self.answers[i]}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def _view(self) -> Any:
        """The dashboard."""
        done = len(self.losses)
        width = max(20, min(self.console.width - 6, 72))
        lines = Text("\n".join(curve(self.losses, width, 6)), style="cyan")
        left = self.seconds / max(self.taken, 1) * (self.steps - done)
        facts = Text(
            f"step {done}/{self.steps}   loss {self.recent_loss():.3f}   "
            f"learning rate {self.rate:.1e}   {self.tokens_per_second:,.0f} tokens/s   "
            f"{self.seconds:.0f} s, about {left:.0f} s to go"
        )
        talk = Table.grid(padding=(0, 2))
        for question, answer in zip(self.questions, self.answers, strict=True):
            talk.add_row(Text(question, style="bold"), Text(answer, overflow="ellipsis"))
        return Panel(
            Group(lines, facts, ProgressBar(self.steps, done, width=width), Text(""), talk),
            title="TinyGPT learns to talk",
            title_align="left",
        )

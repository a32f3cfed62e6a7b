"""What one sees while a GPT learns: a live dashboard on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

import tt_tensor as tt
from tt_nn.training import Callback, Trainer

__all__ = ["Dashboard", "curve", "is_live", "printable"]

REDRAW_SECONDS = 0.25
MOST_COLUMNS = 110  # wider is harder to read

_BARS = "▁▂▃▄▅▆▇█"
_HEAT = ("#5fd7ff", "#5fd7af", "#afd75f", "#ffd75f", "#ffaf5f", "#ff8787")  # from low to high


# ---- curves --------------------------------------------------------------------------------------


def curve(
    values: Sequence[float],
    width: int,
    height: int,
    *,
    total: int | None = None,
    log: bool = False,
) -> list[str]:
    """A curve of block characters, ``height`` lines of ``width``, the first value at the left.

    Values that share a column are averaged.

    Args:
        total: how many values there are to be; the columns of those to come stay empty. None: no
            more than there are, and a value has a column at most.
        log: the height shows the logarithm, from the smallest column to the largest; otherwise the
            value, from zero.
    """
    columns = _columns(values, width, total)
    if not columns:
        return [" " * width] * height
    if log:
        least, most = math.log(max(min(columns), 1e-9)), math.log(max(*columns, 2e-9))
        shares = [(math.log(max(v, 1e-9)) - least) / ((most - least) or 1.0) for v in columns]
    else:
        shares = [value / (max(columns) or 1.0) for value in columns]
    eighths = [max(1, round(share * height * 8)) for share in shares]
    lines = []
    for row in range(height - 1, -1, -1):
        cells = [min(8, max(0, e - 8 * row)) for e in eighths]
        lines.append("".join(" " if c == 0 else _BARS[c - 1] for c in cells).ljust(width))
    return lines


def _columns(values: Sequence[float], width: int, total: int | None) -> list[float]:
    """The mean of the values in each column, of as many columns as there are values for."""
    if total is None or total < len(values):
        total = len(values)
    wide = min(width, total)
    columns = []
    for i in range(wide):
        start = i * total // wide
        end = min(max(start + 1, (i + 1) * total // wide), len(values))
        if start >= end:
            break
        columns.append(sum(values[start:end]) / (end - start))
    return columns


# ---- what may be shown ---------------------------------------------------------------------------


def printable(text: str, ascii_only: bool = False) -> str:
    """The text with whatever is no visible character replaced.

    A model that has not learned yet writes any bytes at all, and some of them steer terminals.
    """
    if ascii_only:
        return "".join(c if " " <= c <= "~" else "?" for c in text)
    return "".join(c if c.isprintable() else "·" for c in text)


def is_live(console: Console) -> bool:
    """Whether someone is looking at a terminal that can be drawn on, whatever FORCE_COLOR says."""
    is_terminal = getattr(console.file, "isatty", lambda: False)()
    return is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


# ---- the dashboard -------------------------------------------------------------------------------


class Dashboard(Callback):
    """Shows a training run: loss and learning rate, speed, answers, and what is right of them.

    Args:
        steps: how many steps the run has.
        tokens: how many tokens the model is trained on in a step.
        questions: the questions asked again and again.
        ask: answers them with the model as it is now.
        every: steps between two rounds of questions.
        expected: the right answers of those questions that have one.
        examine: how many questions of each kind are answered right, and of how many.
        examine_every: steps between two exams.
    """

    def __init__(
        self,
        console: Console,
        steps: int,
        tokens: int,
        questions: Sequence[str],
        ask: Callable[[Sequence[str]], Sequence[str]],
        every: int,
        *,
        title: str = "TinyGPT learns to talk",
        expected: Mapping[str, str] | None = None,
        examine: Callable[[], Mapping[str, tuple[int, int]]] | None = None,
        examine_every: int = 0,
    ) -> None:
        self.console = console
        self.steps = steps
        self.tokens = tokens
        self.questions = list(questions)
        self.ask = ask
        self.every = every
        self.title = title
        self.expected = dict(expected or {})
        self.examine = examine
        self.examine_every = examine_every
        self.losses: list[float] = []
        self.rates: list[float] = []  # learning rates
        self.answers: list[str] = [""] * len(self.questions)
        self.exams: dict[str, list[float]] = {}  # the share that was right, exam by exam
        self.taken = 0  # steps since the start: fewer than the losses if training was resumed
        self.start = self.end = time.perf_counter()
        self.shown = 0.0
        self.live = Live(console=console, auto_refresh=False) if is_live(console) else None

    # ---- what the Trainer tells ------------------------------------------------------------------

    def on_train_begin(self, trainer: Trainer) -> None:
        """Start the clock and, on a terminal, the display."""
        self.losses = trainer.history.losses
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
        self.rates.append(trainer.optimizer.param_groups[0]["lr"])
        asked = self._is_due(self.every)
        examined = False
        if asked:
            self.answers = list(self.ask(self.questions))
        if self.examine is not None and self._is_due(self.examine_every):
            examined = True
            for kind, (right, of) in self.examine().items():
                self.exams.setdefault(kind, []).append(right / of)
        self.end = time.perf_counter()
        if self.live is None:
            self._print_lines(asked, examined)
        elif asked or examined or self.end - self.shown > REDRAW_SECONDS:
            self.live.update(self._view(), refresh=True)
            self.shown = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """What was seen so far."""
        rates = tt.tensor(self.rates, dtype=tt.float64)
        return {"rates": rates, "answers": self.answers, "exams": self.exams}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.rates = state_dict["rates"].tolist()
        self.answers = list(state_dict["answers"])
        self.exams = {kind: list(shares) for kind, shares in state_dict["exams"].items()}

    def _is_due(self, every: int) -> bool:
        done = len(self.losses)
        return done == self.steps or (every > 0 and done % every == 0)

    # ---- figures ---------------------------------------------------------------------------------

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

    # ---- plain lines -----------------------------------------------------------------------------

    def _print_lines(self, asked: bool, examined: bool) -> None:
        """The state of things as plain lines, one question at a time in turn."""
        done = len(self.losses)
        if asked or examined:
            self._print(
                f"step {done:5d}/{self.steps}  loss {self.recent_loss():6.3f}  "
                f"rate {self.rates[-1]:.1e}  {self.tokens_per_second:7,.0f} tokens/s  "
                f"{self.seconds:6.1f} s"
            )
        if asked:
            i = (done // self.every) % len(self.questions)
            self._print(f"  {self.questions[i]} -> {self.answers[i]}")
        if examined:
            shares = (f"{kind} {shares[-1]:.0%}" for kind, shares in self.exams.items())
            self._print(f"  right: {', '.join(shares)}")

    def _print(self, line: str) -> None:
        line = printable(line, ascii_only=True)[:80]
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    # ---- the display -----------------------------------------------------------------------------

    def _view(self) -> Any:
        """The dashboard: curves above, then progress, exams and answers."""
        wide = min(self.console.width, MOST_COLUMNS)
        below = len(self.questions) + len(self.exams) + 10
        high = max(3, min(9, self.console.height - below))
        right = wide * 2 // 5
        curves = Table.grid()
        curves.add_row(
            self._curve("loss, drawn by its logarithm", self.losses, wide - right, high, log=True),
            self._curve("learning rate", self.rates, right, high),
        )
        parts: list[Any] = [Text(self.title, style="bold"), curves, self._progress(wide)]
        if self.exams:
            parts.append(_panel("exactly right", self._exams(wide - 4), wide))
        parts.append(_panel("asked again and again", self._talk(), wide))
        return Group(*parts)

    def _curve(
        self, name: str, values: Sequence[float], wide: int, high: int, log: bool = False
    ) -> Panel:
        """A curve, coloured by its height, with the latest value."""
        latest = self.recent_loss() if log else (values or [0.0])[-1]
        lines = curve(values, wide - 4, high, total=self.steps, log=log)
        text = Text(no_wrap=True)
        for i, line in enumerate(lines):
            heat = _HEAT[(high - 1 - i) * len(_HEAT) // high] if log else "#af87ff"
            text.append(line + "\n" * (i < high - 1), heat)
        shown = f"{latest:.3f}" if log else f"{latest:.1e}"
        return _panel(name, text, wide, shown)

    def _progress(self, wide: int) -> Table:
        """How far it is, how fast, and how long it will take."""
        done = len(self.losses)
        left = self.seconds / max(self.taken, 1) * (self.steps - done)
        times = f"{_clock(self.seconds)} gone, about {_clock(left)} to go" if self.taken else ""
        row = Table.grid(padding=(0, 2), pad_edge=True)
        for _ in range(3):
            row.add_column(no_wrap=True)
        row.add_row(
            Text(f"step {done:,}/{self.steps:,}"),
            ProgressBar(self.steps, done, width=max(8, wide - 76)),
            Text(f"{self.tokens_per_second:,.0f} tokens/s", style="cyan"),
            Text(times, style="dim", no_wrap=True, overflow="ellipsis"),  # gives way
        )
        return row

    def _exams(self, wide: int) -> Table:
        """A bar for each kind of question, and how it grew."""
        table = Table.grid(padding=(0, 2))
        for kind, shares in self.exams.items():
            bar = Text("━" * round(shares[-1] * 24), "green")
            bar.append("┈" * (24 - len(bar)), "bright_black")
            past = "".join(_BARS[round(7 * share)] for share in shares[-max(4, wide - 58) :])
            table.add_row(
                Text(f"{kind:<18}"), bar, Text(f"{shares[-1]:4.0%}", "bold"), Text(past, "green")
            )
        return table

    def _talk(self) -> Table:
        """The questions and the answers to them, marked where they are right."""
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True, overflow="ellipsis", style="dim")
        table.add_column(no_wrap=True, overflow="ellipsis")
        for question, answer in zip(self.questions, self.answers, strict=True):
            right = answer != "" and self.expected.get(question, "") == answer
            style = "green" if right else "yellow" if question in self.expected else "default"
            table.add_row(
                Text("✓" if right else "·", style), Text(question), Text(printable(answer), style)
            )
        return table


def _panel(title: str, content: Any, wide: int, value: str = "") -> Panel:
    """A frame with a title and, at the right of its lower edge, a value."""
    return Panel(
        content,
        title=Text(title, "dim"),
        title_align="left",
        subtitle=Text(value, "bold") if value else None,
        subtitle_align="right",
        border_style="bright_black",
        width=wide,
    )

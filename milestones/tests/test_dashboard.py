"""What one sees while a GPT learns."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from tt_nn import Linear, MSELoss
from tt_nn.optim import SGD
from tt_nn.optim.lr_scheduler import LambdaLR
from tt_nn.training import Trainer
from tt_tensor import manual_seed, randn

STEPS = 12


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def dashboard(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    """dashboard.py, as a script imports it."""
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.syspath_prepend(request.path.parents[1])
    return importlib.import_module("dashboard")


def watched(
    dashboard: ModuleType, console: Console, answers: Callable[[Any], list[str]], **options: Any
) -> Any:
    """A dashboard of twelve steps that asks two questions every fifth."""
    return dashboard.Dashboard(console, STEPS, 100, ["One?", "Two [red]?"], answers, 5, **options)


def train(board: Any, folder: Path | None = None, resume: bool = False) -> None:
    manual_seed(0)
    model = Linear(2, 1)
    optimizer = SGD(model.parameters(), lr=0.1)
    trainer = Trainer(
        model,
        optimizer,
        MSELoss(),
        scheduler=LambdaLR(optimizer, lambda step: 1 / (1 + step)),
        scheduler_interval="step",
        callbacks=[board],
        checkpoint=folder,
        progress=False,
    )
    trainer.fit([(randn(4, 2), randn(4, 1)) for _ in range(STEPS)], 1, resume=resume)


# ---- curves --------------------------------------------------------------------------------------


def test_a_curve_has_the_height_of_its_values(dashboard: ModuleType) -> None:
    assert dashboard.curve([4.0, 2.0, 1.0, 0.5], 6, 1) == ["█▄▂▁  "]
    assert dashboard.curve([1.0, 2.0], 2, 2) == [" █", "██"]
    assert dashboard.curve([1.0, 3.0, 5.0, 7.0], 2, 1) == ["▃█"]  # means of 2 and 6
    assert dashboard.curve([], 3, 2) == ["   ", "   "]


def test_values_to_come_leave_room(dashboard: ModuleType) -> None:
    assert dashboard.curve([1.0] * 50, 8, 1, total=100) == ["████    "]
    assert dashboard.curve([1.0] * 100, 8, 1, total=100) == ["████████"]
    assert dashboard.curve([1.0] * 101, 8, 1, total=100) == ["████████"]
    assert dashboard.curve([1.0], 8, 1, total=100) == ["█       "]


def test_a_logarithm_makes_halves_equal_steps(dashboard: ModuleType) -> None:
    values = [8.0, 4.0, 2.0, 1.0]
    assert dashboard.curve(values, 4, 3, log=True) == ["█   ", "██  ", "███▁"]
    assert dashboard.curve([2.0, 2.0], 2, 1, log=True) == ["▁▁"]
    assert len(dashboard.curve([0.0, 1.0], 2, 3, log=True)) == 3


# ---- where there is no terminal ------------------------------------------------------------------


@pytest.mark.parametrize("forced", [False, True])
def test_without_a_terminal_there_are_plain_lines(dashboard: ModuleType, forced: bool) -> None:
    """Short, in ASCII, whatever the model writes: an untrained one may write escape codes."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=forced, color_system=None)
    exams = iter([{"seen": (1, 4), "new": (0, 4)}, {"seen": (4, 4), "new": (1, 4)}])
    board = watched(
        dashboard,
        console,
        lambda asked: ["\x1b[2J\x07é\u2603 " + "long " * 30, "[bold]2[/bold]"],
        examine=lambda: next(exams),
        examine_every=8,
    )
    train(board)
    lines = out.getvalue().splitlines()
    assert [line.split()[1] for line in lines if line.startswith("step")] == [
        "5/12", "8/12", "10/12", "12/12",
    ]  # fmt: skip
    assert [line for line in lines if "->" in line] == [
        "  Two [red]? -> [bold]2[/bold]",
        ("  One? -> ?[2J??? " + "long " * 30)[:80],
        ("  One? -> ?[2J??? " + "long " * 30)[:80],
    ]
    assert [line for line in lines if "right" in line] == [
        "  right: seen 25%, new 0%",
        "  right: seen 100%, new 25%",
    ]
    assert out.getvalue().isascii() and "\x1b" not in out.getvalue()


def test_every_line_has_the_figures_of_its_step(dashboard: ModuleType) -> None:
    out = io.StringIO()
    board = watched(dashboard, Console(file=out), lambda asked: ["1", "2"])
    train(board)
    last = [line.split() for line in out.getvalue().splitlines() if line.startswith("step")][-1]
    losses = board.losses
    assert len(losses) == len(board.rates) == STEPS
    assert last[3] == f"{sum(losses) / STEPS:.3f}"
    assert last[5] == f"{board.rates[-1]:.1e}" == f"{0.1 / (1 + STEPS):.1e}"
    assert board.tokens_per_second == pytest.approx(100 * STEPS / board.seconds)


# ---- on a terminal -------------------------------------------------------------------------------


def last_view(out: Terminal) -> str:
    """What is on the terminal when all is over."""
    return out.getvalue().split("\x1b[2K")[-1]


def test_on_a_terminal_all_is_in_view(dashboard: ModuleType) -> None:
    out = Terminal()
    console = Console(file=out, width=90, height=30, color_system=None)
    board = watched(
        dashboard,
        console,
        lambda asked: ["Yes.", "\x1b[2J"],
        title="It learns",
        expected={"One?": "Yes.", "Two [red]?": "2."},
        examine=lambda: {"seen": (3, 4)},
        examine_every=6,
    )
    train(board)
    view = last_view(out)
    assert "It learns" in view
    assert "step 12/12" in view
    assert f"{board.recent_loss():.3f}" in view
    assert f"{board.rates[-1]:.1e}" in view
    assert "✓  One?        Yes." in view
    assert "·  Two [red]?  ·[2J" in view
    assert " 75%  ▆▆" in view
    assert max(map(len, view.splitlines())) <= 90


def test_narrow_and_low_terminals_are_enough(dashboard: ModuleType) -> None:
    out = Terminal()
    console = Console(file=out, width=50, height=12, color_system=None)
    train(watched(dashboard, console, lambda asked: ["a long answer " * 9, ""]))
    lines = last_view(out).splitlines()
    assert max(map(len, lines)) <= 50
    [progress] = [i for i, line in enumerate(lines) if "step 12/12" in line]
    assert lines[progress + 1].startswith("╭"), "it takes one line"


def test_colours_are_for_terminals_that_want_them(
    dashboard: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    coloured = Terminal()
    train(watched(dashboard, Console(file=coloured), lambda asked: ["1", "2"]))
    assert "\x1b[38;" in coloured.getvalue()
    plain = Terminal()
    train(watched(dashboard, Console(file=plain, color_system=None), lambda asked: ["1", "2"]))
    assert "\x1b[38;" not in plain.getvalue()


@pytest.mark.parametrize(("variable", "value"), [("TERM", "dumb"), ("TERM", "unknown")])
def test_a_terminal_that_cannot_be_drawn_on_gets_lines(
    dashboard: ModuleType, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    out = Terminal()
    train(watched(dashboard, Console(file=out), lambda asked: ["1", "2"]))
    assert "step    12/12" in out.getvalue()
    assert "╭" not in out.getvalue()


# ---- resuming ------------------------------------------------------------------------------------


def test_a_resumed_run_shows_what_was_before(dashboard: ModuleType, tmp_path: Path) -> None:
    asked: list[int] = []

    def interrupt(questions: Any) -> list[str]:
        asked.append(len(board.losses))
        if len(asked) == 1:
            raise KeyboardInterrupt
        return ["1", "2"]

    exams = {"seen": (1, 2)}
    options: dict[str, Any] = {"examine": lambda: exams, "examine_every": 2}
    board = watched(dashboard, Console(file=io.StringIO()), lambda q: interrupt(q), **options)
    with pytest.raises(KeyboardInterrupt):
        train(board, tmp_path)
    again = watched(dashboard, Console(file=io.StringIO()), lambda q: ["1", "2"], **options)
    train(again, tmp_path, resume=True)
    whole = watched(dashboard, Console(file=io.StringIO()), lambda q: ["1", "2"], **options)
    train(whole)
    assert 0 < again.taken < STEPS == len(again.losses)
    assert again.losses == whole.losses
    assert again.rates == whole.rates
    assert again.exams == whole.exams
    assert again.answers == whole.answers == ["1", "2"]

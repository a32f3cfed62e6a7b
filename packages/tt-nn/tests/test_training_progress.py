"""What a person sees of training."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tt_nn import Linear, MSELoss
from tt_nn.optim import SGD
from tt_nn.training import Callback, Progress, Trainer, progress
from tt_tensor import randn


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def train(console: Console | None, clock: Clock, step_seconds: float, epochs: int = 3, **options):
    class Slow(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            clock.now += step_seconds

    model = Linear(2, 1)
    batches = [(randn(4, 2), randn(4, 1)) for _ in range(5)]
    shown = Progress(console) if console else None
    trainer = Trainer(
        model,
        SGD(model.parameters()),
        options.pop("loss", MSELoss()),
        callbacks=[Slow(), *options.pop("callbacks", ())],
        checkpoint=options.pop("checkpoint", None),
        progress=shown,
    )
    trainer.fit(batches, epochs, **options)
    return trainer


def test_a_short_training_is_one_line(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    train(None, clock, 0.01)
    out = capsys.readouterr().out
    assert out.startswith("trained 3 epochs in 0.2s  loss ") and out.count("\n") == 1


def test_lines_for_every_epoch_when_piped(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    train(None, clock, 0.2, epochs=12)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:11] for line in lines[:-1]] == [f"epoch {n:2}/12" for n in range(1, 13)]
    assert "  loss " in lines[0] and "  lr 0.0010" in lines[0]
    assert lines[-1].startswith("trained 12 epochs in 12.0s")
    assert "\x1b" not in "".join(lines) and "\r" not in "".join(lines)


def test_a_long_epoch_shows_a_sign_of_life(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    train(None, clock, 20.0, epochs=1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("epoch 1/1  batch 2/5  loss ")
    assert len(lines) == 4


@pytest.mark.parametrize("no_color", [False, True])
def test_a_bar_on_a_terminal(no_color: bool, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    file = Terminal()
    train(Console(file=file, force_terminal=True, width=80), clock, 0.5)
    out = file.getvalue()
    assert "5/5" in out and "epoch 3/3" in out and "trained 3 epochs" in out
    assert ("\x1b[3" in out) is not no_color
    assert out.rstrip().splitlines()[-1].startswith("trained")


def test_no_bar_on_a_dumb_terminal(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    file = Terminal()
    train(Console(file=file, force_terminal=True), clock, 0.5)
    assert "\x1b" not in file.getvalue() and "epoch 1/3" in file.getvalue()


def test_how_it_ended(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    class Stop(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            trainer.stop("enough")

    class Interrupt(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            raise KeyboardInterrupt

    def fail(*_: Any) -> Any:
        raise LookupError

    train(None, clock, 0.005, callbacks=[Stop()])
    assert "trained 1 epoch in 0.0s" in (out := capsys.readouterr().out)
    assert "stopped early: enough" in out
    with pytest.raises(KeyboardInterrupt):
        train(None, clock, 0.01, callbacks=[Interrupt()])
    assert capsys.readouterr().out == "interrupted in epoch 1, after step 1\n"
    with pytest.raises(LookupError):
        train(None, clock, 0.01, loss=fail)
    assert capsys.readouterr().out == "failed in epoch 1, after step 0\n"


def test_a_resumed_training_speaks_of_its_own_time(
    clock: Clock, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    train(None, clock, 0.1, epochs=2, checkpoint=tmp_path)
    assert capsys.readouterr().out.startswith("trained 2 epochs in 1.0s")
    train(None, clock, 1.0, epochs=4, checkpoint=tmp_path, resume=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "resuming in epoch 3, after step 10"
    assert lines[-1].startswith("trained epoch 3 to 4 in 10.0s")
    train(None, clock, 1.0, epochs=4, checkpoint=tmp_path, resume=True)
    assert capsys.readouterr().out.startswith("nothing left to train: 4 epochs done before")


def test_silence(capsys: pytest.CaptureFixture[str]) -> None:
    model = Linear(2, 1)
    trainer = Trainer(model, SGD(model.parameters()), MSELoss(), progress=False)
    trainer.fit([(randn(4, 2), randn(4, 1))], 2)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "duration, text", [(0.04, "0.0s"), (59.94, "59.9s"), (123, "2m03s"), (3725, "1h02m")]
)
def test_durations(duration: float, text: str) -> None:
    assert progress.seconds(duration) == text

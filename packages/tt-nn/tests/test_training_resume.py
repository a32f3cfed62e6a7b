"""A training that is interrupted and resumed ends as if it had never been: bit for bit."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tt_nn import Linear, Module, MSELoss
from tt_nn.optim import Adam
from tt_nn.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau
from tt_nn.serialization import load, save
from tt_nn.training import Callback, Checkpoint, EarlyStopping, Trainer
from tt_tensor import Generator, get_rng_state, manual_seed, rand, randn, randperm, zeros

EPOCHS, BATCHES = 4, 6


class Net(Module):
    """Dropout-like randomness, and a buffer that every forward pass in training changes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Linear(3, 8), Linear(8, 1)
        self.register_buffer("mean", zeros(3))

    def forward(self, x: Any) -> Any:
        if self.training:
            self.mean.mul_(0.9).add_(x.mean(0), alpha=0.1)
            hidden = self.first(x - self.mean).tanh()
            return self.second(hidden * (rand(hidden.shape) > 0.3))
        return self.second(self.first(x - self.mean).tanh())


class SeededLoader:
    """Shuffles by a generator of its own, whose state it hands out."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches, self.generator = batches, Generator().manual_seed(3)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Any:
        for i in randperm(len(self.batches), generator=self.generator).tolist():
            yield self.batches[i]

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["generator"])


class GlobalLoader:
    """Shuffles by the default generator, and draws from it with every batch."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = batches

    def __iter__(self) -> Any:
        for i in randperm(len(self.batches)).tolist():
            x, y = self.batches[i]
            yield x + 0.01 * randn(x.shape), y


def data() -> list[Any]:
    generator = Generator().manual_seed(1)
    xs = [randn(5, 3, generator=generator) for _ in range(BATCHES)]
    return [(x, x.sum(1, keepdim=True)) for x in xs]


class At(Callback):
    """Does something at one call of one hook; counts through resumed trainings, too."""

    def __init__(self, hook: str, number: int, what: Any) -> None:
        self.calls, self.number, self.what = 0, number, what
        setattr(self, hook, self.count)

    def count(self, trainer: Trainer) -> None:
        self.calls += 1
        if self.calls == self.number:
            self.what()

    def state_dict(self) -> dict[str, Any]:
        return {"calls": self.calls}

    def load_state_dict(self, state: Any) -> None:
        self.calls = state["calls"]


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def interrupt() -> None:
    raise KeyboardInterrupt


class PressedTwice:
    """A loss that hangs at one call, so that whoever watches presses Ctrl-C twice."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, outputs: Any, targets: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            ctrl_c()
            ctrl_c()
            pytest.fail("the second Ctrl-C should have been raised at once")
        return MSELoss()(outputs, targets)


class Raising:
    """A loss or loader that raises KeyboardInterrupt at one call."""

    def __init__(self, inner: Any, number: int) -> None:
        self.inner, self.left = inner, number

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def __call__(self, *args: Any) -> Any:
        self.tick()
        return self.inner(*args)

    def __iter__(self) -> Any:
        for item in self.inner:
            self.tick()
            yield item

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


LOADERS = {"list": list, "seeded": SeededLoader, "global": GlobalLoader}


def build(folder: Path, loss: Any = None, callbacks: Any = (), **options: Any) -> Trainer:
    manual_seed(0)
    model = Net()
    optimizer = Adam(model.parameters(), lr=0.05)
    interval = options.setdefault("scheduler_interval", "epoch")
    steps = EPOCHS * (BATCHES if interval == "step" else 1)
    return Trainer(
        model,
        optimizer,
        loss or MSELoss(),
        scheduler=CosineAnnealingLR(optimizer, steps),
        callbacks=[EarlyStopping(patience=50, restore_best=True), *callbacks],
        checkpoint=folder,
        progress=False,
        **options,
    )


def outcome(trainer: Trainer) -> dict[str, Any]:
    """Everything that must be the same."""
    history = trainer.history.state_dict()
    for values in history["epochs"]:
        del values["seconds"]
    callbacks = [c.state_dict() for c in trainer.callbacks if not isinstance(c, At)]
    return {
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": trainer.scheduler.state_dict(),
        "rng": get_rng_state(),
        "history": history,
        "callbacks": callbacks,
    }


def same(a: Any, b: Any, path: str = "") -> None:
    if hasattr(a, "array"):
        assert a.array.dtype == b.array.dtype, path
        np.testing.assert_array_equal(a.array, b.array, err_msg=path)
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            same(a[key], b[key], f"{path}[{key!r}]")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, f"{path}[{i}]")
    else:
        assert a == b or (a != a and b != b), path


INTERRUPTIONS = {
    "after a step": lambda: {"callbacks": [At("on_batch_end", 9, interrupt)]},
    "Ctrl-C within a step": lambda: {"callbacks": [At("on_batch_end", 9, ctrl_c)]},
    "after the first step": lambda: {"callbacks": [At("on_batch_end", 1, interrupt)]},
    "after the last step of an epoch": lambda: {"callbacks": [At("on_batch_end", 12, ctrl_c)]},
    "at the end of an epoch": lambda: {"callbacks": [At("on_epoch_end", 2, interrupt)]},
    "Ctrl-C at the end of an epoch": lambda: {"callbacks": [At("on_epoch_end", 2, ctrl_c)]},
    "at the beginning of an epoch": lambda: {"callbacks": [At("on_epoch_begin", 3, interrupt)]},
    "before anything": lambda: {"callbacks": [At("on_train_begin", 1, ctrl_c)]},
    "within a forward pass": lambda: {"loss": Raising(MSELoss(), 9)},
    "within the first forward pass": lambda: {"loss": Raising(MSELoss(), 1)},
    "Ctrl-C twice within a step": lambda: {"loss": PressedTwice(10)},
    "within a validation": lambda: {"loss": Raising(MSELoss(), 7)},
}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("how", INTERRUPTIONS)
def test_resuming_is_exact(tmp_path: Path, how: str, loader: str) -> None:
    batches = data()
    whole = build(tmp_path / "whole")
    whole.fit(LOADERS[loader](batches), EPOCHS, val=batches[:2])
    expected = outcome(whole)

    broken = build(tmp_path / "parts", **INTERRUPTIONS[how]())
    with pytest.raises(KeyboardInterrupt, match=r"last\.safetensors"):
        broken.fit(LOADERS[loader](batches), EPOCHS, val=batches[:2])
    assert broken.status == "interrupted" and broken.history.interrupted

    rest = build(tmp_path / "parts")
    manual_seed(12345)  # whatever the new process has drawn
    history = rest.fit(LOADERS[loader](batches), EPOCHS, val=batches[:2], resume=True)
    assert not history.interrupted and len(history.epochs) == EPOCHS
    same(outcome(rest), expected)


@pytest.mark.parametrize("number", [1, 4, 7, 11, 12])
def test_an_interrupted_loader(tmp_path: Path, number: int) -> None:
    batches = data()
    whole = build(tmp_path / "whole", accumulate=4, scheduler_interval="step")
    whole.fit(GlobalLoader(batches), EPOCHS)
    broken = build(tmp_path / "parts", accumulate=4, scheduler_interval="step")
    with pytest.raises(KeyboardInterrupt):
        broken.fit(Raising(GlobalLoader(batches), number), EPOCHS)
    rest = build(tmp_path / "parts", accumulate=4, scheduler_interval="step")
    rest.fit(GlobalLoader(batches), EPOCHS, resume=True)
    same(outcome(rest), outcome(whole))


def test_interrupted_again_and_again(tmp_path: Path) -> None:
    batches = data()
    whole = build(tmp_path / "whole")
    whole.fit(SeededLoader(batches), EPOCHS)
    expected = outcome(whole)
    for stop in (2, 3, 6, 7, 13, 24):
        part = build(tmp_path / "parts", callbacks=[At("on_batch_end", stop, ctrl_c)])
        with pytest.raises(KeyboardInterrupt):
            part.fit(SeededLoader(batches), EPOCHS, resume=True)
        assert part.step == stop
    rest = build(tmp_path / "parts")
    rest.fit(SeededLoader(batches), EPOCHS, resume=True)
    same(outcome(rest), expected)


def test_more_epochs_after_the_end(tmp_path: Path) -> None:
    batches = data()
    trainer = build(tmp_path)
    trainer.fit(batches, 2)
    again = build(tmp_path)
    assert len(again.fit(batches, 3, resume=True).epochs) == 3
    assert again.step == 3 * BATCHES
    before = outcome(again)
    same(outcome_of_nothing_left(tmp_path, batches), before)


def outcome_of_nothing_left(folder: Path, batches: list[Any]) -> dict[str, Any]:
    done = build(folder)
    done.fit(batches, 3, resume=True)
    return outcome(done)


def test_early_stopping_stays_stopped(tmp_path: Path) -> None:
    class Worse:
        """A loss whose value grows."""

        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, outputs: Any, targets: Any) -> Any:
            self.calls += 1
            return (outputs * 0).sum() + self.calls

    def trainer() -> Trainer:
        manual_seed(0)
        model = Net()
        optimizer = Adam(model.parameters())
        stopping = EarlyStopping("loss", patience=2)
        return Trainer(
            model, optimizer, Worse(), callbacks=[stopping], checkpoint=tmp_path, progress=False
        )

    first = trainer()
    history = first.fit(data(), 20)
    assert len(history.epochs) == 3 and "epoch 1" in history.stopped
    second = trainer()
    assert len(second.fit(data(), 20, resume=True).epochs) == 3
    assert second.step == first.step


def test_reduce_on_plateau_is_resumed(tmp_path: Path) -> None:
    def trainer(folder: str, **options: Any) -> Trainer:
        made = build(tmp_path / folder, **options)
        made.scheduler = ReduceLROnPlateau(made.optimizer, patience=0, threshold=0.5)
        return made

    whole = trainer("whole")
    whole.fit(data(), EPOCHS)
    broken = trainer("parts", callbacks=[At("on_batch_end", 15, ctrl_c)])
    with pytest.raises(KeyboardInterrupt):
        broken.fit(data(), EPOCHS)
    rest = trainer("parts")
    rest.fit(data(), EPOCHS, resume=True)
    same(outcome(rest), outcome(whole))
    assert whole.optimizer.param_groups[0]["lr"] < 0.05


def test_without_a_checkpoint_the_weights_are_those_of_the_last_step() -> None:
    trainer = build(Path("unused"), callbacks=[At("on_batch_end", 3, ctrl_c)])
    trainer.checkpoint = None
    with pytest.raises(KeyboardInterrupt, match="checkpoint=folder"):
        trainer.fit(data(), EPOCHS)
    assert trainer.step == 3 and len(trainer.history.losses) == 3


def test_the_programs_own_way_with_ctrl_c_is_left_alone(tmp_path: Path) -> None:
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        build(tmp_path, callbacks=[At("on_batch_end", 3, ctrl_c)]).fit(data(), 1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [1]


def test_ctrl_c_works_as_before_afterwards(tmp_path: Path) -> None:
    build(tmp_path).fit(data(), 1)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_checkpoint_every_few_steps_survives_a_crash(tmp_path: Path) -> None:
    def crash() -> None:
        raise OSError("the data are gone")

    whole = build(tmp_path / "whole")
    whole.fit(SeededLoader(data()), EPOCHS)
    every = Checkpoint(tmp_path / "parts", every=4)
    broken = build(tmp_path / "parts", callbacks=[At("on_batch_end", 11, crash)])
    broken.checkpoint = every
    with pytest.raises(OSError, match="gone"):
        broken.fit(SeededLoader(data()), EPOCHS)
    assert broken.status == "failed"
    rest = build(tmp_path / "parts")
    rest.fit(SeededLoader(data()), EPOCHS, resume=True)
    same(outcome(rest), outcome(whole))


# ---- checkpoints that are not what they should be ------------------------------------------------


def interrupted(folder: Path) -> Path:
    trainer = build(folder, callbacks=[At("on_batch_end", 9, interrupt)])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(SeededLoader(data()), EPOCHS)
    return folder / "last.safetensors"


@pytest.mark.parametrize("keep", [0, 7, 100, 2000, -1])
def test_a_truncated_checkpoint(tmp_path: Path, keep: int) -> None:
    path = interrupted(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:keep])
    trainer = build(tmp_path)
    weights = trainer.model.state_dict()["first.weight"].clone()
    with pytest.raises(ValueError, match=r"last\.safetensors: expected"):
        trainer.fit(SeededLoader(data()), EPOCHS, resume=True)
    assert path.read_bytes() == content[:keep]
    assert (trainer.model.state_dict()["first.weight"] == weights).all()


def test_a_foreign_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    save(Net().state_dict(), path)
    with pytest.raises(ValueError, match="expected a Trainer's checkpoint"):
        build(tmp_path).fit(data(), 1, resume=True)
    assert "mean" in load(path)


def test_a_checkpoint_of_another_model(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    content = path.read_bytes()
    model = Linear(3, 1)
    before = model.weight.detach().clone()
    optimizer = Adam(model.parameters())
    schedule = CosineAnnealingLR(optimizer, 3)
    trainer = Trainer(
        model, optimizer, MSELoss(), scheduler=schedule, checkpoint=tmp_path, progress=False
    )
    with pytest.raises(ValueError, match=r"(?s)does not fit this training.*first\.weight"):
        trainer.fit(data(), EPOCHS, resume=True)
    assert (model.weight == before).all() and path.read_bytes() == content


def test_a_missing_schedule(tmp_path: Path) -> None:
    interrupted(tmp_path)
    trainer = build(tmp_path)
    trainer.scheduler = None
    with pytest.raises(ValueError, match="a schedule"):
        trainer.fit(SeededLoader(data()), EPOCHS, resume=True)


def test_a_loader_with_fewer_batches(tmp_path: Path) -> None:
    interrupted(tmp_path)
    with pytest.raises(ValueError, match="gives only 2"):
        build(tmp_path).fit(SeededLoader(data()[:2]), EPOCHS, resume=True)


def test_nothing_to_resume_from(tmp_path: Path) -> None:
    history = build(tmp_path / "new").fit(data(), 1, resume=True)
    assert len(history.epochs) == 1
    with pytest.raises(FileNotFoundError):
        build(tmp_path).fit(data(), 1, resume=tmp_path / "mistyped.safetensors")
    trainer = build(tmp_path)
    trainer.checkpoint = None
    with pytest.raises(ValueError, match="checkpoint=folder"):
        trainer.fit(data(), 1, resume=True)


def test_resume_from_a_named_file(tmp_path: Path) -> None:
    path = interrupted(tmp_path / "old")
    elsewhere = path.rename(tmp_path / "moved.bin")
    trainer = build(tmp_path / "new")
    trainer.fit(SeededLoader(data()), EPOCHS, resume=str(elsewhere))
    assert trainer.step == EPOCHS * BATCHES

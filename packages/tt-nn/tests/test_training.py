"""The Trainer: what one step, one epoch and one training do."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tt_nn import CrossEntropyLoss, Linear, Module, MSELoss
from tt_nn.optim import SGD, Adam
from tt_nn.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR
from tt_nn.serialization import load
from tt_nn.training import (
    Callback,
    Checkpoint,
    EarlyStopping,
    History,
    NonFiniteLossError,
    Trainer,
    accuracy,
)
from tt_tensor import Tensor, cat, manual_seed, randn, tensor, zeros


def line_data(batches: int = 4, size: int = 8) -> list[tuple[Tensor, Tensor]]:
    """y is the sum of x."""
    xs = [randn(size, 3) for _ in range(batches)]
    return [(x, x.sum(1, keepdim=True)) for x in xs]


def linear(**options: Any) -> Trainer:
    manual_seed(0)
    model = Linear(3, 1)
    optimizer = SGD(model.parameters(), lr=options.pop("lr", 0.1))
    return Trainer(model, optimizer, MSELoss(), progress=False, **options)


def weights(trainer: Trainer) -> np.ndarray:
    return np.concatenate([x.array.reshape(-1) for x in trainer.model.state_dict().values()])


# ---- the loop ------------------------------------------------------------------------------------


def test_it_is_the_loop_one_would_write() -> None:
    trainer = linear(clip_norm=0.5)
    batches = line_data()
    history = trainer.fit(batches, epochs=3)

    from tt_nn.utils import clip_grad_norm_

    by_hand = linear()
    batches_again = line_data()
    norms, losses = [], []
    for _ in range(3):
        for x, y in batches_again:
            by_hand.optimizer.zero_grad()
            loss = MSELoss()(by_hand.model(x), y)
            loss.backward()
            norms.append(clip_grad_norm_(by_hand.model.parameters(), 0.5).item())
            by_hand.optimizer.step()
            losses.append(loss.item())
    np.testing.assert_array_equal(weights(trainer), weights(by_hand))
    assert history.losses == losses and history.grad_norms == norms
    assert trainer.step == 12 and trainer.epoch == 3 and trainer.status == "finished"


def test_the_history_of_an_epoch() -> None:
    trainer = linear(metrics={"size": lambda outputs, targets: abs(outputs.array).mean()})
    history = trainer.fit(line_data(), epochs=2, val=line_data(2))
    first, second = history.epochs
    names = ["epoch", "step", "loss", "lr", "grad_norm", "seconds", "val_loss", "val_size"]
    assert list(first) == names
    assert first["epoch"] == 1 and second["epoch"] == 2 and first["lr"] == 0.1
    assert first["loss"] == pytest.approx(np.mean(history.losses[:4]))
    assert first["grad_norm"] == pytest.approx(np.mean(history.grad_norms[:4]))
    assert 0 < first["seconds"] < 60
    assert history["loss"] == [first["loss"], second["loss"]]


def test_batches_count_by_their_samples() -> None:
    trainer = linear(lr=0.0)
    (big,), (small,) = line_data(1, 9), line_data(1, 1)
    whole = (cat([big[0], small[0]]), cat([big[1], small[1]]))
    expected = trainer.evaluate([whole])["loss"]
    assert trainer.evaluate([big, small])["loss"] == pytest.approx(expected)
    assert trainer.fit([big, small], 1)["loss"][0] == pytest.approx(expected)


def test_accumulated_batches_are_one_large_batch() -> None:
    batches = line_data(6, 4)
    pairs = [
        (cat([a[0], b[0]]), cat([a[1], b[1]])) for a, b in zip(*[iter(batches)] * 2, strict=True)
    ]
    small, large = linear(accumulate=2), linear()
    history = small.fit(batches, 2)
    expected = large.fit(pairs, 2)
    np.testing.assert_allclose(weights(small), weights(large), rtol=1e-5)
    np.testing.assert_allclose(history.losses, expected.losses, rtol=1e-5)
    np.testing.assert_allclose(history.grad_norms, expected.grad_norms, rtol=1e-5)
    assert small.step == 6


def test_the_rest_of_an_epoch_is_accumulated_too() -> None:
    batches = line_data(5, 4)
    trainer, by_hand = linear(accumulate=4), linear()
    trainer.fit(batches, 1)
    by_hand.fit(
        [(cat([x for x, _ in batches[:4]]), cat([y for _, y in batches[:4]])), batches[4]], 1
    )
    assert trainer.step == 2
    np.testing.assert_allclose(weights(trainer), weights(by_hand), rtol=1e-5)


def test_evaluation_mode_and_no_gradients_in_evaluation() -> None:
    seen = []

    class Spy(Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            out = self.inner(x)
            seen.append((self.training, out.requires_grad))
            return out

    model = Spy()
    trainer = Trainer(model, SGD(model.parameters()), MSELoss(), progress=False)
    trainer.fit(line_data(1), 2, val=line_data(1))
    assert seen == [(True, True), (False, False)] * 2
    assert model.training
    model.eval()
    trainer.evaluate(line_data(1))
    assert not model.training and seen[-1] == (False, False)


def test_a_step_of_ones_own() -> None:
    manual_seed(0)
    model = Linear(3, 1)

    def loss_step(model: Any, batch: dict[str, Tensor]) -> Tensor:
        return (model(batch["x"]) - batch["y"]).abs().mean()

    trainer = Trainer(model, Adam(model.parameters(), lr=0.1), loss_step=loss_step, progress=False)
    batches = [{"x": x, "y": y} for x, y in line_data()]
    history = trainer.fit(batches, 30, val=batches)
    assert history["val_loss"][-1] < 0.2 * history["val_loss"][0]


def test_a_model_needs_little() -> None:
    class Minimal:
        def __init__(self) -> None:
            self.w = zeros(3, 1, requires_grad=True)

        def __call__(self, x: Tensor) -> Tensor:
            return x @ self.w

        def parameters(self) -> list[Tensor]:
            return [self.w]

        def train(self) -> None: ...

        def eval(self) -> None: ...

        def state_dict(self) -> dict[str, Tensor]:
            return {"w": self.w.detach()}

        def load_state_dict(self, state: dict[str, Tensor]) -> None:
            self.w.data = state["w"].clone()

    model = Minimal()
    trainer = Trainer(model, SGD(model.parameters(), lr=0.1), MSELoss(), progress=False)
    stopping = EarlyStopping(patience=3, restore_best=True)
    trainer.callbacks.append(stopping)
    assert trainer.fit(line_data(), 20, val=line_data())["loss"][-1] < 0.05


def test_metrics_of_a_classifier() -> None:
    manual_seed(0)
    x = randn(60, 2)
    y = (x[:, 0] > x[:, 1]).long()
    model = Linear(2, 2)
    optimizer = Adam(model.parameters(), lr=0.1)
    trainer = Trainer(
        model, optimizer, CrossEntropyLoss(), metrics={"accuracy": accuracy}, progress=False
    )
    batches = list(zip(x.split(25), y.split(25), strict=True))
    history = trainer.fit(batches, 30, val=batches)
    assert history["val_accuracy"][-1] > 0.9
    predicted = model(x).array.argmax(1)
    assert trainer.evaluate(batches)["accuracy"] == pytest.approx((predicted == y.array).mean())


# ---- schedules -----------------------------------------------------------------------------------


def test_a_schedule_by_epochs_and_by_steps() -> None:
    trainer = linear()
    trainer.scheduler = StepLR(trainer.optimizer, 1, 0.5)
    assert trainer.fit(line_data(), 3)["lr"] == [0.1, 0.05, 0.025]
    trainer = linear(scheduler_interval="step")
    trainer.optimizer.param_groups[0]["momentum"] = 0.9
    trainer.scheduler = OneCycleLR(trainer.optimizer, 1.0, total_steps=12)
    trainer.fit(line_data(), 3)
    assert trainer.scheduler.last_epoch == 12


def test_plateau_gets_the_validations_loss() -> None:
    seen = []

    class Spy(ReduceLROnPlateau):
        def step(self, metrics: Any) -> None:
            seen.append(metrics)
            super().step(metrics)

    trainer = linear()
    trainer.scheduler = Spy(trainer.optimizer)
    history = trainer.fit(line_data(), 2, val=line_data())
    assert seen == history["val_loss"]


# ---- callbacks -----------------------------------------------------------------------------------


class Log(Callback):
    """Writes down every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []
        for hook in ("train_begin", "epoch_begin", "batch_end", "epoch_end", "train_end"):
            setattr(self, f"on_{hook}", lambda trainer, hook=hook: self.note(hook, trainer))

    def note(self, hook: str, trainer: Trainer) -> None:
        self.calls.append((hook, trainer.epoch, trainer.step))


def test_the_order_of_calls() -> None:
    log = Log()
    linear(callbacks=[log], accumulate=2).fit(line_data(3), 2)
    assert log.calls == [
        ("train_begin", 1, 0),
        ("epoch_begin", 1, 0),
        ("batch_end", 1, 1),
        ("batch_end", 1, 2),
        ("epoch_end", 1, 2),
        ("epoch_begin", 2, 2),
        ("batch_end", 2, 3),
        ("batch_end", 2, 4),
        ("epoch_end", 2, 4),
        ("train_end", 2, 4),
    ]


def test_a_callback_may_stop_training_within_an_epoch(tmp_path: Path) -> None:
    class StopAt(Callback):
        def on_batch_end(self, trainer: Trainer) -> None:
            if trainer.step == 6:
                trainer.stop("enough")

    trainer = linear(callbacks=[StopAt()], checkpoint=tmp_path)
    history = trainer.fit(line_data(), 5)
    assert trainer.step == 6 and len(history.epochs) == 1 and history.stopped == "enough"
    again = linear(checkpoint=tmp_path)
    assert len(again.fit(line_data(), 5, resume=True).epochs) == 5


def test_train_end_is_called_whatever_happens() -> None:
    def fail(outputs: Any, targets: Any) -> Any:
        raise LookupError("broken")

    log = Log()
    trainer = linear(callbacks=[log])
    trainer.loss_fn = fail
    with pytest.raises(LookupError):
        trainer.fit(line_data(), 1)
    assert log.calls[-1][0] == "train_end" and trainer.status == "failed"


class Losses:
    """A validation with prescribed losses: the first batch of each epoch decides."""

    def __init__(self, values: list[float]) -> None:
        self.values = iter(values)

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if outputs.requires_grad:
            return ((outputs - targets) ** 2).mean()
        return tensor(next(self.values))


def stopped(values: list[float], **options: Any) -> tuple[Trainer, EarlyStopping]:
    stopping = EarlyStopping("val_loss", **options)
    trainer = linear(callbacks=[stopping])
    trainer.loss_fn = Losses(values)
    trainer.fit(line_data(), len(values), val=line_data(1))
    return trainer, stopping


def test_early_stopping_waits_patience_epochs() -> None:
    trainer, stopping = stopped([3.0, 2.0, 2.5, 2.0, 1.0, 1.0, 9.0], patience=2)
    assert len(trainer.history.epochs) == 4 and stopping.best_epoch == 2
    assert "epoch 2" in trainer.history.stopped
    trainer, _ = stopped([3.0, 2.0, 2.5, 1.9, 1.8, 1.7, 1.6], patience=2)
    assert len(trainer.history.epochs) == 7 and not trainer.history.stopped


def test_early_stopping_wants_enough_improvement() -> None:
    trainer, _ = stopped([3.0, 2.95, 2.92, 2.91], patience=2, min_delta=0.1)
    assert len(trainer.history.epochs) == 3


def test_early_stopping_on_what_should_rise() -> None:
    _, stopping = stopped([1.0, 3.0, 2.0, 2.0], patience=2, mode="max")
    assert stopping.best == 3.0


def test_nan_is_never_best() -> None:
    _, stopping = stopped([math.nan, 3.0, math.nan, 2.0], patience=3)
    assert stopping.best == 2.0


def test_early_stopping_restores_the_best_weights() -> None:
    kept = []

    class Keep(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            kept.append(weights(trainer))

    stopping = EarlyStopping(patience=2, restore_best=True)
    trainer = linear(callbacks=[stopping, Keep()])
    trainer.loss_fn = Losses([3.0, 1.0, 2.0, 2.0])
    trainer.fit(line_data(), 4, val=line_data(1))
    np.testing.assert_array_equal(weights(trainer), kept[1])
    assert not np.array_equal(kept[1], kept[3])


def test_a_value_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"one of epoch, step, loss.*got 'val_loss'.*val=batches"):
        linear(callbacks=[EarlyStopping("val_loss")]).fit(line_data(), 1)


def test_the_best_weights_are_a_plain_state_dict(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "run")
    trainer = linear(checkpoint=checkpoint)
    trainer.loss_fn = Losses([3.0, 1.0, 2.0])
    kept = []

    class Keep(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            kept.append(weights(trainer))

    trainer.callbacks.append(Keep())
    trainer.fit(line_data(), 3, val=line_data(1))
    best = load(checkpoint.best_file)
    assert list(best) == ["weight", "bias"] and checkpoint.best_epoch == 2
    np.testing.assert_array_equal(
        np.concatenate([x.array.reshape(-1) for x in best.values()]), kept[1]
    )
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "best.safetensors",
        "last.safetensors",
    ]


def test_a_checkpoint_among_the_callbacks(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    trainer = linear(callbacks=[checkpoint])
    trainer.fit(line_data(), 1)
    assert trainer.checkpoint is checkpoint and checkpoint.last_file.exists()


# ---- what goes wrong -----------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_before_the_step(tmp_path: Path) -> None:
    batches = line_data()
    good = linear(checkpoint=tmp_path)
    good.fit(batches, 1)
    content = good.checkpoint.last_file.read_bytes()
    expected = weights(good)

    bad = [batches[0], (batches[1][0], batches[1][1] * math.inf)]
    trainer = linear(checkpoint=tmp_path)
    trainer.model.load_state_dict(good.model.state_dict())
    trainer.optimizer.param_groups[0]["lr"] = 0.0
    with pytest.raises(NonFiniteLossError) as caught:
        trainer.fit(bad, 2)
    error = caught.value
    assert isinstance(error, RuntimeError)
    assert (error.epoch, error.step, error.value) == (1, 2, math.inf)
    for words in ("epoch 1, step 2", "batch itself", "after step 1", "last.safetensors"):
        assert words in str(error)
    np.testing.assert_array_equal(weights(trainer), expected)
    assert trainer.model.weight.grad is None and trainer.status == "failed"
    assert good.checkpoint.last_file.read_bytes() == content


def test_gradients_that_are_not_finite_stop_before_the_step() -> None:
    trainer = linear()
    before = weights(trainer)
    trainer.loss_fn = lambda out, y: (out * 0).sum().sqrt()  # 0, with an infinite slope
    with pytest.raises(NonFiniteLossError, match=r"norm of the gradients.*lower learning rate"):
        trainer.fit(line_data(), 1)
    np.testing.assert_array_equal(weights(trainer), before)


def test_a_learning_rate_that_is_far_too_high() -> None:
    with pytest.raises(NonFiniteLossError, match=r"lower learning rate \(now 1e\+10\), clip_norm"):
        linear(lr=1e10).fit(line_data(), 50)


def test_buffers_are_not_poisoned_either() -> None:
    class Mean(Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Linear(3, 1)
            self.register_buffer("mean", zeros(3))

        def forward(self, x: Tensor) -> Tensor:
            self.mean.mul_(0.5).add_(x.mean(0), alpha=0.5)
            return self.inner(x - self.mean)

    model = Mean()
    trainer = Trainer(model, SGD(model.parameters()), MSELoss(), progress=False)
    (x, y), (bad, _) = line_data(2)
    bad.array[0, 0] = math.nan
    with pytest.raises(NonFiniteLossError, match="batch itself"):
        trainer.fit([(x, y), (bad, y)], 1)
    assert np.isfinite(model.mean.array).all()


@pytest.mark.parametrize("empty", [[], iter([])])
def test_no_batches(empty: Any) -> None:
    with pytest.raises(ValueError, match="at least one batch in every epoch"):
        linear().fit(empty, 1)
    with pytest.raises(ValueError, match="at least one batch"):
        linear().evaluate([])


def test_a_generator_gives_its_batches_only_once() -> None:
    with pytest.raises(ValueError, match="only once"):
        linear().fit((batch for batch in line_data()), 2)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"loss_fn": None}, "neither"),
        ({"loss_step": lambda model, batch: None}, "both"),
        ({"accumulate": 0}, "accumulate"),
        ({"scheduler_interval": "batch"}, "scheduler_interval"),
        ({"loss_fn": None, "loss_step": len, "metrics": {"a": len}}, "metrics"),
    ],
)
def test_what_makes_no_sense(options: dict[str, Any], message: str) -> None:
    model = Linear(3, 1)
    options = {"loss_fn": MSELoss(), **options}
    with pytest.raises(ValueError, match=message):
        Trainer(model, SGD(model.parameters()), **options)
    with pytest.raises(ValueError, match="mode"):
        EarlyStopping(mode="up")
    with pytest.raises(ValueError, match="patience"):
        EarlyStopping(patience=0)
    with pytest.raises(ValueError, match="accuracy expects"):
        accuracy(zeros(3, 2), zeros(4))


# ---- the record ----------------------------------------------------------------------------------


def test_the_history_as_json() -> None:
    history = linear().fit(line_data(), 2)
    again = History.from_json(history.to_json())
    assert again == history
    with pytest.raises(KeyError, match="val_loss"):
        history["val_loss"]


def test_drawing_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        History().plot("history.png")

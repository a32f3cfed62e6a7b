"""Schedules: the curves themselves, their state, and what they refuse."""

from __future__ import annotations

import math

import pytest

from tt_nn.optim import SGD, Adam
from tt_nn.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from tt_tensor import ones, tensor


def sgd(lr: float = 1.0, **options) -> SGD:
    return SGD([ones(1, requires_grad=True)], lr=lr, **options)


def curve(optimizer, schedule, steps: int) -> list[float]:
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def half_cosine(t: int, end: int, low: float) -> float:
    return low + (1 - low) * (1 + math.cos(math.pi * t / end)) / 2


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda o: StepLR(o, 3, 0.5), lambda t: 0.5 ** (t // 3)),
        (lambda o: MultiStepLR(o, [2, 4, 4], 0.1), lambda t: 0.1 ** ((t >= 2) + 2 * (t >= 4))),
        (lambda o: ExponentialLR(o, 0.9), lambda t: 0.9**t),
        (lambda o: CosineAnnealingLR(o, 6, 0.2), lambda t: half_cosine(t, 6, 0.2)),
        (lambda o: LinearLR(o, 0.2, 0.8, 3), lambda t: 0.2 + 0.6 * min(t, 3) / 3),
        (lambda o: ConstantLR(o, 0.25, 4), lambda t: 0.25 if t < 4 else 1.0),
        (lambda o: LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 1 / (1 + t)),
    ],
    ids=["step", "multi", "exponential", "cosine", "linear", "constant", "lambda"],
)
def test_the_curve(make, expected) -> None:
    optimizer = sgd()
    rates = curve(optimizer, make(optimizer), 14)
    assert rates == pytest.approx([expected(t) for t in range(14)], abs=1e-12)


def test_one_cycle_goes_up_and_down_and_the_momentum_the_other_way() -> None:
    optimizer = Adam([ones(1, requires_grad=True)])
    schedule = OneCycleLR(optimizer, max_lr=1.0, total_steps=20, pct_start=0.5)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1 / 25)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.999)
    rates, betas = [], []
    for _ in range(19):
        optimizer.step()
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
        betas.append(optimizer.param_groups[0]["betas"][0])
    assert rates.index(max(rates)) == betas.index(min(betas)) == 8
    assert max(rates) == pytest.approx(1.0) and min(betas) == pytest.approx(0.85)
    assert rates[-1] == pytest.approx(1 / 25 / 1e4)
    schedule.step()
    with pytest.raises(ValueError, match="made for 20 steps"):
        schedule.step()


def test_plateau_waits_and_reduces() -> None:
    optimizer = sgd()
    schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1, min_lr=0.2)
    rates = []
    for loss in [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]:
        schedule.step(tensor(loss))
        rates.append(schedule.get_last_lr()[0])
    assert rates == [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2]


def test_schedules_on_one_optimizer_work_together() -> None:
    optimizer = sgd()
    first, second = ExponentialLR(optimizer, 0.5), StepLR(optimizer, 2, 0.1)
    rates = []
    for _ in range(4):
        optimizer.step()
        first.step()
        second.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.5, 0.025, 0.0125, 0.000625])


def test_every_group_keeps_its_own_rate() -> None:
    groups = [{"params": [ones(1, requires_grad=True)], "lr": lr} for lr in (1.0, 0.1)]
    optimizer = SGD(groups)
    schedule = LambdaLR(optimizer, [lambda t: 0.5**t, lambda t: 1.0])
    optimizer.step()
    schedule.step()
    assert schedule.get_last_lr() == [0.5, 0.1] and schedule.base_lrs == [1.0, 0.1]


def make_sequence(optimizer) -> SequentialLR:
    parts = [LinearLR(optimizer, 0.5, total_iters=3), CosineAnnealingLR(optimizer, 5)]
    return SequentialLR(optimizer, parts, [3])


@pytest.mark.parametrize(
    "make",
    [
        lambda o: StepLR(o, 3),
        lambda o: MultiStepLR(o, [2, 7]),
        lambda o: CosineAnnealingLR(o, 5, 0.1),
        lambda o: LambdaLR(o, lambda t: 1 / (1 + t)),
        lambda o: OneCycleLR(o, 1.0, 20, cycle_momentum=False),
        make_sequence,
    ],
)
def test_state_goes_on_where_it_was(make) -> None:
    optimizer = sgd()
    schedule = make(optimizer)
    curve(optimizer, schedule, 4)
    saved = {"o": optimizer.state_dict(), "s": schedule.state_dict()}
    expected = curve(optimizer, schedule, 10)
    optimizer = sgd(lr=0.3)
    schedule = make(optimizer)
    optimizer.load_state_dict(saved["o"])
    schedule.load_state_dict(saved["s"])
    assert curve(optimizer, schedule, 10) == expected


def test_last_epoch_needs_the_optimizers_state() -> None:
    with pytest.raises(KeyError, match="initial_lr"):
        StepLR(sgd(), 3, last_epoch=5)
    optimizer = sgd()
    optimizer.param_groups[0]["initial_lr"] = 1.0
    assert StepLR(optimizer, 3, last_epoch=4).last_epoch == 5


def test_stepping_the_schedule_first_warns() -> None:
    schedule = StepLR(sgd(), 3)
    with pytest.warns(UserWarning, match=r"before optimizer\.step"):
        schedule.step()


def test_a_schedule_of_ones_own() -> None:
    class Double(LRScheduler):
        def get_lr(self) -> list[float]:
            return [lr * 2 if self.last_epoch else lr for lr in self.current()]

    optimizer = sgd()
    assert curve(optimizer, Double(optimizer), 4) == [1, 2, 4, 8]


def test_what_is_refused() -> None:
    with pytest.raises(TypeError, match="expects an Optimizer"):
        StepLR(ones(1), 3)
    with pytest.raises(ValueError, match="start_factor"):
        LinearLR(sgd(), start_factor=0.0)
    with pytest.raises(ValueError, match="end_factor"):
        LinearLR(sgd(), end_factor=1.5)
    with pytest.raises(ValueError, match="factor"):
        ConstantLR(sgd(), factor=2.0)
    with pytest.raises(ValueError, match="lr_lambda"):
        LambdaLR(sgd(), [lambda t: 1.0, lambda t: 1.0])
    with pytest.raises(ValueError, match="factor"):
        ReduceLROnPlateau(sgd(), factor=1.0)
    with pytest.raises(ValueError, match="mode"):
        ReduceLROnPlateau(sgd(), mode="median")
    with pytest.raises(ValueError, match="total_steps"):
        OneCycleLR(sgd(momentum=0.9), 1.0)
    with pytest.raises(ValueError, match="pct_start"):
        OneCycleLR(sgd(momentum=0.9), 1.0, 10, pct_start=2.0)
    optimizer = sgd()
    with pytest.raises(ValueError, match="one milestone fewer"):
        SequentialLR(optimizer, [StepLR(optimizer, 1)], [3])
    with pytest.raises(ValueError, match="another optimizer"):
        SequentialLR(optimizer, [StepLR(sgd(), 1)], [])
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        SequentialLR(optimizer, [ReduceLROnPlateau(optimizer)], [])

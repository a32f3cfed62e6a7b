"""Zeros stay zeros in training, and gradual pruning follows its curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_models import CNN, MLP
from tt_nn import CrossEntropyLoss, MSELoss, Tanh, optim
from tt_nn.training import Callback, Trainer
from tt_optimize import GradualPruning, KeepPruned, cubic_sparsity, prune, sparsity
from tt_tensor import Tensor, randint, randn

Batches = list[tuple[Tensor, Tensor]]


def batches() -> Batches:
    return [(randn(8, 8), randn(8, 4)) for _ in range(10)]


class Watch(Callback):
    """The sparsity after every step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_batch_end(self, trainer: Trainer) -> None:
        self.seen.append(sparsity(trainer.model))


def zeros_of(model: MLP) -> list[np.ndarray]:
    return [layer.weight.detach().numpy() == 0 for layer in (model.layers[0], model.layers[2])]


@pytest.mark.parametrize("kind", [optim.SGD, optim.AdamW])
def test_the_zeros_stay_where_they_are_and_the_rest_learns(kind: type) -> None:
    model = prune(MLP([8, 16, 4], activation=Tanh), amount=0.6)  # no neuron sleeps
    zeros, before = zeros_of(model), model.layers[0].weight.detach().numpy().copy()
    options = {"momentum": 0.9} if kind is optim.SGD else {}
    optimizer = kind(model.parameters(), lr=0.05, **options)
    data = batches()
    loss = Trainer(model, optimizer, MSELoss(), callbacks=[KeepPruned()], progress=False).fit(
        data, epochs=3
    )["loss"]
    assert loss[-1] < loss[0]
    for now, then in zip(zeros_of(model), zeros, strict=True):
        assert np.array_equal(now, then)
    after = model.layers[0].weight.detach().numpy()
    read = ~zeros[1].all(0)  # a neuron that nobody reads any more has no gradient
    assert read.sum() > 10 and (after != before)[read][~zeros[0][read]].all()


def test_without_it_they_do_not() -> None:
    model = prune(MLP([8, 16, 4]), amount=0.6)
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    Trainer(model, optimizer, MSELoss(), progress=False).fit(batches(), epochs=1)
    assert sparsity(model) < 0.1


def test_a_convolution_keeps_its_zeros() -> None:
    model = prune(CNN(1, 3, widths=(4, 4)), amount=0.5)
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    data = [(randn(4, 1, 8, 8), randint(0, 3, (4,))) for _ in range(3)]
    Trainer(model, optimizer, CrossEntropyLoss(), callbacks=[KeepPruned()], progress=False).fit(
        data, epochs=2
    )
    assert sparsity(model) == 0.5


def test_it_works_in_a_loop_of_one_s_own() -> None:
    model = prune(MLP([8, 16, 4]), amount=0.6)
    optimizer, keep = optim.Adam(model.parameters()), KeepPruned(model)
    for x, y in batches()[:3]:
        optimizer.zero_grad()
        MSELoss()(model(x), y).backward()
        optimizer.step()
        keep.apply()
        assert sparsity(model) == pytest.approx(0.6, abs=0.01)


@given(st.integers(0, 50), st.integers(1, 200), st.floats(0, 0.99), st.floats(0, 0.99))
def test_the_curve_is_zhu_and_gupta_s(
    begin: int, length: int, initial: float, final: float
) -> None:
    end = begin + length
    options = {"final": final, "end": end, "begin": begin, "initial": initial}
    assert cubic_sparsity(end, **options) == cubic_sparsity(end + 9, **options) == final
    assert cubic_sparsity(begin, **options) == pytest.approx(initial)
    for step in range(begin, end, 7):
        expected = final + (initial - final) * (1 - (step - begin) / (end - begin)) ** 3
        assert cubic_sparsity(step, **options) == pytest.approx(expected)
    assert cubic_sparsity(begin - 1, **options) == 0.0


def test_gradual_pruning_follows_the_curve_and_only_adds_zeros() -> None:
    model = MLP([8, 16, 4])
    gradual, watch = GradualPruning(amount=0.8, end=20, begin=4, every=4), Watch()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    Trainer(model, optimizer, MSELoss(), callbacks=[gradual, watch], progress=False).fit(
        batches(), epochs=3
    )
    expected = [cubic_sparsity(min(s - s % 4, 20), 0.8, end=20, begin=4) for s in range(1, 31)]
    assert watch.seen == pytest.approx(expected, abs=0.01)
    assert watch.seen[3] == 0.0 and watch.seen[7] > 0.3 and watch.seen == sorted(watch.seen)


def test_a_schedule_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0 <= begin < end, got 5 and 5"):
        GradualPruning(amount=0.5, begin=5, end=5)
    with pytest.raises(ValueError, match=r"from 0 up to but not 1"):
        GradualPruning(amount=1.0, end=5)
    with pytest.raises(ValueError, match=r"every of at least 1"):
        GradualPruning(amount=0.5, end=5, every=0)

"""Which units a model has; and that what is not certain is left alone."""

from __future__ import annotations

import pytest

from tt_models import CNN, GPT, MLP, LeNet5
from tt_nn import (
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    GroupNorm,
    LayerNorm,
    Linear,
    MaxPool2d,
    Module,
    ModuleDict,
    ReLU,
    Sequential,
    Softmax,
)
from tt_optimize import prune
from tt_optimize.prune import couplings
from tt_optimize.prune.families import CHAINS
from tt_tensor import Tensor, randn


def units(model: Module) -> list[tuple[str, int]]:
    return [(coupling.kind, coupling.units) for coupling in couplings(model)]


def test_the_families(gpt: GPT) -> None:
    assert units(MLP([8, 6, 5, 2])) == [("neurons", 6), ("neurons", 5)]
    assert units(CNN(1, widths=(4, 6))) == [("channels", 4), ("channels", 6), ("channels", 6)]
    lenet = [("channels", 6), ("channels", 16), ("neurons", 120), ("neurons", 84)]
    assert units(LeNet5()) == lenet
    assert units(gpt) == [("heads", 2), ("neurons", 64)] * 2


def test_sizes_must_agree_with_what_lies_between() -> None:
    places = couplings(LeNet5())[1].cuts[-1].places
    assert places.shape == (16, 25) and places[1].tolist() == list(range(25, 50))


@pytest.mark.parametrize(
    "between",
    [
        LayerNorm(6),
        Softmax(-1),
        Sequential(ReLU(), LayerNorm(6)),
        BatchNorm1d(5),  # of a dim in the middle
        MaxPool2d(2),  # neighbours in a row of neurons
        ModuleDict({"a": ReLU()}),  # not known
    ],
)
def test_what_mixes_neurons_ends_a_coupling(between: Module) -> None:
    assert units(Sequential(Linear(8, 6), between, Linear(6, 2))) == []
    tail = [Linear(6, 4), ReLU(), Linear(4, 2)]
    assert units(Sequential(Linear(8, 6), between, *tail)) == [("neurons", 4)]


@pytest.mark.parametrize(
    "layers",
    [
        [Conv2d(2, 4, 3), GroupNorm(2, 4), Conv2d(4, 2, 3)],
        [Conv2d(2, 4, 3, groups=2), ReLU(), Conv2d(4, 2, 3)],
        [Conv2d(2, 4, 3), ReLU(), Conv2d(4, 4, 3, groups=4)],
        [Conv2d(2, 4, 3), ReLU(), Linear(4, 2)],  # reads the width of the images
        [Conv2d(2, 4, 3), Flatten(2), Linear(4, 2)],
        [Conv2d(2, 4, 3), Flatten(), BatchNorm2d(4), Linear(16, 2)],
        [Linear(4, 4), ReLU(), Conv2d(4, 4, 3)],  # reads another dim
        [Linear(4, 4), Flatten(), Linear(16, 2)],  # rows of several positions
        [Conv2d(2, 4, 3), Flatten(), Linear(18, 2)],
    ],
)
def test_what_is_not_certain_is_left_alone(layers: list[Module]) -> None:
    assert units(Sequential(*layers)) == []


def test_shared_layers_and_weights_are_left_alone() -> None:
    layer = Linear(6, 6)
    assert units(Sequential(layer, ReLU(), layer, ReLU(), Linear(6, 2))) == []
    tied = Sequential(Linear(6, 6), ReLU(), Linear(6, 6), ReLU(), Linear(6, 2))
    tied[2].weight = tied[0].weight
    assert units(tied) == []
    tied[2] = Linear(6, 6)
    assert units(tied) == [("neurons", 6)] * 2


class Residual(Module):
    """A block whose sum ties the sizes of its ends; inside it, neurons are free."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Sequential(Linear(6, 8), ReLU(), Linear(8, 6))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Own(Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = Linear(6, 8), Linear(8, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.up(x).relu())


def test_a_sequential_inside_an_unknown_module_is_found() -> None:
    model = Sequential(Linear(4, 6), Residual(), Linear(6, 2))
    assert units(model) == [("neurons", 8)]
    small = prune(model, amount=0.5, method="structured")
    assert small[1].body[0].out_features == 4 and small(randn(3, 4)).shape == (3, 2)


def test_a_module_of_one_s_own_is_a_line_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert units(Own()) == []
    monkeypatch.setitem(CHAINS, Own, lambda m: [m.up, ReLU(), m.down])
    assert units(Own()) == [("neurons", 8)]
    small = prune(Own(), amount=0.5, method="structured")
    assert small.up.out_features == 4 and small(randn(3, 6)).shape == (3, 6)


def test_a_subclass_may_compute_something_else() -> None:
    class Skipping(Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + x

    assert units(Skipping(Linear(6, 6), ReLU(), Linear(6, 6))) == []

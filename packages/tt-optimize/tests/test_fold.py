"""Folded batch norm computes the same, with fewer layers; what cannot be folded is left."""

from __future__ import annotations

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_models import CNN
from tt_nn import BatchNorm2d, Conv2d, Identity, Linear, MaxPool2d, Module, ReLU, Sequential
from tt_optimize import fold_batch_norm
from tt_tensor import Tensor, manual_seed, randn


def settled(model: Module, channels: int = 3) -> Module:
    """The model with statistics, gains and shifts that are not those it starts with."""
    for norm in model.modules():
        if isinstance(norm, BatchNorm2d) and norm.affine:
            norm.weight.data.uniform_(0.5, 2.0)
            norm.bias.data.normal_()
    with no_grad():
        for _ in range(5):
            model(2 * randn(8, channels, 16, 16) + 1)
    return model.eval()


def answers(model: Module, x: Tensor) -> np.ndarray:
    with no_grad():
        return model(x).numpy()


def norms(model: Module) -> int:
    return sum(isinstance(layer, BatchNorm2d) for layer in model.modules())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_the_function_is_the_same(bias: bool, affine: bool) -> None:
    convolution = Conv2d(3, 6, 3, stride=2, padding=1, bias=bias)
    model = settled(Sequential(convolution, BatchNorm2d(6, affine=affine), ReLU()))
    folded = fold_batch_norm(model)
    assert isinstance(folded[1], Identity) and norms(model) == 1
    assert folded[0].stride == (2, 2)
    x = randn(4, 3, 16, 16)
    assert np.abs(answers(folded, x) - answers(model, x)).max() < 1e-5


def test_a_whole_cnn_behind_its_poolings() -> None:
    manual_seed(1)
    model = settled(CNN(3, widths=(8, 16, 32)))
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    folded = fold_batch_norm(model)
    assert norms(model) == 4 and norms(folded) == 0
    x = randn(4, 3, 16, 16)
    exact = answers(model, x)
    assert np.abs(answers(folded, x) - exact).max() < 1e-5 * np.abs(exact).max() + 1e-5
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), before[name])


def test_behind_a_pooling_a_negative_gain_is_left() -> None:
    model = settled(Sequential(Conv2d(3, 4, 3), MaxPool2d(2), BatchNorm2d(4)))
    model[2].weight.data[1] = -1.0
    assert norms(fold_batch_norm(model)) == 1
    direct = settled(Sequential(Conv2d(3, 4, 3), BatchNorm2d(4)))
    direct[1].weight.data[1] = -1.0
    folded, x = fold_batch_norm(direct), randn(2, 3, 8, 8)
    assert norms(folded) == 0
    assert np.abs(answers(folded, x) - answers(direct, x)).max() < 1e-5


def test_what_cannot_be_folded_is_left() -> None:
    shared = Conv2d(3, 3, 3, padding=1)
    models = [
        Sequential(Conv2d(3, 4, 3), BatchNorm2d(4, track_running_stats=False)),
        Sequential(shared, BatchNorm2d(3), shared),
        Sequential(Conv2d(3, 4, 3), ReLU(), BatchNorm2d(4)),
    ]
    for model in models:
        model.eval()
        folded, x = fold_batch_norm(model), randn(2, 3, 8, 8)
        assert norms(folded) == 1
        assert np.array_equal(answers(folded, x), answers(model, x))


def test_a_model_without_batch_norm_is_copied() -> None:
    model = Sequential(Linear(3, 2))
    folded = fold_batch_norm(model)
    assert folded[0].weight is not model[0].weight
    assert not folded.training and model.training


def test_a_subclass_that_applies_its_layers_otherwise_is_left() -> None:
    class Backwards(Sequential):
        def forward(self, input: Tensor) -> Tensor:
            for layer in reversed([*self]):
                input = layer(input)
            return input

    model, x = settled(Backwards(Conv2d(3, 3, 3), BatchNorm2d(3))), randn(2, 3, 8, 8)
    np.testing.assert_array_equal(answers(fold_batch_norm(model), x), answers(model, x))

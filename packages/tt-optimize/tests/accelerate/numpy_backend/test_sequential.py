"""Layers in groups compute what they compute one by one."""

from collections.abc import Callable

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_nn import (
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    Tanh,
)
from tt_optimize import accelerate
from tt_optimize.hidden_states import HiddenStates
from tt_tensor import Tensor, randn

IMAGES: dict[str, Callable[[], list[Module]]] = {
    "conv": lambda: [Conv2d(2, 4, 3)],
    "conv, relu": lambda: [Conv2d(2, 4, 3), ReLU()],
    "conv, norm": lambda: [Conv2d(2, 4, 3), BatchNorm2d(4)],
    "no bias": lambda: [Conv2d(2, 4, 3, bias=False), BatchNorm2d(4), ReLU()],
    "pooled": lambda: [Conv2d(2, 4, 3, padding=1), MaxPool2d(2), BatchNorm2d(4), ReLU()],
    "pooled, no norm": lambda: [Conv2d(2, 4, 3, padding=1), MaxPool2d(2), ReLU()],
    "averages": lambda: [Conv2d(2, 4, 3, padding=1), AvgPool2d(2), BatchNorm2d(4), ReLU()],
    "not affine": lambda: [Conv2d(2, 4, 3), BatchNorm2d(4, affine=False), ReLU()],
    "untracked": lambda: [Conv2d(2, 4, 3), BatchNorm2d(4, track_running_stats=False), ReLU()],
    "groups": lambda: [Conv2d(2, 4, 3, groups=2, stride=2, dilation=2), BatchNorm2d(4)],
    "norm first": lambda: [BatchNorm2d(2), ReLU(), Conv2d(2, 4, 3), Tanh()],
    "nested": lambda: [
        Sequential(Conv2d(2, 4, 3), Sequential(BatchNorm2d(4))),
        ReLU(),
        Dropout(0.5),
        Flatten(),
        Linear(4 * 6 * 6, 5),
        ReLU(),
        Linear(5, 3),
    ],
    "twice": lambda: [norm := BatchNorm2d(2), Conv2d(2, 2, 1), norm, ReLU()],
    "relu alone": lambda: [ReLU(), Identity(), ReLU()],
    "nothing": lambda: [],
}
ROWS: dict[str, Callable[[], list[Module]]] = {
    "linear": lambda: [Linear(6, 4)],
    "relu": lambda: [Linear(6, 4), ReLU()],
    "no bias": lambda: [Linear(6, 4, bias=False), ReLU(), Linear(4, 4), Tanh(), Linear(4, 2)],
    "identities": lambda: [Linear(6, 4), Identity(), Dropout(0.3), ReLU(), Linear(4, 4)],
    "norm": lambda: [Linear(6, 4), BatchNorm1d(4), ReLU()],
    "shared": lambda: [one := Linear(6, 6), ReLU(), one, one],
}


def prepared(layers: list[Module], example: Tensor) -> Sequential:
    """Running statistics, gains of either sign where nothing is pooled, and biases."""
    model = Sequential(*layers)
    with no_grad():
        model.train()(example)
    for parameter in model.parameters():
        parameter.data += randn(*parameter.shape) * 0.3
    return model.eval()


def check(model: Sequential, x: Tensor) -> None:
    before = x.array.copy()
    with no_grad():
        for example in (x, x[:1]):
            found, expected = accelerate(model)(example).numpy(), model(example).numpy()
            np.testing.assert_allclose(found, expected, 1e-5, 1e-5)
    np.testing.assert_array_equal(x.array, before)


@pytest.mark.parametrize("name", IMAGES)
def test_images(name: str) -> None:
    x = randn(3, 2, 8, 8)
    check(prepared(IMAGES[name](), x), x)


@pytest.mark.parametrize("name", ROWS)
def test_rows(name: str) -> None:
    x = randn(5, 6)
    check(prepared(ROWS[name](), x), x)
    if "norm" not in name:
        check(prepared(ROWS[name](), x), randn(2, 3, 6))
        check(prepared(ROWS[name](), x), randn(6, 4).T)


def test_a_norm_that_turns_signs_is_not_moved_past_a_pooling() -> None:
    """The maximum of -x is not minus the maximum of x."""
    x = randn(3, 2, 8, 8)
    model = prepared(IMAGES["pooled"](), x)
    model[2].weight.array[:2] = -1.0
    check(model, x)


def test_what_comes_out_is_not_kept() -> None:
    fast, x = accelerate(Sequential(Linear(6, 4), Identity()).eval()), randn(5, 6)
    with no_grad():
        first = fast(x).numpy()
        kept = first.copy()
        fast(x * 2)
    np.testing.assert_array_equal(first, kept)


def test_errors_are_the_layers() -> None:
    fast = accelerate(Sequential(Linear(6, 4)).eval())
    with no_grad():
        with pytest.raises(ValueError, match="Expected x of shape"):
            fast(randn(2, 5))
        with pytest.raises(TypeError, match="one dtype"):
            fast(randn(2, 6).double())


def test_a_norm_in_training_mode_alone() -> None:
    """It measures each batch, as it would in the model itself."""
    x = randn(3, 2, 8, 8)
    model = prepared(IMAGES["conv, norm"](), x)
    model[1].train()
    fast = accelerate(model)
    with no_grad():
        np.testing.assert_allclose(fast(x).numpy(), model(x).numpy(), 1e-5, 1e-5)


@pytest.mark.parametrize("name", ["pooled", "no bias", "nested"])
def test_hooks_see_what_the_layers_put_out(name: str) -> None:
    """Neither skipped, as where layers are joined, nor shown memory that is written to later."""
    x = randn(3, 2, 8, 8)
    model = prepared(IMAGES[name](), x)
    fast = accelerate(model)
    names = [name for name, _ in model.named_modules()]
    with no_grad(), HiddenStates(model, names) as expected, HiddenStates(fast, names) as found:
        model(x)
        fast(x)
        for name in names:
            np.testing.assert_allclose(found[name].numpy(), expected[name].numpy(), 1e-5, 1e-5)

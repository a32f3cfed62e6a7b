"""The affine map and the layers beside it."""

import math
from collections.abc import Callable

import numpy as np
import pytest

import tt_nn as nn
import tt_nn.functional as F
from tt_autograd import gradcheck, gradgradcheck
from tt_tensor import Tensor, float64, manual_seed, ones, tensor, zeros


@pytest.mark.parametrize("leading", [(), (0,), (5,), (2, 0), (2, 5), (2, 1, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_values(leading: tuple[int, ...], bias: bool, leaf: Callable[..., Tensor]) -> None:
    x, w, b = leaf(*leading, 4), leaf(3, 4), leaf(3) if bias else None
    expected = np.einsum("...i,oi->...o", x.detach().numpy(), w.detach().numpy())
    expected = expected if b is None else expected + b.detach().numpy()
    y = F.linear(x, w, b)
    assert y.shape == (*leading, 3)
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-12)


def test_gradients(leaf: Callable[..., Tensor]) -> None:
    for shape in ((4,), (2, 4), (2, 3, 4)):
        assert gradcheck(F.linear, (leaf(*shape), leaf(3, 4), leaf(3)))
        assert gradgradcheck(F.linear, (leaf(*shape), leaf(3, 4), leaf(3)))
    x = leaf(4, 2).detach().T.requires_grad_()
    assert gradcheck(F.linear, (x, leaf(3, 4)))


def test_no_inputs_and_no_outputs(leaf: Callable[..., Tensor]) -> None:
    b = leaf(3)
    y = F.linear(leaf(2, 0), leaf(3, 0), b)
    np.testing.assert_array_equal(y.detach().numpy(), np.tile(b.detach().numpy(), (2, 1)))
    x = leaf(2, 4)
    F.linear(x, leaf(0, 4)).sum().backward()
    assert x.grad.tolist() == zeros(2, 4).tolist()


def test_dtype_is_kept() -> None:
    layer = nn.Linear(4, 3)
    y = layer(ones(2, 4))
    y.sum().backward()
    assert y.dtype == layer.weight.grad.dtype == layer.bias.grad.dtype == np.float32
    assert nn.Linear(4, 3, dtype=float64)(ones(2, 4, dtype=float64)).dtype == float64


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 5), (3, 4)), r"x of shape \(\.\.\., 4\).*= \(3, 4\); got x of shape \(2, 5\)"),
        (((), (3, 4)), r"x of shape \(\.\.\., 4\)"),
        (((2, 4), (4,)), r"weight \(out_features, in_features\); got one of shape \(4,\)"),
        (((2, 4), (3, 4), (4,)), r"bias of shape \(3,\); got \(4,\)"),
        (((2, 4), (3, 4), (1,)), r"bias of shape \(3,\); got \(1,\)"),
    ],
)
def test_wrong_shapes(shapes: tuple[tuple[int, ...], ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        F.linear(*(ones(shape) for shape in shapes))


def test_wrong_dtypes() -> None:
    with pytest.raises(TypeError, match=r"one dtype: x\.to\('float32'\)"):
        F.linear(ones(2, 4, dtype=float64), ones(3, 4))
    with pytest.raises(TypeError, match="x, weight and bias of one dtype"):
        F.linear(ones(2, 4), ones(3, 4), ones(3, dtype=float64))


def test_first_values() -> None:
    layer = nn.Linear(100, 200)
    bound = 1 / math.sqrt(100)
    for parameter in (layer.weight, layer.bias):
        values = parameter.detach().numpy()
        assert -bound <= values.min() < -0.9 * bound and 0.9 * bound < values.max() <= bound
        assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.15)


def test_a_seed_determines_the_first_values() -> None:
    manual_seed(5)
    first = nn.Linear(3, 4)
    manual_seed(5)
    again, other = nn.Linear(3, 4), nn.Linear(3, 4)
    assert first.weight.tolist() == again.weight.tolist() != other.weight.tolist()
    assert first.bias.tolist() == again.bias.tolist()


def test_the_layer() -> None:
    layer = nn.Linear(4, 3, bias=False)
    assert layer.bias is None and list(layer.state_dict()) == ["weight"]
    assert repr(layer) == "Linear(in_features=4, out_features=3, bias=False)"
    assert nn.Linear(0, 2)(zeros(3, 0)).shape == (3, 2)
    with pytest.raises(ValueError, match="sizes must not be negative, got 3, -1"):
        nn.Linear(3, -1)


def test_identity_and_flatten() -> None:
    x = tensor(np.arange(24.0).reshape(2, 3, 4))
    assert nn.Identity(1, 2, anything=3)(x) is x
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0)(x).shape == (24,)
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    assert repr(nn.Flatten(2)) == "Flatten(start_dim=2, end_dim=-1)"

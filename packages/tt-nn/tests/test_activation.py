"""Activation functions against their formulas, where they are steep, flat, and at the kinks."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tt_nn as nn
import tt_nn.functional as F
from tt_autograd import gradcheck, gradgradcheck
from tt_tensor import Tensor, float16, float32, float64, ones, tensor, zeros

X = np.array([-30.0, -3.0, -1.5, -0.2, 0.0, 0.3, 1.0, 2.5, 30.0])


def erf(x: Any) -> Any:
    return np.vectorize(math.erf, otypes=[float])(x)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


FORMULAS: dict[str, tuple[Callable[..., Tensor], nn.Module, Callable[[Any], Any]]] = {
    "relu": (F.relu, nn.ReLU(), lambda x: np.maximum(x, 0)),
    "leaky_relu": (F.leaky_relu, nn.LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
    "elu": (F.elu, nn.ELU(), lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1)),
    "gelu": (F.gelu, nn.GELU(), lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2)))),
    "silu": (F.silu, nn.SiLU(), lambda x: x * sigmoid(x)),
    "sigmoid": (F.sigmoid, nn.Sigmoid(), sigmoid),
    "tanh": (F.tanh, nn.Tanh(), np.tanh),
    "softplus": (F.softplus, nn.Softplus(), lambda x: np.log1p(np.exp(x))),
}
each = pytest.mark.parametrize("name", FORMULAS)


@each
@pytest.mark.parametrize("dtype", [float64, float32, float16])
def test_values(name: str, dtype: Any) -> None:
    function, layer, formula = FORMULAS[name]
    y = function(tensor(X, dtype=dtype))
    assert y.dtype == dtype
    tolerance = {float64: 1e-8, float32: 1e-6, float16: 2e-3}[dtype]
    np.testing.assert_allclose(y.numpy(), formula(X), tolerance, tolerance)
    np.testing.assert_array_equal(layer(tensor(X, dtype=dtype)).numpy(), y.numpy())


@each
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_any_shape(name: str, shape: tuple[int, ...]) -> None:
    function, _, formula = FORMULAS[name]
    x = np.full(shape, 0.7, np.float32)
    np.testing.assert_allclose(function(tensor(x)).numpy(), formula(x), 1e-5)


@each
def test_gradients(name: str, leaf: Callable[..., Tensor]) -> None:
    function, x = FORMULAS[name][0], leaf(3, 4)
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))
    assert gradcheck(function, (x.detach().T.requires_grad_(),))  # not contiguous


@each
def test_no_slope_is_lost_far_from_zero(name: str) -> None:
    """Neither nan nor a warning at arguments whose exponential overflows."""
    x = tensor([-1e4, -100.0, 100.0, 1e4], requires_grad=True)
    y = FORMULAS[name][0](x)
    y.sum().backward()
    assert x.grad is not None
    assert np.isfinite(y.detach().numpy()).all() and np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "silu"])
def test_in_place(name: str, leaf: Callable[..., Tensor]) -> None:
    function, x = FORMULAS[name][0], leaf(5)
    followed = x * 1
    y = function(followed, inplace=True)
    assert y is followed
    expected = x.detach().requires_grad_()
    function(expected).sum().backward()
    y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), function(x).detach().numpy())
    np.testing.assert_allclose(x.grad.numpy(), expected.grad.numpy())


def test_options() -> None:
    x = tensor(X)
    np.testing.assert_allclose(F.leaky_relu(x, 0.5).numpy(), np.where(X > 0, X, X / 2))
    np.testing.assert_allclose(
        nn.ELU(2.0)(x).numpy(), np.where(X > 0, X, 2 * np.expm1(np.minimum(X, 0)))
    )
    np.testing.assert_allclose(nn.Softplus(2.0)(x).numpy(), np.logaddexp(0, 2 * X) / 2, 1e-7)
    cubic = np.sqrt(2 / np.pi) * (X + 0.044715 * X**3)
    np.testing.assert_allclose(F.gelu(x, "tanh").numpy(), X / 2 * (1 + np.tanh(cubic)), 1e-6, 1e-6)


def test_softplus_is_linear_beyond_its_threshold() -> None:
    assert F.softplus(tensor([25.0]), threshold=20).item() == 25.0
    assert F.softplus(tensor([1.5]), threshold=1).item() == 1.5


def test_gelu_refuses_an_unknown_approximation() -> None:
    with pytest.raises(ValueError, match="approximate must be 'none' or 'tanh', got 'fast'"):
        F.gelu(ones(2), "fast")


@pytest.mark.parametrize("function", [F.gelu, F.silu, F.elu, F.softplus])
def test_integers_are_refused(function: Callable[..., Tensor]) -> None:
    with pytest.raises(TypeError, match=r"needs a floating dtype, got int64; .*x.float\(\)"):
        function(tensor([1, 2]))


# --- softmax --------------------------------------------------------------------------------------


def softmax(x: Any, dim: int) -> Any:
    e = np.exp(x)
    return e / e.sum(dim, keepdims=True)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_softmax_and_its_logarithm(dim: int, leaf: Callable[..., Tensor]) -> None:
    x = leaf(2, 3, 4)
    expected = softmax(x.detach().numpy(), dim)
    for y in (F.softmax(x, dim), nn.Softmax(dim)(x)):
        np.testing.assert_allclose(y.detach().numpy(), expected, 1e-12)
    for y in (F.log_softmax(x, dim), nn.LogSoftmax(dim)(x)):
        np.testing.assert_allclose(y.detach().numpy(), np.log(expected), 1e-12)
    for function in (F.softmax, F.log_softmax):
        assert gradcheck(lambda x, f=function: f(x, dim), (x,))
        assert gradgradcheck(lambda x, f=function: f(x, dim), (x,))


@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=6))
def test_softmax_is_a_distribution_however_large_the_scores(scores: list[float]) -> None:
    p = F.softmax(tensor(scores), 0).numpy()
    assert p.dtype == np.float32
    assert (p >= 0).all()
    assert p.sum() == pytest.approx(1, abs=1e-5)
    assert p.argmax() == np.float32(scores).argmax() or p.max() == p[np.float32(scores).argmax()]


def test_masked_scores_get_nothing() -> None:
    x = tensor([[0.0, -math.inf, 0.0]], requires_grad=True)
    y = F.softmax(x, 1)
    assert y.tolist() == [[0.5, 0.0, 0.5]]
    y[0, 0].backward()
    assert x.grad.tolist() == [[0.25, 0.0, -0.25]]
    assert F.log_softmax(x, 1)[0, 1].item() == -math.inf


def test_a_row_of_nothing_is_nan_as_in_pytorch() -> None:
    assert F.softmax(tensor([[-math.inf, -math.inf]]), 1).isnan().all()


def test_softmax_of_one_number_and_of_none() -> None:
    assert F.softmax(tensor(3.0), 0).item() == 1.0
    assert F.log_softmax(tensor(3.0), -1).item() == 0.0
    for dim in (0, 1):
        assert F.softmax(zeros(0, 3), dim).shape == (0, 3)


def test_softmax_can_convert_first() -> None:
    assert F.softmax(ones(2), 0, dtype=float64).dtype == float64
    assert F.softmax(tensor([1, 1]), 0, dtype=float32).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_softmax_errors(function: Callable[..., Tensor]) -> None:
    with pytest.raises(ValueError, match=r"pass dim, for example dim=-1; .*\(2, 3\)"):
        function(ones(2, 3))
    with pytest.raises(IndexError, match=r"dim 2 is out of range for shape \(2, 3\)"):
        function(ones(2, 3), 2)
    with pytest.raises(TypeError, match="needs a floating dtype, got int64"):
        function(tensor([1, 2]), 0)


def test_representations() -> None:
    assert repr(nn.ReLU()) == "ReLU()"
    assert repr(nn.LeakyReLU(0.3)) == "LeakyReLU(negative_slope=0.3)"
    assert repr(nn.ELU(0.5)) == "ELU(alpha=0.5)"
    assert repr(nn.GELU("tanh")) == "GELU(approximate='tanh')"
    assert repr(nn.Softplus()) == "Softplus(beta=1.0, threshold=20.0)"
    assert repr(nn.Softmax(1)) == "Softmax(dim=1)"
    assert repr(nn.LogSoftmax(dim=-1)) == "LogSoftmax(dim=-1)"

"""Normalisation over the last dims, and to length one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tt_nn as nn
import tt_nn.functional as F
from tt_autograd import gradcheck, gradgradcheck
from tt_tensor import Tensor, float16, float32, ones, tensor, zeros

SHAPES = [((4,), (4,)), ((3, 4), (4,)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 4)), ((0, 4), (4,))]
each = pytest.mark.parametrize(("shape", "last"), SHAPES)


def over(last: tuple[int, ...]) -> dict[str, Any]:
    return {"axis": tuple(range(-len(last), 0)), "keepdims": True}


@each
@pytest.mark.parametrize("given", ["", "weight", "bias", "both"])
def test_layer_norm(
    shape: tuple[int, ...], last: tuple[int, ...], given: str, leaf: Callable[..., Tensor]
) -> None:
    x = leaf(*shape)
    w = leaf(*last) if given in ("weight", "both") else None
    b = leaf(*last) if given in ("bias", "both") else None
    a = x.detach().numpy()
    centred = a - a.mean(**over(last))
    expected = centred / np.sqrt((centred**2).mean(**over(last)) + 1e-3)
    expected = expected if w is None else expected * w.detach().numpy()
    expected = expected if b is None else expected + b.detach().numpy()
    y = F.layer_norm(x, last, w, b, eps=1e-3)
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-10, 1e-12)

    def function(*inputs: Tensor) -> Tensor:
        rest = list(inputs[1:])
        weight = rest.pop(0) if w is not None else None
        return F.layer_norm(inputs[0], last, weight, rest.pop(0) if rest else None, 1e-3)

    inputs = tuple(t for t in (x, w, b) if t is not None)
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


@each
def test_rms_norm(
    shape: tuple[int, ...], last: tuple[int, ...], leaf: Callable[..., Tensor]
) -> None:
    x, w = leaf(*shape), leaf(*last)
    a = x.detach().numpy()
    expected = a / np.sqrt((a**2).mean(**over(last)) + 1e-3) * w.detach().numpy()
    y = F.rms_norm(x, last, w, 1e-3)
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-10, 1e-12)
    assert gradcheck(lambda x, w: F.rms_norm(x, last, w, 1e-3), (x, w))
    assert gradgradcheck(lambda x, w: F.rms_norm(x, last, w, 1e-3), (x, w))


def test_blocks_of_rows_make_no_difference(leaf: Callable[..., Tensor]) -> None:
    """More rows than the kernel takes at once."""
    x, w, b = leaf(300, 200), leaf(200), leaf(200)
    whole = F.layer_norm(x, 200, w, b)
    parts = [F.layer_norm(x[i : i + 1], 200, w, b) for i in (0, 81, 82, 299)]
    for i, part in zip((0, 81, 82, 299), parts, strict=True):
        np.testing.assert_allclose(whole[i].detach().numpy(), part[0].detach().numpy(), 1e-12)
    whole.square().sum().backward()
    fused = [t.grad.numpy() for t in (x, w, b)]
    for t in (x, w, b):
        t.grad = None
    centred = x - x.mean(-1, keepdim=True)
    plain = centred * (centred.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * w + b
    plain.square().sum().backward()
    for found, t in zip(fused, (x, w, b), strict=True):
        np.testing.assert_allclose(found, t.grad.numpy(), 1e-8, 1e-8)


def test_a_constant_row_is_no_division_by_zero() -> None:
    x = ones(2, 4, requires_grad=True)
    y = F.layer_norm(x, 4)
    y.sum().backward()
    assert y.tolist() == zeros(2, 4).tolist()
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("dtype", [float32, float16])
def test_dtype_is_kept(dtype: Any) -> None:
    x = tensor(np.arange(8.0).reshape(2, 4), dtype=dtype)
    for layer in (nn.LayerNorm(4, dtype=dtype), nn.RMSNorm(4, dtype=dtype)):
        assert layer(x).dtype == dtype
    assert F.normalize(x).dtype == dtype


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_errors(name: str) -> None:
    function = getattr(F, name)
    with pytest.raises(ValueError, match=rf"{name}: expected x of shape \(..., 3\), got \(2, 4\)"):
        function(ones(2, 4), 3)
    with pytest.raises(ValueError, match=r"expected x of shape \(..., 1, 2, 4\)"):
        function(ones(2, 4), (1, 2, 4))
    with pytest.raises(ValueError, match=r"must have shape \(4,\), got \(3,\)"):
        function(ones(2, 4), 4, ones(3))


def test_layer_norm_layer() -> None:
    layer = nn.LayerNorm((3, 4), eps=0.1)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert layer.weight.tolist() == ones(3, 4).tolist()
    assert layer.bias.tolist() == zeros(3, 4).tolist()
    assert repr(layer) == "LayerNorm((3, 4), eps=0.1, elementwise_affine=True, bias=True)"
    assert list(nn.LayerNorm(4, bias=False).state_dict()) == ["weight"]
    assert list(nn.LayerNorm(4, elementwise_affine=False).state_dict()) == []
    y = nn.LayerNorm(4)(tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert y.mean().item() == pytest.approx(0, abs=1e-6)
    assert y.var(correction=0).item() == pytest.approx(1, abs=1e-4)
    for shape in ((), (0,), (3, -1)):
        with pytest.raises(ValueError, match="positive sizes"):
            nn.LayerNorm(shape)


def test_rms_norm_layer() -> None:
    layer = nn.RMSNorm(4)
    assert list(layer.state_dict()) == ["weight"]
    assert repr(layer) == "RMSNorm((4,), eps=None, elementwise_affine=True)"
    y = layer(tensor([[1.0, -2.0, 3.0, 4.0]]))
    assert y.square().mean().item() == pytest.approx(1, abs=1e-5)
    assert list(nn.RMSNorm(4, elementwise_affine=False).state_dict()) == []


@pytest.mark.parametrize("p", [1, 2, 3.0, float("inf")])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_normalize(p: float, dim: int, leaf: Callable[..., Tensor]) -> None:
    x = leaf(3, 4)
    a = x.detach().numpy()
    expected = a / np.linalg.norm(a, p, dim, keepdims=True)
    np.testing.assert_allclose(F.normalize(x, p, dim).detach().numpy(), expected, 1e-12)
    assert gradcheck(lambda x: F.normalize(x, p, dim), (x,))


def test_what_is_too_short_is_not_blown_up() -> None:
    x = tensor([[0.0, 0.0], [0.3, 0.4]], requires_grad=True)
    y = F.normalize(x, eps=1.0)
    np.testing.assert_allclose(y.detach().numpy(), [[0, 0], [0.3, 0.4]])
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 1)


@pytest.mark.parametrize("size", [0.02, 1.0, 300.0, 20000.0])
@pytest.mark.parametrize(
    "norm",
    [
        lambda x: F.layer_norm(x, 16),
        lambda x: F.rms_norm(x, 16, eps=1e-6),
        lambda x: F.group_norm(x, 4),
        lambda x: F.batch_norm(x, None, None, training=True),
    ],
)
def test_float16_is_computed_in_float32(norm: Callable[[Tensor], Tensor], size: float) -> None:
    """As in PyTorch: squares, their sums and 1/σ³ need not fit into float16."""
    draw = np.random.default_rng(0)
    numbers = (draw.standard_normal((8, 16)) * size).astype(np.float16)
    weights = draw.standard_normal((8, 16))
    found = []
    for dtype in (np.float16, np.float64):
        x = tensor(numbers.astype(dtype), requires_grad=True)
        y = norm(x)
        (y * tensor(weights.astype(dtype))).sum().backward()
        assert y.dtype == x.grad.dtype == dtype
        found.append((y.detach().numpy(), x.grad.numpy()))
    for small, exact in zip(*found, strict=True):
        np.testing.assert_allclose(small, exact, 0, 2e-3 * np.abs(exact).max() + 6e-8)

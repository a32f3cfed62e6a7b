"""Activation functions. The plain ones are written in tensor operations; those that a transformer
spends its time in are fused kernels with a definition in plain operations beside them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tt_tensor as tt
from tt_autograd import joint_vjp, vjp
from tt_autograd.rules.either import exp
from tt_tensor import Op, Tensor, apply
from tt_tensor.ops.elementwise import sigmoid_forward
from tt_tensor.ops.erf import erf as erf_forward

from .blocks import spans

__all__ = [
    "elu",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

Array = Any


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)."""
    return input.relu_() if inplace else input.relu()


def sigmoid(input: Tensor) -> Tensor:
    """σ(x) = 1 / (1 + e⁻ˣ)."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """(eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return input.tanh()


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where x > 0, negative_slope · x elsewhere."""
    return tt.where(input > 0, input, input * negative_slope)


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """x where x > 0, alpha · (eˣ - 1) elsewhere."""
    return tt.where(input > 0, input, tt.expm1(tt.clamp(input, max=0)) * alpha)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(βx)) / β, a smooth relu; x itself where βx > threshold."""
    scaled = input * beta
    smooth = tt.log1p(tt.exp(tt.clamp(scaled, max=threshold))) / beta
    return tt.where(scaled > threshold, input, smooth)


def _blockwise(kernel: Callable[..., Any], *arrays: Array) -> Array:
    """``kernel(*pieces, out)`` over flat pieces of equally shaped arrays, into a new array."""
    flat = [np.ascontiguousarray(a).reshape(-1) for a in arrays]
    out = np.empty_like(flat[0])
    for span in spans(out.size):
        kernel(*(a[span] for a in flat), out[span])
    return out.reshape(arrays[0].shape)


# ---- GELU ----------------------------------------------------------------------------------------

_C = math.sqrt(2 / math.pi)
_CUBIC = 0.044715


def _tanh_gelu(x: Array, out: Array) -> None:
    """x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))); never x**3, whose pow takes 18 times as long."""
    np.multiply(x, x, out=out)
    out *= _C * _CUBIC
    out += _C
    out *= x
    np.tanh(out, out=out)
    out += 1.0
    out *= x
    out *= 0.5


def _tanh_gelu_vjp(g: Array, x: Array, out: Array) -> None:
    square = x * x
    np.multiply(square, _C * _CUBIC, out=out)
    out += _C
    out *= x
    t = np.tanh(out)
    square *= 3 * _C * _CUBIC
    square += _C
    square *= x  # x times the derivative of tanh's argument
    np.multiply(t, t, out=out)
    np.subtract(1.0, out, out=out)
    out *= square
    out += t
    out += 1.0
    out *= g
    out *= 0.5


def _erf_gelu(x: Array, out: Array) -> None:
    """x Φ(x), where Φ is the normal distribution function."""
    np.multiply(erf_forward(x * math.sqrt(0.5)) + 1.0, x, out=out)
    out *= 0.5


def _erf_gelu_vjp(g: Array, x: Array, out: Array) -> None:
    """d/dx = Φ(x) + x φ(x)."""
    np.multiply(x, x, out=out)
    out *= -0.5
    np.exp(out, out=out)
    out *= x
    out *= 1 / math.sqrt(2 * math.pi)
    out += (erf_forward(x * math.sqrt(0.5)) + 1.0) * 0.5
    out *= g


_KERNELS = {"tanh": (_tanh_gelu, _tanh_gelu_vjp), "none": (_erf_gelu, _erf_gelu_vjp)}


def gelu_forward(x: Array, approximate: str) -> Array:
    """The kernel over blocks that stay in the cache."""
    return _blockwise(_KERNELS[approximate][0], x)


def gelu_vjp(
    g: Array, needs: tuple[bool, ...], _: None, x: Array, approximate: str
) -> list[Array]:
    """The derivative is computed from x again: cheaper than keeping it."""
    return [_blockwise(_KERNELS[approximate][1], g, x)]


def gelu_definition(x: Tensor, approximate: str) -> Tensor:
    """GELU in plain operations."""
    if approximate == "tanh":
        return x * 0.5 * (1 + tt.tanh((x + x * x * x * _CUBIC) * _C))
    return x * 0.5 * (1 + tt.erf(x * math.sqrt(0.5)))


_gelu = Op("gelu", gelu_forward)
joint_vjp(_gelu, gelu_vjp, definition=gelu_definition)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """The Gaussian error linear unit x Φ(x), Φ being the normal distribution function.

    Args:
        approximate: "none" for the exact function, by erf; "tanh" for GPT-2's approximation
            x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))).

    Source: Hendrycks and Gimpel 2016.
    """
    if approximate not in _KERNELS:
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return apply(_gelu, input, approximate=approximate)


# ---- SiLU ----------------------------------------------------------------------------------------


def _silu(x: Array, out: Array) -> None:
    np.multiply(sigmoid_forward(x), x, out=out)


def _silu_vjp(g: Array, x: Array, out: Array) -> None:
    """σ + xσ(1 - σ)."""
    s = sigmoid_forward(x)
    np.subtract(1.0, s, out=out)
    out *= x
    out += 1.0
    out *= s
    out *= g


_silu_op = Op("silu", lambda x: _blockwise(_silu, x))


def silu_vjp(g: Array, needs: tuple[bool, ...], _: None, x: Array) -> list[Array]:
    """σ + xσ(1 - σ), from x again."""
    return [_blockwise(_silu_vjp, g, x)]


joint_vjp(_silu_op, silu_vjp, definition=lambda x: x * x.sigmoid())


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x σ(x), also called swish."""
    return apply(_silu_op, input)


# ---- softmax -------------------------------------------------------------------------------------


def softmax_forward(x: Array, dim: int) -> Array:
    """eˣ / Σeˣ, with the largest x taken out so that nothing overflows."""
    out = x - x.max(axis=dim, keepdims=True)
    np.exp(out, out=out)
    out /= out.sum(axis=dim, keepdims=True)
    return out


def softmax_vjp(g: Array, out: Array, _: None, dim: int) -> Array:
    """dL/dx = y (g - Σ g y)."""
    weighted = g * out
    return weighted - out * weighted.sum(axis=dim, keepdims=True)


def log_softmax_forward(x: Array, dim: int) -> Array:
    """x - log Σeˣ."""
    out = x - x.max(axis=dim, keepdims=True)
    out -= np.log(np.exp(out).sum(axis=dim, keepdims=True))
    return out


def log_softmax_vjp(g: Array, out: Array, _: None, dim: int) -> Array:
    """dL/dx = g - softmax(x) Σ g."""
    return g - exp(out) * g.sum(axis=dim, keepdims=True)


_softmax = Op("softmax", softmax_forward)
_log_softmax = Op("log_softmax", log_softmax_forward)
vjp(_softmax, softmax_vjp)
vjp(_log_softmax, log_softmax_vjp)


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Probabilities eˣ / Σeˣ along ``dim``."""
    return apply(_softmax, _floating("softmax", input, dtype), dim=_dim("softmax", input, dim))


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """log softmax(x) = x - log Σeˣ along ``dim``, without overflow."""
    x = _floating("log_softmax", input, dtype)
    return apply(_log_softmax, x, dim=_dim("log_softmax", input, dim))


def _dim(name: str, x: Tensor, dim: int | None) -> int:
    if dim is None:
        raise ValueError(f"{name}: pass dim, for example dim=-1; got none for shape {x.shape}")
    if not -max(x.ndim, 1) <= dim < max(x.ndim, 1):
        raise IndexError(f"{name}: dim {dim} is out of range for shape {x.shape}")
    return dim


def _floating(name: str, x: Tensor, dtype: Any) -> Tensor:
    x = x if dtype is None else x.to(dtype)
    if not x.is_floating_point():
        raise TypeError(f"{name} needs a floating dtype, got {x.dtype}; convert first: x.float()")
    return x

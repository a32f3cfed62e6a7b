"""GELU, a fused kernel, with its definition in plain operations beside it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tt_tensor as tt
from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply
from tt_tensor.ops.erf import erf as erf_forward

from .blocks import blockwise
from .checks import floating

__all__ = ["gelu"]

Array = Any

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
    return blockwise(_KERNELS[approximate][0], x)


def gelu_vjp(g: Array, needs: tuple[bool, ...], _: None, x: Array, approximate: str) -> list[Array]:
    """The derivative is computed from x again: cheaper than keeping it."""
    return [blockwise(_KERNELS[approximate][1], g, x)]


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
    return apply(_gelu, floating("gelu", input), approximate=approximate)

"""Activation functions, all but GELU and softmax, which have files of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tt_tensor as tt
from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply
from tt_tensor.ops.elementwise import sigmoid_forward

from .blocks import blockwise
from .checks import floating

__all__ = [
    "elu",
    "leaky_relu",
    "relu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
]

Array = Any


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)."""
    return input.relu_() if inplace else input.relu()


def _perhaps_in_place(function: Callable[[Tensor], Tensor], x: Tensor, inplace: bool) -> Tensor:
    """function(x), written over x if ``inplace``; what its gradient needs of x is kept."""
    return x.copy_(function(x.clone())) if inplace else function(x)


def sigmoid(input: Tensor) -> Tensor:
    """σ(x) = 1 / (1 + e⁻ˣ)."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """(eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return input.tanh()


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, negative_slope · x elsewhere."""

    def function(x: Tensor) -> Tensor:
        return tt.where(x > 0, x, x * negative_slope)

    return _perhaps_in_place(function, input, inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, alpha · (eˣ - 1) elsewhere."""

    def function(x: Tensor) -> Tensor:
        return tt.where(x > 0, x, tt.expm1(tt.clamp(x, max=0)) * alpha)

    return _perhaps_in_place(function, floating("elu", input), inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(βx)) / β, a smooth relu; x itself where βx > threshold."""
    scaled = floating("softplus", input) * beta
    smooth = tt.log1p(tt.exp(tt.clamp(scaled, max=threshold))) / beta
    return tt.where(scaled > threshold, input, smooth)


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


_silu_op = Op("silu", lambda x: blockwise(_silu, x))


def silu_vjp(g: Array, needs: tuple[bool, ...], _: None, x: Array) -> list[Array]:
    """σ + xσ(1 - σ), from x again."""
    return [blockwise(_silu_vjp, g, x)]


joint_vjp(_silu_op, silu_vjp, definition=lambda x: x * x.sigmoid())


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x σ(x), also called swish."""
    return _perhaps_in_place(lambda x: apply(_silu_op, x), floating("silu", input), inplace)

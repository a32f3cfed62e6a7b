"""GELU (by tanh) and SwiGLU's gate: one pass over memory, forward and backward.

Both are x times a logistic function, as (1 + tanh u)/2 = σ(2u), so one eˣ and one division a number
are all they need. The backward pass computes σ again, which is cheaper than to write and read it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tt_autograd import joint_vjp
from tt_nn import functional as F
from tt_tensor import Op, Tensor, apply

from .elementary import function, kernel, sigmoid

__all__ = ["compiled_gelu", "compiled_silu_gate", "gelu_kernel", "silu_gate_kernel"]

Array = Any

_1 = np.float32(1)
_C = np.float32(2 * math.sqrt(2 / math.pi))
_CUBIC = np.float32(2 * math.sqrt(2 / math.pi) * 0.044715)
_SLOPE = np.float32(3 * 2 * math.sqrt(2 / math.pi) * 0.044715)


@function
def gelu_number(x: Any) -> Any:
    """x σ(2u) with u = √(2/π)(x + 0.044715 x³)."""
    return x * sigmoid(x * (_C + _CUBIC * x * x))


@kernel
def gelu_kernel(x: Array, y: Array) -> None:
    """GELU of all numbers of x."""
    for i in range(x.size):
        y[i] = gelu_number(x[i])


@kernel
def gelu_gradient(g: Array, x: Array, gx: Array) -> None:
    """d/dx = σ + x σ (1 - σ) · 2u'."""
    for i in range(x.size):
        square = x[i] * x[i]
        s = sigmoid(x[i] * (_C + _CUBIC * square))
        gx[i] = g[i] * (s + x[i] * s * (_1 - s) * (_C + _SLOPE * square))


@kernel
def silu_gate_kernel(a: Array, b: Array, y: Array) -> None:
    """a σ(a) · b."""
    for i in range(a.size):
        y[i] = a[i] * sigmoid(a[i]) * b[i]


@kernel
def silu_gate_gradients(g: Array, a: Array, b: Array, ga: Array, gb: Array) -> None:
    """By a: g b (σ + a σ (1 - σ)); by b: g a σ."""
    for i in range(a.size):
        s = sigmoid(a[i])
        ga[i] = g[i] * b[i] * (s + a[i] * s * (_1 - s))
        gb[i] = g[i] * a[i] * s


def _flat(x: Array) -> Array:
    return np.ascontiguousarray(x).reshape(-1)


def gelu_forward(x: Array) -> Array:
    """The kernel over x in one piece."""
    flat = _flat(x)
    y = np.empty_like(flat)
    gelu_kernel(flat, y)
    return y.reshape(x.shape)


def gelu_vjp(g: Array, needs: tuple[bool, ...], _: None, x: Array) -> list[Array]:
    """The derivative from x again."""
    flat = _flat(x)
    gx = np.empty_like(flat)
    gelu_gradient(_flat(g), flat, gx)
    return [gx.reshape(x.shape)]


def silu_gate_forward(a: Array, b: Array) -> Array:
    """The kernel over both in one piece."""
    flat = _flat(a)
    y = np.empty_like(flat)
    silu_gate_kernel(flat, _flat(b), y)
    return y.reshape(a.shape)


def silu_gate_vjp(g: Array, needs: tuple[bool, ...], _: None, a: Array, b: Array) -> list[Array]:
    """Both gradients in one pass."""
    flat = _flat(a)
    ga, gb = np.empty_like(flat), np.empty_like(flat)
    silu_gate_gradients(_flat(g), flat, _flat(b), ga, gb)
    return [ga.reshape(a.shape), gb.reshape(a.shape)]


_gelu = Op("compiled_gelu", gelu_forward)
joint_vjp(_gelu, gelu_vjp, definition=lambda x: F.gelu(x, "tanh"))

_silu_gate = Op("compiled_silu_gate", silu_gate_forward)
joint_vjp(_silu_gate, silu_gate_vjp, definition=lambda a, b: F.silu(a) * b)


def compiled_gelu(x: Tensor) -> Tensor:
    """x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))) of float32."""
    return apply(_gelu, x)


def compiled_silu_gate(a: Tensor, b: Tensor) -> Tensor:
    """a σ(a) · b of float32: what SwiGLU does between its linear maps.

    Shape: a and b alike -> the same
    """
    return apply(_silu_gate, a, b)

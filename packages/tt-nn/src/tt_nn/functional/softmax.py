"""Scores as probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_autograd import vjp
from tt_autograd.rules.either import exp
from tt_tensor import Op, Tensor, apply
from tt_tensor.ops.elementwise import silenced

from .checks import floating

__all__ = ["log_softmax", "softmax"]

Array = Any


@silenced
def softmax_forward(x: Array, dim: int) -> Array:
    """eˣ / Σeˣ, with the largest x taken out so that nothing overflows."""
    out = x - x.max(axis=dim, keepdims=True, initial=-np.inf)
    np.exp(out, out=out)
    out /= out.sum(axis=dim, keepdims=True)
    return out


def softmax_vjp(g: Array, out: Array, _: None, dim: int) -> Array:
    """dL/dx = y (g - Σ g y)."""
    weighted = g * out
    return weighted - out * weighted.sum(axis=dim, keepdims=True)


@silenced
def log_softmax_forward(x: Array, dim: int) -> Array:
    """x - log Σeˣ."""
    out = x - x.max(axis=dim, keepdims=True, initial=-np.inf)
    out -= np.log(np.exp(out).sum(axis=dim, keepdims=True))
    return out


def log_softmax_vjp(g: Array, out: Array, _: None, dim: int) -> Array:
    """dL/dx = g - softmax(x) Σ g."""
    return g - exp(out) * g.sum(axis=dim, keepdims=True)


_softmax = Op("softmax", softmax_forward)
_log_softmax = Op("log_softmax", log_softmax_forward)
vjp(_softmax, softmax_vjp)
vjp(_log_softmax, log_softmax_vjp)


def softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Probabilities eˣ / Σeˣ along ``dim``."""
    return _along(_softmax, input, dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """log softmax(x) = x - log Σeˣ along ``dim``, without overflow."""
    return _along(_log_softmax, input, dim, dtype)


def _along(op: Op, x: Tensor, dim: int | None, dtype: Any) -> Tensor:
    if dim is None:
        raise ValueError(f"{op.name}: pass dim, for example dim=-1; got none for shape {x.shape}")
    if not -max(x.ndim, 1) <= dim < max(x.ndim, 1):
        raise IndexError(f"{op.name}: dim {dim} is out of range for shape {x.shape}")
    x = floating(op.name, x if dtype is None else x.to(dtype))
    return apply(op, x, dim=dim) if x.ndim else apply(op, x.reshape(1), dim=dim).reshape(())

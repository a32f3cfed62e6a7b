"""Gradients of the reductions: one number's gradient goes back to the many it came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_tensor import Tensor, ops
from tt_tensor.ops.reduction import check_dims, count

from ..rule import Array, Meta, vjp
from .either import cumsum, exp, expand, flip, where

Dim = Any


def keep_dims(value: Array, shape: tuple[int, ...], dim: Dim, keepdim: bool) -> Array:
    """A reduced value with its reduced dims back as 1."""
    if keepdim:
        return value
    gone = check_dims(shape, dim or None if isinstance(dim, tuple) else dim)
    return value.reshape(tuple(1 if i in gone else n for i, n in enumerate(shape)))


def spread(g: Array, shape: tuple[int, ...], dim: Dim, keepdim: bool) -> Array:
    """A reduced gradient repeated over the dims that were reduced."""
    if dim is not None:
        g = keep_dims(g, shape, dim, keepdim)
    if isinstance(g, Tensor):
        return expand(g, shape=shape)
    out = np.empty(shape, g.dtype)  # np.broadcast_to costs 3 µs a call, this 0.4
    out[...] = g
    return out


def sum_vjp(g: Array, _: None, x: Meta, dim: Dim = None, keepdim: bool = False) -> Array:
    """dΣx/dx = 1."""
    return spread(g, x.shape, dim, keepdim)


def mean_vjp(g: Array, _: None, x: Meta, dim: Dim = None, keepdim: bool = False) -> Array:
    """d(Σx/n)/dx = 1/n."""
    n = count(x.shape, dim)
    return spread(g * (1 / n) if n else g, x.shape, dim, keepdim)


def var_vjp(
    g: Array, _: None, x: Array, dim: Dim = None, correction: int = 1, keepdim: bool = False
) -> Array:
    """d var/dx = 2(x - mean)/(n - correction)."""
    n = count(x.shape, dim)
    centred = x - x.mean(axis=dim, keepdims=True)
    return keep_dims(g, x.shape, dim, keepdim) * (centred * (2 / max(n - correction, 0) if
        n > correction else float("nan")))


def extreme_vjp(
    g: Array, out: Array, x: Array, dim: Dim = None, keepdim: bool = False
) -> Array:
    """Shared evenly among the elements that equal the extreme."""
    ties = (x == keep_dims(out, x.shape, dim, keepdim)).astype(x.dtype)
    return keep_dims(g, x.shape, dim, keepdim) * (ties / ties.sum(axis=dim, keepdims=True))


def prod_vjp(
    g: Array, _: None, x: Array, dim: int | None = None, keepdim: bool = False
) -> Array:
    """dΠx/dxᵢ is the product of the others: those before times those after, so zeros do no harm."""
    g = keep_dims(g, x.shape, dim, keepdim)
    if dim is None:
        flat = x.reshape(-1)
        return g * _others(flat, 0).reshape(x.shape)
    return g * _others(x, dim)


def _others(x: Array, dim: int) -> Array:
    """For each element the product of the others along ``dim``."""
    n = x.shape[dim] if x.ndim else 1
    if n == 1:
        return x * 0 + 1
    axis = check_dims(x.shape, dim)[0]
    parts = []
    for i in range(n):
        here = np.arange(n).reshape((-1,) + (1,) * (x.ndim - 1 - axis)) == i
        rest = where(_like(here, x), 1.0, x)
        parts.append(_product(rest, axis))
    return _stack(parts, axis)


def _like(mask: Any, x: Array) -> Any:
    return _wrap(mask) if isinstance(x, Tensor) else mask


def _wrap(array: Any) -> Tensor:
    from tt_tensor.tensor import wrap

    return wrap(array)


def _product(x: Array, axis: int) -> Array:
    return x.prod(axis) if isinstance(x, Tensor) else x.prod(axis=axis)


def _stack(parts: list[Array], axis: int) -> Array:
    from .either import stack

    return stack(*parts, dim=axis)


def cumsum_vjp(g: Array, _: None, x: Meta, dim: int) -> Array:
    """Each element enters all later sums: the gradient is summed from the end."""
    if not x.shape:
        return g
    return flip(cumsum(flip(g, dims=(dim,)), dim=dim), dims=(dim,))


def logsumexp_vjp(
    g: Array, out: Array, x: Array, dim: Dim, keepdim: bool = False
) -> Array:
    """d log Σeˣ/dx = eˣ/Σeˣ, the softmax."""
    out = keep_dims(out, x.shape, dim, keepdim)
    return keep_dims(g, x.shape, dim, keepdim) * exp(x - out)


vjp(ops.sum_, sum_vjp)
vjp(ops.mean, mean_vjp)
vjp(ops.var, var_vjp)
vjp(ops.amax, extreme_vjp)
vjp(ops.amin, extreme_vjp)
vjp(ops.prod, prod_vjp)
vjp(ops.cumsum, cumsum_vjp)
vjp(ops.logsumexp, logsumexp_vjp)

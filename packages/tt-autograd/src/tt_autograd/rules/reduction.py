"""Gradients of the reductions: one number's gradient goes back to the many it came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_tensor import Tensor, ops
from tt_tensor.ops.reduction import check_dims, count

from ..rule import Array, Shape, vjp
from .either import cat, constant, cumprod, cumsum, exp, expand, flip

Dim = Any


def keep_dims(value: Array, shape: Shape, dim: Dim, keepdim: bool) -> Array:
    """A reduced value with its reduced dims back as 1."""
    if keepdim:
        return value
    gone = check_dims(shape, dim or None if isinstance(dim, tuple) else dim)
    return value.reshape(tuple(1 if i in gone else n for i, n in enumerate(shape)))


def spread(g: Array, shape: Shape, dim: Dim, keepdim: bool) -> Array:
    """A reduced gradient repeated over the dims that were reduced."""
    if dim is not None:
        g = keep_dims(g, shape, dim, keepdim)
    if g.__class__ is Tensor:
        return expand(g, shape=shape)
    out = np.empty(shape, g.dtype)  # np.broadcast_to costs 3 µs a call, this 0.4
    out[...] = g
    return out


def sum_vjp(g: Array, _: None, x: Shape, dim: Dim = None, keepdim: bool = False) -> Array:
    """dΣx/dx = 1."""
    return spread(g, x, dim, keepdim)


def mean_vjp(g: Array, _: None, x: Shape, dim: Dim = None, keepdim: bool = False) -> Array:
    """d(Σx/n)/dx = 1/n."""
    n = count(x, dim)
    return spread(g * (1 / n) if n else g, x, dim, keepdim)


def var_vjp(
    g: Array, _: None, x: Array, dim: Dim = None, correction: int = 1, keepdim: bool = False
) -> Array:
    """d var/dx = 2(x - mean)/(n - correction)."""
    n = count(x.shape, dim)
    centred = x - x.mean(axis=dim, keepdims=True)
    return keep_dims(g, x.shape, dim, keepdim) * (
        centred * (2 / max(n - correction, 0) if n > correction else float("nan"))
    )


def extreme_vjp(g: Array, out: Array, x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """Shared evenly among the elements that equal the extreme."""
    peak = keep_dims(out, x.shape, dim, keepdim)
    ties = x == peak
    if bool((peak != peak).any()):
        ties = ties | ((x != x) & (peak != peak))  # nan is the extreme wherever it occurs
    ties = ties.astype(x.dtype)
    return keep_dims(g, x.shape, dim, keepdim) * (ties / ties.sum(axis=dim, keepdims=True))


def prod_vjp(g: Array, _: None, x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """dΠx/dxᵢ is the product of the others: those before times those after, so zeros do no harm."""
    g = keep_dims(g, x.shape, dim, keepdim)
    flat = x if dim is not None and x.ndim else x.reshape((-1,))
    return g * _others(flat, 0 if dim is None else dim).reshape(x.shape)


def _others(x: Array, dim: int) -> Array:
    """For each element the product of the others along ``dim``."""
    axis = check_dims(x.shape, dim)[0]
    if not x.shape[axis]:
        return x
    one, head, tail = _one(x, axis), _part(axis, 0, -1), _part(axis, 1, None)
    before = cumprod(cat(one, x[head], dim=axis), dim=axis)
    after = cumprod(cat(one, flip(x[tail], dims=(axis,)), dim=axis), dim=axis)
    return before * flip(after, dims=(axis,))


def _one(x: Array, axis: int) -> Array:
    return constant(x, np.ones((*x.shape[:axis], 1, *x.shape[axis + 1 :]), x.dtype))


def _part(axis: int, start: int, end: int | None) -> tuple[slice, ...]:
    return (slice(None),) * axis + (slice(start, end),)


def cumprod_vjp(g: Array, out: Array, x: Array, dim: int) -> Array:
    """dyⱼ/dxᵢ = yⱼ/xᵢ for j ≥ i; if there are zeros, the products without xᵢ are formed anew."""
    if not x.shape:
        return g
    axis = check_dims(x.shape, dim)[0]
    if bool((x != 0).all()):
        return _sum_from_end(g * out, axis) / x
    grads = []
    for i in range(x.shape[axis]):
        without = cat(x[_part(axis, 0, i)], _one(x, axis), x[_part(axis, i + 1, None)], dim=axis)
        later = (g * cumprod(without, dim=axis))[_part(axis, i, None)]
        grads.append(later.sum(axis=axis, keepdims=True))
    return cat(*grads, dim=axis)


def cumsum_vjp(g: Array, _: None, x: Shape, dim: int) -> Array:
    """Each element enters all later sums: the gradient is summed from the end."""
    return _sum_from_end(g, dim) if x else g


def _sum_from_end(g: Array, dim: int) -> Array:
    return flip(cumsum(flip(g, dims=(dim,)), dim=dim), dims=(dim,))


def logsumexp_vjp(g: Array, out: Array, x: Array, dim: Dim, keepdim: bool = False) -> Array:
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
vjp(ops.cumprod, cumprod_vjp)
vjp(ops.logsumexp, logsumexp_vjp)

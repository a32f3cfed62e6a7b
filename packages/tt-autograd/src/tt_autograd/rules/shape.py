"""Gradients of operations that only move numbers: the gradient is moved back."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_tensor import ops
from tt_tensor.ops.reduction import check_dims

from ..broadcasting import sum_to
from ..rule import Array, Meta, Shape, joint_vjp, same, vjp
from .either import cat, constant, flip, permute, place, roll, tril, triu


def reshape_vjp(g: Array, _: None, x: Shape, **__: Any) -> Array:
    """Back to the input's shape."""
    return g.reshape(x)


def expand_vjp(g: Array, _: None, x: Shape, shape: Shape) -> Array:
    """The copies' gradients are summed."""
    return sum_to(g, x)


def permute_vjp(g: Array, _: None, x: Shape, dims: tuple[int, ...]) -> Array:
    """The inverse permutation."""
    order = check_dims(x, dims)
    return permute(g, dims=tuple(order.index(i) for i in range(len(order))))


def swapaxes_vjp(g: Array, _: None, __: None, dim0: int, dim1: int) -> Array:
    """Swapped back."""
    return g.swapaxes(dim0, dim1)


def flip_vjp(g: Array, _: None, __: None, dims: tuple[int, ...]) -> Array:
    """Flipped back."""
    return flip(g, dims=dims)


def roll_vjp(g: Array, _: None, __: None, shifts: Any, dims: Any) -> Array:
    """Rolled back."""
    back = tuple(-s for s in shifts) if isinstance(shifts, tuple) else -shifts
    return roll(g, shifts=back, dims=dims)


def repeat_vjp(g: Array, _: None, x: Meta, sizes: Shape) -> Array:
    """The tiles' gradients are summed."""
    shape = (1,) * (len(sizes) - x.ndim) + x.shape
    tiled = g.reshape(tuple(n for pair in zip(sizes, shape, strict=True) for n in pair))
    return tiled.sum(axis=tuple(range(0, tiled.ndim, 2))).reshape(x.shape)


def cat_vjp(
    g: Array, needs: tuple[bool, ...], _: None, *parts: Meta, dim: int = 0
) -> list[Array | None]:
    """Each part receives its slice."""
    axis = check_dims(parts[0].shape, dim)[0]
    grads: list[Array | None] = []
    start = 0
    for part, need in zip(parts, needs, strict=True):
        end = start + part.shape[axis]
        slab = (slice(None),) * axis + (slice(start, end),)
        grads.append(_in_dtype(g[slab], part) if need else None)
        start = end
    return grads


def _in_dtype(g: Array, part: Meta) -> Array:
    """Back to the dtype the part had before promotion."""
    return g if g.dtype == part.dtype else g.astype(part.dtype)


def stack_vjp(
    g: Array, needs: tuple[bool, ...], _: None, *parts: Meta, dim: int = 0
) -> list[Array | None]:
    """Each part receives its slice."""
    axis = check_dims(g.shape, dim)[0]
    index = (slice(None),) * axis
    return [
        _in_dtype(g[(*index, i)], part) if need else None
        for i, (part, need) in enumerate(zip(parts, needs, strict=True))
    ]


def split_vjp(
    g: dict[int, Array], needs: tuple[bool, ...], _: None, x: Meta, sizes: Shape, dim: int
) -> list[Array | None]:
    """The pieces' gradients are joined; pieces that none reached give zeros."""
    axis = check_dims(x.shape, dim)[0]
    example = next(iter(g.values()))
    parts = []
    for i, size in enumerate(sizes):
        part = g.get(i)
        if part is None:
            zeros = np.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)
            part = constant(example, zeros)
        parts.append(part)
    return [cat(*parts, dim=axis)]


def tril_vjp(g: Array, _: None, __: None, diagonal: int = 0) -> Array:
    """The same triangle."""
    return tril(g, diagonal=diagonal)


def triu_vjp(g: Array, _: None, __: None, diagonal: int = 0) -> Array:
    """The same triangle."""
    return triu(g, diagonal=diagonal)


def diagonal_vjp(
    g: Array, _: None, x: Meta, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Array:
    """Zeros with g on the diagonal."""
    rows, columns = check_dims(x.shape, dim1)[0], check_dims(x.shape, dim2)[0]
    i = np.arange(g.shape[-1])
    index: list[Any] = [slice(None)] * x.ndim
    index[rows], index[columns] = i + max(-offset, 0), i + max(offset, 0)
    # with the two integer arrays apart, NumPy puts their dim first; side by side, in their place
    first = 0 if abs(rows - columns) != 1 else min(rows, columns)
    order = list(range(g.ndim - 1))
    order.insert(first, g.ndim - 1)
    return place(permute(g, dims=tuple(order)), shape=x.shape, index=tuple(index))


vjp(ops.reshape, reshape_vjp)
vjp(ops.view, reshape_vjp)
vjp(ops.squeeze, reshape_vjp)
vjp(ops.unsqueeze, reshape_vjp)
vjp(ops.expand, expand_vjp)
vjp(ops.permute, permute_vjp)
vjp(ops.swapaxes, swapaxes_vjp)
vjp(ops.flip, flip_vjp)
vjp(ops.roll, roll_vjp)
vjp(ops.repeat, repeat_vjp)
joint_vjp(ops.cat, cat_vjp, fused=False)
joint_vjp(ops.stack, stack_vjp, fused=False)
joint_vjp(ops.split, split_vjp, fused=False)
vjp(ops.tril, tril_vjp)
vjp(ops.triu, triu_vjp)
vjp(ops.contiguous, same)
vjp(ops.diagonal, diagonal_vjp)

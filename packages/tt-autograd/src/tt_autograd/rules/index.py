"""Gradients of reading and writing by position: reading's gradient is writing, and the reverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_tensor import Tensor, ops
from tt_tensor.ops.reduction import check_dims
from tt_tensor.tensor import wrap

from ..broadcasting import unbroadcast
from ..rule import Array, Meta, vjp
from .either import constant, gather, getitem, place, scatter, scatter_add


def getitem_vjp(g: Array, _: None, x: Meta, index: Any) -> Array:
    """Zeros with g at the index; positions read twice receive both gradients."""
    return place(g, shape=x.shape, index=index)


def place_vjp(g: Array, _: None, __: None, shape: Any, index: Any) -> Array:
    """What was placed there is read from there."""
    return getitem(g, index=index)


def setitem_x(g: Array, _: None, __: None, value: Meta, index: Any) -> Array:
    """What was overwritten has no influence: g with zeros at the index."""
    return _overwrite(g, index)


def _overwrite(g: Array, index: Any) -> Array:
    if isinstance(g, Tensor):
        mask = np.ones(g.shape, g.dtype)
        ops.write_at(mask, index, 0)
        return g * wrap(mask)
    out: Array = ops.setitem.forward(g, 0, index)
    return out


def setitem_value(g: Array, _: None, __: None, value: Meta, index: Any) -> Array:
    """g at the index, summed to the value's shape."""
    return unbroadcast(getitem(g, index=index), value.shape, value.dtype)


def gather_vjp(g: Array, _: None, x: Meta, index: Array, dim: int) -> Array:
    """g added where it was read."""
    return scatter_add(constant(g, np.zeros(x.shape, g.dtype)), g, index, dim=dim)


def scatter_add_src(g: Array, _: None, __: None, src: Meta, index: Array, dim: int) -> Array:
    """g read where src was added; elements of src beyond the index have no influence."""
    return _pad(gather(g, index, dim=dim), src.shape)


def scatter_x(g: Array, _: None, __: None, ___: None, index: Array, dim: int) -> Array:
    """What was overwritten has no influence."""
    return scatter(g, 0.0, index, dim=dim)


def _pad(g: Array, shape: tuple[int, ...]) -> Array:
    if not shape:
        return g.sum()
    if g.shape == shape:
        return g
    return place(g, shape=shape, index=tuple(slice(n) for n in g.shape))


def same(g: Array, *_: None, **__: Any) -> Array:
    """dy/dx = 1."""
    return g


def index_select_vjp(g: Array, _: None, x: Meta, index: Array, dim: int) -> Array:
    """g added where it was read."""
    axis = check_dims(x.shape, dim)[0]
    array = index.array if isinstance(index, Tensor) else index
    return place(g, shape=x.shape, index=(slice(None),) * axis + (array.reshape(-1),))


vjp(ops.getitem, getitem_vjp)
vjp(ops.place, place_vjp)
vjp(ops.setitem, setitem_x, setitem_value)
vjp(ops.gather, gather_vjp, None)
vjp(ops.scatter_add, same, scatter_add_src, None)
vjp(ops.scatter, scatter_x, scatter_add_src, None)
vjp(ops.index_select, index_select_vjp, None)

"""Reading and writing by position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import ops
from .door import apply

if TYPE_CHECKING:
    from .tensor import Tensor


def unwrap_index(index: Any) -> Any:
    """An index with its Tensors and lists replaced by arrays."""
    if isinstance(index, tuple):
        return tuple([unwrap_index(part) for part in index])
    if isinstance(index, (int, slice)):
        return index
    if isinstance(index, list):
        return np.asarray(index, dtype=None if index else np.int64)
    array = getattr(index, "array", None)
    return index if array is None else array


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Values picked along ``dim``: out[i][j] = x[index[i][j]][j] for dim 0.

    Shape: index has as many dims as x; the result has index's shape.

    Raises:
        IndexError: an index lies outside 0 to size - 1.
    """
    return apply(ops.gather, x, index, dim=dim)


def scatter_add(x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of x with src added at index: out[index[i][j]][j] += src[i][j] for dim 0."""
    return apply(ops.scatter_add, x, src, index, dim=dim)


def scatter(x: Tensor, dim: int, index: Tensor, src: Tensor | float) -> Tensor:
    """A copy of x with src written at index: out[index[i][j]][j] = src[i][j] for dim 0."""
    return apply(ops.scatter, x, src, index, dim=dim)


def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of x at the positions in the 1-d ``index`` along ``dim``."""
    return apply(ops.index_select, x, index, dim=dim)


def nonzero(x: Tensor, *, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not zero, (count, ndim) int64; one tensor per dim
    ``as_tuple``."""
    from .tensor import wrap

    if as_tuple:
        return tuple(wrap(i) for i in np.nonzero(x.array))
    return wrap(np.argwhere(x.array))


def getitem(x: Tensor, index: Any) -> Tensor:
    """x[index]: slices and ints give a view, masks and integer arrays a copy."""
    return apply(ops.getitem, x, index=unwrap_index(index))

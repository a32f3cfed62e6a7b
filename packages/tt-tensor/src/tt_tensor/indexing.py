"""Reading and writing by position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import ops
from .door import apply
from .spelling import also_axis

if TYPE_CHECKING:
    from .tensor import Tensor


def unwrap_index(index: Any) -> Any:
    """An index with its Tensors and lists replaced by arrays, in the form the ops expect."""
    if not isinstance(index, tuple):
        return _unwrap_part(index)
    parts = tuple([_unwrap_part(part) for part in index])
    kinds = {part.__class__ for part in parts}
    if np.ndarray in kinds and int in kinds and len(kinds) > 2:
        return ops.TwoSteps(parts)
    return parts


def _unwrap_part(part: Any) -> Any:
    if part.__class__ is int:
        return part
    if isinstance(part, slice):
        if part.step is not None and part.step <= 0:
            raise ValueError(
                f"the step of a slice must be positive, got {part.step}; use x.flip(dim) to reverse"
            )
        return part
    if isinstance(part, list):
        return np.asarray(_plain(part), dtype=None if part else np.int64)
    array = getattr(part, "array", part)
    if isinstance(array, (np.ndarray, np.generic)):
        if array.dtype.kind == "f":
            raise IndexError(f"an index must be of integers or bools, got {array.dtype}")
        if array.ndim == 0 and array.dtype.kind != "b":
            return int(array)  # picks one, and is a view
        return array.copy()  # a gradient rule may need it when the original has changed
    return array


def _plain(part: Any) -> Any:
    return [_plain(p) for p in part] if isinstance(part, list) else getattr(part, "array", part)


@also_axis
def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Values picked along ``dim``: for dim 0, ``out[i][j] = x[index[i][j]][j]``.

    Shape: index has as many dims as x; the result has index's shape.

    Raises:
        IndexError: an index lies outside 0 to size - 1.
    """
    return apply(ops.gather, x, index, dim=dim)


@also_axis
def scatter_add(x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of x with src added at index: for dim 0, ``out[index[i][j]][j] += src[i][j]``."""
    return apply(ops.scatter_add, x, src, index, dim=dim)


@also_axis
def scatter(
    x: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | float | None = None,
    *,
    value: float | None = None,
) -> Tensor:
    """A copy of x with src written at index: for dim 0, ``out[index[i][j]][j] = src[i][j]``.

    ``src`` may be a number, also by the name ``value``.
    """
    src = value if src is None else src
    if src is None:
        raise TypeError("scatter: expected a tensor src or a number value, got neither")
    return apply(ops.scatter, x, src, index, dim=dim)


@also_axis
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

"""Reading and writing by position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import ops
from .door import apply
from .ops.reduction import check_dims
from .spelling import also_axis

if TYPE_CHECKING:
    from .tensor import Tensor


def unwrap_index(index: Any) -> Any:
    """An index with its Tensors and lists replaced by arrays, in the form the ops expect."""
    if not isinstance(index, tuple):
        if not (isinstance(index, list) and any(map(_is_several, index))):
            return _unwrap_part(index)
        index = tuple(index)  # x[[rows, columns]] means x[rows, columns]
    parts = tuple([_unwrap_part(part) for part in index])
    kinds = {part.__class__ for part in parts}
    if np.ndarray in kinds and int in kinds and len(kinds) > 2:
        return ops.TwoSteps(parts)
    return parts


def _is_several(part: Any) -> bool:
    """Whether a part of a list makes the list an index of several dims."""
    return (
        part is None
        or part is ...
        or isinstance(part, (list, tuple, slice))
        or bool(getattr(part, "ndim", 0))
    )


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
        if array.dtype == np.uint8 and array.ndim:
            raise IndexError(
                "an index of uint8 may mean positions or a mask; use index.long() or index.bool()"
            )
        if array.ndim == 0 and array.dtype.kind != "b":
            return int(array)  # picks one, and is a view
        return array.copy()  # a gradient rule may need it when the original has changed
    return array


def _plain(part: Any) -> Any:
    return [_plain(p) for p in part] if isinstance(part, list) else getattr(part, "array", part)


@also_axis
def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Values picked along ``dim``: for dim 0, ``out[i][j] = x[index[i][j]][j]``.

    Shape: index has as many dims as x; the result has index's shape.

    Raises:
        IndexError: an index lies outside 0 to size - 1.
    """
    return apply(ops.gather, input, index, dim=dim)


@also_axis
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of x with src added at index: for dim 0, ``out[index[i][j]][j] += src[i][j]``.

    Shape: all have as many dims; index is nowhere larger than src -> the shape of x

    Raises:
        IndexError: an index lies outside 0 to size - 1.
    """
    return apply(ops.scatter_add, input, src, index, dim=dim)


@also_axis
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | float | None = None,
    *,
    value: float | None = None,
) -> Tensor:
    """A copy of x with src written at index: for dim 0, ``out[index[i][j]][j] = src[i][j]``.

    ``src`` may be a number, also by the name ``value``.

    Shape: all have as many dims; index is nowhere larger than src -> the shape of x

    Raises:
        IndexError: an index lies outside 0 to size - 1.
    """
    src = value if src is None else src
    if src is None:
        raise TypeError("scatter: expected a tensor src or a number value, got neither")
    return apply(ops.scatter, input, src, index, dim=dim)


@also_axis
def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """A copy of x with alpha · source[i] added to the slice index[i] along ``dim``.

    Shape: index (n,); source as x, but of size n along ``dim``
    """
    return scatter_add(input, dim, *slices_to_add("index_add", input, dim, index, source, alpha))


def slices_to_add(
    name: str, x: Tensor, dim: int, index: Tensor, source: Tensor, alpha: float
) -> tuple[Tensor, Tensor]:
    """The index and source with which ``scatter_add`` does what ``index_add`` means."""
    axis = check_dims(x.shape, dim)[0] if x.ndim else 0
    expected = (*x.shape[:axis], index.numel(), *x.shape[axis + 1 :]) if x.ndim else ()
    if index.ndim > 1 or source.shape != expected:
        raise ValueError(
            f"{name}: for x {x.shape} and dim {dim} expected an index (n,) and a source of shape "
            f"{expected}, got {index.shape} and {source.shape}"
        )
    places = index.reshape(*(-1 if d == axis else 1 for d in range(x.ndim)))
    return places.expand(expected), source if alpha == 1 else source * alpha


@also_axis
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """``gather`` whose other dims broadcast: what argmax and argsort (keeping dims) point at.

    Without dim, positions in the flattened x.
    """
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    if input.ndim != indices.ndim:
        raise ValueError(
            f"take_along_dim: expected as many dims in x {input.shape} as in indices "
            f"{indices.shape}"
        )
    axis = check_dims(input.shape, dim)[0]
    rest = np.broadcast_shapes(*(a.shape[:axis] + a.shape[axis + 1 :] for a in (input, indices)))
    fitted = [a.expand(*rest[:axis], a.shape[axis], *rest[axis:]) for a in (input, indices)]
    return gather(fitted[0], axis, fitted[1])


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask is True, as a vector; x and the mask broadcast."""
    if mask.dtype.kind != "b":
        raise TypeError(f"masked_select: the mask must be bool, got {mask.dtype}; compare first")
    shape = np.broadcast_shapes(input.shape, mask.shape)
    return getitem(input.expand(shape), mask.expand(shape))


@also_axis
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of x at the positions in the 1-d ``index`` along ``dim``."""
    if input.ndim == 0 and index.numel() == 1:  # a number is taken for a vector of one
        return gather(input, dim, index.reshape(()))
    return apply(ops.index_select, input, index, dim=dim)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not zero, (count, ndim) int64; one tensor per dim
    ``as_tuple``."""
    from .tensor import wrap

    if as_tuple:
        return tuple(wrap(i) for i in np.nonzero(np.atleast_1d(input.array)))
    return wrap(np.argwhere(input.array))


def getitem(x: Tensor, index: Any) -> Tensor:
    """x[index]: slices and ints give a view, masks and integer arrays a copy."""
    return apply(ops.getitem, x, index=unwrap_index(index))

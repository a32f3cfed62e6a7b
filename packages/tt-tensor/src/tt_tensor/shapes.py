"""Functions that rearrange: shapes, orders, joining and splitting. Most give views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import ops
from .door import apply
from .ops.reduction import Dim, check_dims
from .spelling import also_axis

if TYPE_CHECKING:
    from .tensor import Tensor


def sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """The sizes given either as several ints or as one sequence of them."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        return tuple(shape[0])
    return shape


def reshape(x: Tensor, *shape: Any) -> Tensor:
    """The same elements in the same order in another shape; one size may be -1. A view if possible.

    >>> from tt_tensor import arange
    >>> reshape(arange(6), 2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return apply(ops.reshape, x, shape=sizes(shape))


def view(x: Tensor, *shape: Any) -> Tensor:
    """Like ``reshape``, but never a copy: raises where the memory order does not allow it."""
    return apply(ops.view, x, shape=sizes(shape))


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dims from start_dim to end_dim merged into one."""
    if x.ndim == 0:
        return reshape(x, 1)
    first, last = check_dims(x.shape, start_dim)[0], check_dims(x.shape, end_dim)[0]
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    merged = 1
    for size in x.shape[first : last + 1]:
        merged *= size
    return reshape(x, *x.shape[:first], merged, *x.shape[last + 1 :])


@also_axis
def squeeze(x: Tensor, dim: Dim = None) -> Tensor:
    """Without the dims of size 1, all of them or those named. A view."""
    return apply(ops.squeeze, x, dim=dim)


@also_axis
def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """With a new dim of size 1 at position ``dim``. A view."""
    return apply(ops.unsqueeze, x, dim=dim)


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dims swapped. A view."""
    if x.ndim == 0:
        check_dims(x.shape, (dim0,)), check_dims(x.shape, (dim1,))
        return x.view(())
    dim0, dim1 = check_dims(x.shape, dim0)[0], check_dims(x.shape, dim1)[0]
    return apply(ops.swapaxes, x, dim0=dim0, dim1=dim1)


def permute(x: Tensor, *dims: Any) -> Tensor:
    """The dims in another order: dim i of the result is dim dims[i] of x. A view."""
    return apply(ops.permute, x, dims=sizes(dims))


def expand(x: Tensor, *shape: Any) -> Tensor:
    """Dims of size 1 repeated without copying; -1 keeps a size. A view: clone before writing."""
    return apply(ops.expand, x, shape=sizes(shape))


def broadcast_to(x: Tensor, shape: Sequence[int]) -> Tensor:
    """``expand`` with the shape as one argument."""
    return apply(ops.expand, x, shape=tuple(shape))


def repeat(x: Tensor, *repeats: Any) -> Tensor:
    """The whole tensor tiled repeats[i] times along dim i, as a copy."""
    return apply(ops.repeat, x, sizes=sizes(repeats))


@also_axis
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joined along an existing dim; the other sizes must agree. Empty vectors fit everywhere."""
    parts = _some("cat", tensors)
    if any(getattr(x, "shape", None) == (0,) for x in parts):
        parts = [x for x in parts if x.shape != (0,)] or parts
    return apply(ops.cat, *parts, dim=dim)


@also_axis
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joined along a new dim; all sizes must agree."""
    return apply(ops.stack, *_some("stack", tensors), dim=dim)


def _some(name: str, tensors: Sequence[Tensor]) -> list[Tensor]:
    tensors = list(tensors)
    if not tensors:
        raise ValueError(f"{name}: expected at least one tensor, got an empty list")
    return tensors


@also_axis
def split(x: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Consecutive pieces along ``dim``, of one size (the last may be smaller) or of those given."""
    size = x.shape[check_dims(x.shape, dim)[0]]
    if isinstance(split_size, int):
        if split_size <= 0:
            raise ValueError(f"split: the size must be positive, got {split_size}")
        pieces = tuple(min(split_size, size - i) for i in range(0, size, split_size)) or (0,)
    else:
        pieces = tuple(split_size)
    outputs: Any = apply(ops.split, x, sizes=pieces, dim=dim)
    return tuple(outputs)


@also_axis
def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` pieces of equal size (the last may be smaller) along ``dim``."""
    if chunks <= 0:
        raise ValueError(f"chunk: the number of chunks must be positive, got {chunks}")
    size = x.shape[check_dims(x.shape, dim)[0]]
    return split(x, max(1, -(-size // chunks)), dim)


@also_axis
def unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along ``dim``, each without it."""
    return tuple(piece.squeeze(dim) for piece in split(x, 1, dim)) if x.shape[dim] else ()


def flip(x: Tensor, *dims: Any) -> Tensor:
    """The order along the dims reversed, as a copy."""
    return apply(ops.flip, x, dims=sizes(dims))


def roll(x: Tensor, shifts: int | Sequence[int], dims: Dim | Sequence[int] = None) -> Tensor:
    """Elements shifted along the dims, coming in again at the other end."""
    axis = tuple(dims) if isinstance(dims, (list, tuple)) else dims
    amount = tuple(shifts) if isinstance(shifts, (list, tuple)) else shifts
    return apply(ops.roll, x, shifts=amount, dims=axis)


def tril(x: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle, zeros above the given diagonal."""
    return apply(ops.tril, x, diagonal=diagonal)


def triu(x: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle, zeros below the given diagonal."""
    return apply(ops.triu, x, diagonal=diagonal)


def diagonal(x: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonals of the matrices in two dims, along a new last dim."""
    return apply(ops.diagonal, x, offset=offset, dim1=dim1, dim2=dim2)


def contiguous(x: Tensor) -> Tensor:
    """x itself if its memory is in row-major order, otherwise a copy that is."""
    return x if x.array.flags.c_contiguous else apply(ops.contiguous, x)

"""Functions that rearrange: shapes, orders, joining and splitting. Most give views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import ops
from .door import apply
from .dtypes import result_type
from .ops.reduction import Dim, check_dims
from .spelling import also_axis

if TYPE_CHECKING:
    from .tensor import Tensor


def sizes(
    shape: tuple[Any, ...], named: dict[str, Any] | None = None, name: str = "size"
) -> tuple[int, ...]:
    """The sizes given as several ints, as one sequence of them, or as a sequence by its name."""
    if named:
        if shape or named.keys() != {name}:
            raise TypeError(f"expected sizes or {name}=(...), got {shape} and {', '.join(named)}=")
        shape = (named[name],)
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        return tuple(shape[0])
    return shape


def reshape(input: Tensor, *shape: Any, **named: Any) -> Tensor:
    """The same elements in the same order in another shape; one size may be -1. A view if possible.

    >>> from tt_tensor import arange
    >>> reshape(arange(6), 2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return apply(ops.reshape, input, shape=sizes(shape, named, "shape"))


def view(input: Tensor, *shape: Any, **named: Any) -> Tensor:
    """Like ``reshape``, but never a copy: raises where the memory order does not allow it."""
    return apply(ops.view, input, shape=sizes(shape, named))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dims from start_dim to end_dim merged into one."""
    if input.ndim == 0:
        return reshape(input, 1)
    first, last = check_dims(input.shape, start_dim)[0], check_dims(input.shape, end_dim)[0]
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    merged = 1
    for size in input.shape[first : last + 1]:
        merged *= size
    return reshape(input, *input.shape[:first], merged, *input.shape[last + 1 :])


@also_axis
def squeeze(input: Tensor, dim: Dim = None) -> Tensor:
    """Without the dims of size 1, all of them or those named. A view."""
    return apply(ops.squeeze, input, dim=dim)


@also_axis
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new dim of size 1 at position ``dim``. A view."""
    if not -input.ndim - 1 <= dim <= input.ndim:
        raise IndexError(
            f"unsqueeze: dim {dim} is out of range for shape {input.shape}: expected "
            f"{-input.ndim - 1} to {input.ndim}"
        )
    return apply(ops.unsqueeze, input, dim=dim)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dim split into several, of the given sizes; one may be -1.

    >>> from tt_tensor import ones
    >>> unflatten(ones(2, 6), 1, (3, -1)).shape
    (2, 3, 2)
    """
    if input.ndim == 0:
        raise IndexError("unflatten: a tensor without dims has none to split")
    axis = check_dims(input.shape, dim)[0]
    parts = list(sizes)
    if parts.count(-1) == 1:  # from this dim alone: with another of size 0 reshape could not know
        known = math.prod(size for size in parts if size != -1)
        parts[parts.index(-1)] = input.shape[axis] // known if known else -1
    if math.prod(parts) != input.shape[axis] or min(parts, default=0) < 0:
        raise ValueError(
            f"unflatten: the sizes {tuple(sizes)} do not multiply to {input.shape[axis]}, the size "
            f"of dim {dim} of shape {input.shape}"
        )
    return reshape(input, *input.shape[:axis], *parts, *input.shape[axis + 1 :])


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dims swapped. A view."""
    if input.ndim == 0:
        check_dims(input.shape, (dim0,)), check_dims(input.shape, (dim1,))
        return input.view(())
    if not (0 <= dim0 < input.ndim and 0 <= dim1 < input.ndim):
        dim0, dim1 = check_dims(input.shape, dim0)[0], check_dims(input.shape, dim1)[0]
    return apply(ops.swapaxes, input, dim0=dim0, dim1=dim1)


def permute(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """The dims in another order: dim i of the result is dim dims[i] of x. A view."""
    return apply(ops.permute, input, dims=sizes(dims, named, "dims"))


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Dims taken from the positions ``source`` to ``destination``; the others keep their order.

    A view.
    """
    source, destination = _positions(input, source), _positions(input, destination)
    if len(source) != len(destination):
        raise ValueError(
            f"movedim: expected as many destinations as sources, got {source} and {destination}"
        )
    order = [d for d in range(input.ndim) if d not in source]
    for place, d in sorted(zip(destination, source, strict=True)):
        order.insert(place, d)
    return permute(input, order)


def _positions(x: Tensor, dims: int | Sequence[int]) -> tuple[int, ...]:
    return check_dims(x.shape, dims if isinstance(dims, (int, np.integer)) else tuple(dims))


def expand(input: Tensor, *shape: Any, **named: Any) -> Tensor:
    """Dims of size 1 repeated without copying; -1 keeps a size. A view: clone before writing."""
    return apply(ops.expand, input, shape=sizes(shape, named))


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """``expand`` with the shape as one argument."""
    return apply(ops.expand, input, shape=tuple(size))


def repeat(input: Tensor, *repeats: Any, **named: Any) -> Tensor:
    """The whole tensor tiled repeats[i] times along dim i, as a copy."""
    return apply(ops.repeat, input, sizes=sizes(repeats, named, "repeats"))


def tile(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """``repeat`` that counts missing repetitions at the left as 1."""
    times = sizes(dims, named, "dims")
    return repeat(input, *(1,) * (input.ndim - len(times)), *times)


@also_axis
def repeat_interleave(input: Tensor, repeats: int | Tensor, dim: int | None = None) -> Tensor:
    """Each element (or slice along ``dim``) repeated in place, ``repeats`` times or so often each.

    >>> from tt_tensor import tensor
    >>> repeat_interleave(tensor([7, 8]), 2)
    tensor([7, 7, 8, 8])
    """
    if dim is None:
        input, dim = input.reshape(-1), 0
    count = input.shape[check_dims(input.shape, dim)[0]] if input.ndim else 1
    times = np.asarray(getattr(repeats, "array", repeats))
    if times.dtype.kind not in "iu" or times.size not in (1, count) or (times < 0).any():
        raise ValueError(
            f"repeat_interleave: expected a count of at least 0, or one for each of {count} "
            f"slices; got {repeats!r}"
        )
    times = np.broadcast_to(times.reshape(-1), (count,))
    return apply(ops.index_select, input, np.repeat(np.arange(count), times), dim=dim)


@also_axis
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joined along an existing dim; the other sizes must agree. Empty vectors fit everywhere."""
    parts = _some("cat", tensors)
    for x in parts:
        if not hasattr(x, "shape"):
            raise TypeError(
                f"cat: expected Tensors, got {type(x).__name__}; wrap it: tensor(value)"
            )
    if any(x.shape == (0,) for x in parts):
        dtype = result_type(*(x.array for x in parts))
        parts = [x.to(dtype) for x in parts if x.shape != (0,)] or parts
    return apply(ops.cat, *parts, dim=dim)


@also_axis
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joined along a new dim; all sizes must agree."""
    return apply(ops.stack, *_some("stack", tensors), dim=dim)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined side by side: along dim 1, vectors along dim 0."""
    parts = [x.reshape(1) if x.ndim == 0 else x for x in _some("hstack", tensors)]
    return cat(parts, dim=0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined one below the other, along dim 0; vectors become rows."""
    return cat([x.reshape(1, -1) if x.ndim < 2 else x for x in _some("vstack", tensors)])


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """For each vector a grid in which it varies along its own dim alone.

    Args:
        indexing: "ij" orders the dims as the vectors; "xy" swaps the first two.

    >>> from tt_tensor import arange
    >>> rows, columns = meshgrid(arange(2), arange(3))
    >>> rows
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    vectors = _some("meshgrid", sizes(tensors))  # type: ignore[arg-type]
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    if any(x.dtype != vectors[0].dtype for x in vectors):
        raise TypeError(
            f"meshgrid: expected one dtype, got {', '.join(x.dtype.name for x in vectors)}"
        )
    if any(x.ndim > 1 for x in vectors):
        raise ValueError(
            f"meshgrid: expected vectors, got shapes {', '.join(str(x.shape) for x in vectors)}"
        )
    shape = tuple(x.numel() for x in vectors)
    grids = tuple(
        x.reshape(*(-1 if d == i else 1 for d in range(len(shape)))).expand(shape)
        for i, x in enumerate(vectors)
    )
    if indexing == "xy" and len(grids) > 1:
        grids = tuple(grid.transpose(0, 1) for grid in grids)
    return grids


def _some(name: str, tensors: Sequence[Tensor]) -> list[Tensor]:
    tensors = list(tensors)
    if not tensors:
        raise ValueError(f"{name}: expected at least one tensor, got an empty list")
    return tensors


@also_axis
def split(x: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Consecutive pieces along ``dim``, of one size (the last may be smaller) or of those given."""
    if isinstance(split_size, (int, np.integer)):
        size = x.shape[check_dims(x.shape, dim)[0]]
        if split_size <= 0:
            raise ValueError(f"split: the size must be positive, got {split_size}")
        pieces = tuple(min(split_size, size - i) for i in range(0, size, split_size)) or (0,)
    else:
        pieces = tuple(split_size)
    outputs: Any = apply(ops.split, x, sizes=pieces, dim=dim)
    return tuple(outputs)


@also_axis
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of ⌈size / chunks⌉ along ``dim``; the last may be smaller, and some be missing."""
    if chunks <= 0:
        raise ValueError(f"chunk: the number of chunks must be positive, got {chunks}")
    size = input.shape[check_dims(input.shape, dim)[0]]
    return split(input, -(-size // chunks) if size else (0,) * chunks, dim)


@also_axis
def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """``length`` positions from ``start`` on along ``dim``. A view."""
    if input.ndim == 0:
        raise IndexError("narrow: a tensor without dims has no positions to select from")
    axis = check_dims(input.shape, dim)[0]
    size = input.shape[axis]
    first = start + size if start < 0 else start
    if length < 0 or not 0 <= first <= first + length <= size:
        raise IndexError(
            f"narrow: {length} positions from {start} do not lie in dim {dim} of shape "
            f"{input.shape}"
        )
    return input[(slice(None),) * axis + (slice(first, first + length),)]


@also_axis
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice at one position along ``dim``, without that dim. A view."""
    if input.ndim == 0:
        raise IndexError("select: a tensor without dims has no positions to select from")
    return input[(slice(None),) * check_dims(input.shape, dim)[0] + (int(index),)]


@also_axis
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along ``dim``, each without it."""
    if input.ndim == 0:
        raise IndexError("unbind: a tensor without dims has no slices")
    axis = check_dims(input.shape, dim)[0]
    return (
        tuple(piece.squeeze(axis) for piece in split(input, 1, axis)) if input.shape[axis] else ()
    )


def flip(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """The order along the dims reversed, as a copy."""
    return apply(ops.flip, input, dims=sizes(dims, named, "dims"))


def roll(input: Tensor, shifts: int | Sequence[int], dims: Dim | Sequence[int] = None) -> Tensor:
    """Elements shifted along the dims, coming in again at the other end.

    Without ``dims`` the flattened tensor is shifted, and gets its shape back.
    """
    axis = tuple(dims) if isinstance(dims, (list, tuple)) else dims
    amount = tuple(shifts) if isinstance(shifts, (list, tuple)) else shifts
    return apply(ops.roll, input, shifts=amount, dims=axis)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle, zeros above the given diagonal."""
    return apply(ops.tril, input, diagonal=diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle, zeros below the given diagonal."""
    return apply(ops.triu, input, diagonal=diagonal)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonals of the matrices in two dims, along a new last dim."""
    return apply(ops.diagonal, input, offset=offset, dim1=dim1, dim2=dim2)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A vector as the diagonal of a matrix of zeros, or a matrix's diagonal as a vector.

    >>> from tt_tensor import tensor
    >>> diag(tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim == 2:
        return input.diagonal(diagonal).clone()
    if input.ndim != 1:
        raise ValueError(f"diag: expected a vector or a matrix, got shape {input.shape}")
    size = input.numel() + abs(diagonal)
    rows = np.arange(input.numel()) + max(-diagonal, 0)
    return apply(ops.place, input, shape=(size, size), index=(rows, rows + diagonal))


def contiguous(input: Tensor) -> Tensor:
    """x itself if its memory is in row-major order, otherwise a copy that is."""
    return input if input.array.flags.c_contiguous else apply(ops.contiguous, input)

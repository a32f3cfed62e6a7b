"""Operations that move numbers without changing them; most return views."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..dtypes import Array, promote
from ..op import Op
from .reduction import check_dims

Shape = tuple[int, ...]


def reshape_forward(x: Array, shape: Shape) -> Array:
    """The same numbers in the same order in another shape (-1: the rest). A view if possible."""
    for size in shape:
        if size < -1:  # NumPy would take any negative size for -1
            raise ValueError
    return x.reshape(shape)


def _reshape_hint(x: Array, shape: Any) -> str:
    return (
        f"{x.size} elements of shape {x.shape} do not fit shape {tuple(shape)}, which has "
        f"{abs(math.prod(shape))} (a -1 stands for whatever is left over, once)."
    )


def view_forward(x: Array, shape: Shape) -> Array:
    """Like reshape, but never a copy."""
    try:
        return x.reshape(shape, copy=False)
    except ValueError:
        reshape_forward(x, shape)  # wrong sizes: raises the reshape error instead
        raise RuntimeError(
            f"view cannot give shape {x.shape} the shape {tuple(shape)} without a copy, as its "
            "memory is not in that order; use reshape(...) or contiguous().view(...)"
        ) from None


def expand_forward(x: Array, shape: Shape) -> Array:
    """A view in which dims of size 1 are repeated without copying; -1 keeps a size."""
    extra = len(shape) - x.ndim
    if extra < 0:
        raise ValueError
    full = tuple(
        x.shape[i - extra] if size == -1 and i >= extra else size for i, size in enumerate(shape)
    )
    return x[...] if full == x.shape else np.broadcast_to(x, full)  # the latter is read-only


def _expand_hint(x: Array, shape: Any) -> str:
    return (
        f"Shape {x.shape} cannot be expanded to {tuple(shape)}: aligned at the right, each size "
        "must stay (or be given as -1) or grow from 1."
    )


def permute_forward(x: Array, dims: tuple[int, ...]) -> Array:
    """Dim i of the result is dim dims[i] of the input. A view."""
    order = check_dims(x.shape, dims)
    if len(order) != x.ndim:
        raise ValueError
    return x.transpose(order)


def flip_forward(x: Array, dims: tuple[int, ...]) -> Array:
    """The order along the dims reversed, as a copy."""
    return np.flip(x, check_dims(x.shape, dims)).copy()


def roll_forward(x: Array, shifts: Any, dims: Any) -> Array:
    """Elements shifted along the dims; what falls off one end comes in at the other."""
    counts = [len(v) if isinstance(v, tuple) else 1 for v in (shifts, dims)]
    if counts[0] != counts[1]:
        raise ValueError("expected one shift per dim")
    return np.roll(x, shifts, None if dims is None else check_dims(x.shape, dims))


def squeeze_forward(x: Array, dim: Any = None) -> Array:
    """Without the dims of size 1 (all of them, or those named); dims of other sizes stay."""
    if dim is None:
        return np.squeeze(x)
    ones = tuple(d for d in check_dims(x.shape, dim) if x.ndim and x.shape[d] == 1)
    return np.squeeze(x, ones)


def unsqueeze_forward(x: Array, dim: int) -> Array:
    """With a new dim of size 1 at ``dim`` of the result."""
    return np.expand_dims(x, normalize_axis_index(dim, x.ndim + 1))


def cat_forward(*arrays: Array, dim: int = 0) -> Array:
    """Joined along an existing dim, in the common dtype."""
    for x in arrays:
        _need_dim(dim, -x.ndim, x.ndim - 1, x.shape)
    return np.concatenate(_promoted(arrays), axis=dim)


def stack_forward(*arrays: Array, dim: int = 0) -> Array:
    """Joined along a new dim, in the common dtype."""
    _need_dim(dim, -arrays[0].ndim - 1, arrays[0].ndim, arrays[0].shape)
    return np.stack(_promoted(arrays), axis=dim)


def _need_dim(dim: int, lowest: int, highest: int, shape: Shape) -> None:
    if not lowest <= dim <= highest:
        raise IndexError(f"dim {dim} is out of range for shape {shape}")


def _promoted(arrays: tuple[Array, ...]) -> Any:
    first = arrays[0].dtype
    for array in arrays:
        if array.dtype is not first:
            return promote(*arrays)
    return arrays


def _join_hint(*arrays: Array, dim: int) -> str:
    return (
        f"Expected shapes that have dim {dim} and agree in every other (cat), or in all (stack), "
        f"got {[a.shape for a in arrays]}."
    )


def split_forward(x: Array, sizes: tuple[int, ...], dim: int) -> list[Array]:
    """Views of consecutive pieces of the given sizes."""
    (axis,) = check_dims(x.shape, dim)
    if sum(sizes) != x.shape[axis] or min(sizes, default=0) < 0:
        raise ValueError
    before = (slice(None),) * axis
    ends = itertools.accumulate(sizes)  # slices take a fifth of np.split's time
    return [x[*before, slice(end - size, end)] for size, end in zip(sizes, ends, strict=True)]


def _split_hint(x: Array, sizes: Any, dim: int) -> str:
    return f"The sizes {list(sizes)} must not be negative and must add up to x.shape[{dim}]."


def tril_forward(x: Array, diagonal: int = 0) -> Array:
    """Zeros above the diagonal."""
    _need_matrix(x)
    return np.tril(x, diagonal)


def triu_forward(x: Array, diagonal: int = 0) -> Array:
    """Zeros below the diagonal."""
    _need_matrix(x)
    return np.triu(x, diagonal)


def _need_matrix(x: Array) -> None:
    if x.ndim < 2:
        raise ValueError("expected a matrix, or a stack of them: at least 2 dims")


def repeat_forward(x: Array, sizes: Shape) -> Array:
    """The whole tensor tiled sizes[i] times along dim i."""
    if len(sizes) < x.ndim:
        raise ValueError
    return np.tile(x, sizes)


def diagonal_forward(x: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """The diagonals of the matrices in two dims, along a new last dim. A view."""
    dims = check_dims(x.shape, (dim1, dim2))
    if len(dims) < 2:
        raise ValueError("expected a matrix, or a stack of them: at least 2 dims")
    result = np.diagonal(x, offset, *dims)
    result.flags.writeable = x.flags.writeable  # NumPy makes it read-only
    return result


reshape = Op("reshape", reshape_forward, view=True, hint=_reshape_hint)
view = Op("view", view_forward, view=True, hint=_reshape_hint)
expand = Op("expand", expand_forward, view=True, hint=_expand_hint)
permute = Op(
    "permute",
    permute_forward,
    view=True,
    hint=lambda x, dims: f"Expected each of the {x.ndim} dims once, got {tuple(dims)}.",
)
swapaxes = Op("transpose", lambda x, dim0, dim1: x.swapaxes(dim0, dim1), view=True)
squeeze = Op("squeeze", squeeze_forward, view=True)
unsqueeze = Op("unsqueeze", unsqueeze_forward, view=True)
flip = Op("flip", flip_forward)
roll = Op("roll", roll_forward)
repeat = Op(
    "repeat",
    repeat_forward,
    hint=lambda x, sizes: f"Expected at least {x.ndim} sizes, one per dim, got {tuple(sizes)}.",
)
cat = Op("cat", cat_forward, hint=_join_hint)
stack = Op("stack", stack_forward, hint=_join_hint)
split = Op("split", split_forward, view=True, hint=_split_hint)
tril = Op("tril", tril_forward)
triu = Op("triu", triu_forward)
contiguous = Op("contiguous", lambda x: np.asarray(x, order="C"))
diagonal = Op("diagonal", diagonal_forward, view=True)

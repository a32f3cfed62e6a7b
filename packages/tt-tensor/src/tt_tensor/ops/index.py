"""Reading and writing by position. An index never wraps silently: -n to n - 1, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import Array
from ..op import Op
from .reduction import check_dims

_ndarray = np.ndarray


def is_basic(index: Any) -> bool:
    """Whether an index has only ints, slices, None and ``...``: then the result is a view."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or (isinstance(part, (int, slice, np.integer)) and not isinstance(part, bool))
        for part in parts
    )


class TwoSteps:
    """An index that has ints and arrays with slices between them, as two: ``x[first][then]``.

    NumPy would count the ints as arrays, and move the dims of arrays that are apart to the front:
    ``x[0, :, k]`` would be transposed. PyTorch takes the ints away first.
    """

    __slots__ = ("first", "then")

    def __init__(self, index: tuple[Any, ...]) -> None:
        first: list[Any] = []
        then: list[Any] = []
        for part in index:
            if isinstance(part, np.ndarray):
                first += [slice(None)] * (part.ndim if part.dtype.kind == "b" else 1)
                then.append(part)
            else:
                first.append(part)
                if part is Ellipsis:
                    then.append(part)
                elif not isinstance(part, int):
                    then.append(slice(None))
        self.first, self.then = tuple(first), tuple(then)

    def __repr__(self) -> str:
        return f"{self.first} then {self.then}"


def getitem_forward(x: Array, index: Any) -> Array:
    """x[index]: a view for slices and ints, a copy for masks and integer arrays."""
    if index.__class__ is TwoSteps:
        x, index = x[index.first], index.then
    result: Array = x[index]
    if result.__class__ is not _ndarray:  # a single number; with ... it is a view of its place
        result = x[(*index, ...) if isinstance(index, tuple) else (index, ...)]
    return result


def write_at(out: Array, index: Any, value: Any) -> None:
    """out[index] = value."""
    if index.__class__ is TwoSteps:
        out, index = out[index.first], index.then
    out[index] = value


def _index_hint(x: Array, index: Any) -> str:
    shown = index if isinstance(index, tuple) else (index,)
    portrait = ", ".join(
        f"{i.dtype}{i.shape}" if isinstance(i, np.ndarray) else str(i) for i in shown
    )
    return (
        f"The index [{portrait}] does not fit shape {x.shape}: each int must lie in -n to n - 1 of "
        "its dim's size n, a mask must have the shape of the dims it selects from, and there may "
        "be no more indices than dims."
    )


def place_forward(g: Array, shape: tuple[int, ...], index: Any) -> Array:
    """Zeros of ``shape`` with ``g`` added at ``index``: what getitem's gradient is.

    Positions named twice receive the sum of both.
    """
    out: Array = np.zeros(shape, g.dtype)
    if is_basic(index):
        out[index] = g
    elif index.__class__ is TwoSteps:
        np.add.at(out[index.first], index.then, g)
    else:
        np.add.at(out, index, g)
    return out


def setitem_forward(x: Array, value: Any, index: Any) -> Array:
    """A copy of x in which x[index] = value."""
    out = x.copy()
    write_at(out, index, value)
    return out


def check_index(index: Array, size: int, name: str = "") -> None:
    """Raise unless every index lies in 0 to size - 1."""
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name}indices must be integers, got {index.dtype}; use index.long()")
    if index.size == 1:  # a token on its own: 0.2 µs in the place of 4
        lowest = highest = index.item()
    elif index.size:
        lowest, highest = int(index.min()), int(index.max())
    else:
        return
    if lowest < 0 or highest >= size:
        bad = index[(index < 0) | (index >= size)].flat[0]
        raise IndexError(f"{name}index {bad} is out of range; expected 0 to {size - 1}")


def _along(x: Array, index: Array, dim: int) -> tuple[Array, ...]:
    """The integer arrays that address x[i, index[i, j], j] for gather and scatter."""
    axis = check_dims(x.shape, dim)[0] if x.ndim else 0
    if index.ndim != x.ndim:
        raise ValueError(f"index must have {x.ndim} dims as x {x.shape}, got {index.shape}")
    for d, (have, limit) in enumerate(zip(index.shape, x.shape, strict=True)):
        if d != axis and have > limit:
            raise ValueError(f"index {index.shape} is larger than x {x.shape} in dim {d}")
    check_index(index, x.shape[axis] if x.ndim else 1)
    grids = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    if x.ndim:
        grids[axis] = index
    return tuple(grids)


def gather_forward(x: Array, index: Array, dim: int) -> Array:
    """out[i][j] = x[index[i][j]][j] for dim 0, and so on for other dims."""
    result: Array = np.asarray(x[_along(x, index, dim)])
    return result


def scatter_add_forward(x: Array, src: Array, index: Array, dim: int) -> Array:
    """A copy of x with x[index[i][j]][j] += src[i][j] for dim 0, and so on."""
    out = np.array(x)
    where = _along(x, index, dim)
    np.add.at(out, where, _source(src, x, index))
    return out


def _source(src: Array, x: Array, index: Array) -> Array:
    """The part of src that belongs to the index."""
    if src.dtype != x.dtype:
        raise TypeError(f"expected src in x's dtype, got {src.dtype} and {x.dtype}; use src.to(x)")
    if src.ndim != index.ndim or any(n < m for n, m in zip(src.shape, index.shape, strict=True)):
        raise ValueError(f"index {index.shape} is larger than src {src.shape}")
    part: Array = src[tuple(slice(n) for n in index.shape)]
    return part


def scatter_forward(x: Array, src: Any, index: Array, dim: int) -> Array:
    """A copy of x with x[index[i][j]][j] = src[i][j] for dim 0, and so on."""
    out = np.array(x)
    where = _along(x, index, dim)
    out[where] = _source(src, x, index) if np.ndim(src) else src
    return out


def index_select_forward(x: Array, index: Array, dim: int) -> Array:
    """The slices of x at the given positions along a dim."""
    axis = check_dims(x.shape, dim)[0]
    if index.ndim > 1:
        raise ValueError(f"index must be 1-d, got shape {index.shape}")
    check_index(index, x.shape[axis])
    return np.take(x, index.reshape(-1), axis)


def masked_fill_forward(x: Array, value: Any, mask: Array) -> Array:
    """A copy of x with ``value`` where the mask is True."""
    if mask.dtype.kind != "b":
        raise TypeError(f"the mask must be bool, got {mask.dtype}; compare first")
    if np.ndim(value):
        raise ValueError(f"expected one value, got shape {np.shape(value)}; use where(mask, ...)")
    return np.where(mask, np.asarray(value).astype(x.dtype), x)


getitem = Op("getitem", getitem_forward, view=True, hint=_index_hint)
place = Op("place", place_forward)
setitem = Op(
    "setitem",
    setitem_forward,
    hint=lambda x, value, index: f"The value of shape {np.shape(value)} does not fit x[index].",
)
gather = Op("gather", gather_forward)
scatter_add = Op("scatter_add", scatter_add_forward)
scatter = Op("scatter", scatter_forward)
index_select = Op("index_select", index_select_forward)
masked_fill = Op("masked_fill", masked_fill_forward, broadcasts=True)

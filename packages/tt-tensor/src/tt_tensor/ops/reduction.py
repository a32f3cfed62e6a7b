"""Reductions: many numbers become one, along all dims, one dim, or a tuple of dims."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..dtypes import Array, float16, float32, int64, to_floating, uint8
from ..op import Op
from .elementwise import silenced

Dim = int | tuple[int, ...] | None

# Any, as NumPy's types do not know `keepdims` by position, which is faster
_add: Any = np.add.reduce
_maximum: Any = np.maximum.reduce
_minimum: Any = np.minimum.reduce
_multiply: Any = np.multiply.reduce


def check_dims(shape: tuple[int, ...], dim: Dim) -> tuple[int, ...]:
    """The dims meant by ``dim``, counted from the left and checked; None means all of them."""
    ndim = len(shape)
    if dim is None:
        return tuple(range(ndim))
    dims = (dim,) if isinstance(dim, (int, np.integer)) else tuple(dim)
    result = []
    for d in dims:
        limit = max(ndim, 1)
        if not -limit <= d < limit:
            raise IndexError(
                f"dim {d} is out of range for shape {shape}: expected {-limit} to {limit - 1}"
            )
        result.append(int(d) % limit)
    if len(set(result)) != len(result):
        raise ValueError(f"dim {dims} names a dimension of shape {shape} twice")
    return tuple(result) if ndim else ()


def _axis(x: Array, dim: Dim) -> Any:
    """NumPy's axis for a dim; an empty tuple means all dims in PyTorch."""
    if dim is None:
        return None
    if isinstance(dim, (int, np.integer)):
        if -x.ndim <= dim < x.ndim:
            return dim
    elif not dim:
        return None
    return check_dims(x.shape, dim)


def count(shape: tuple[int, ...], dim: Dim) -> int:
    """How many numbers are reduced to each one."""
    return math.prod(shape[d] for d in check_dims(shape, dim))


def sum_forward(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """Σ x; bools and small integers are summed as int64, float16 in float32."""
    axis = None if dim is None else _axis(x, dim)
    if x.dtype is float32:  # the commonest first
        whole: Array = _add(x, axis, None, None, keepdim)
        return whole
    if x.dtype is float16:
        total: Array = _add(x, axis, float32, None, keepdim)
        return np.asarray(total).astype(float16)
    result: Array = _add(x, axis, None if x.dtype.kind == "f" else int64, None, keepdim)
    return result


def mean_forward(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """Σ x / n. The mean of integers is not defined: convert first."""
    if x.dtype.kind != "f":
        raise TypeError("expected a floating dtype; convert first: x.float().mean()")
    n = x.size if dim is None else count(x.shape, dim)
    total = sum_forward(x, dim, keepdim)
    return total / n if n else total * np.nan


def var_forward(x: Array, dim: Dim = None, correction: int = 1, keepdim: bool = False) -> Array:
    """Σ (x - mean)² / (n - correction), with Bessel's correction of 1 by default."""
    axis = _axis(x, dim)
    n = count(x.shape, dim)
    if x.dtype.kind != "f":
        raise TypeError("expected a floating dtype; convert first: x.float().var()")
    centred = x - mean_forward(x, dim, True)
    with np.errstate(all="ignore"):
        result: Array = _add(np.square(centred), axis, None, None, keepdim) / np.asarray(
            max(n - correction, 0), x.dtype
        )
    return result


def _need_elements(x: Array, dim: Dim) -> None:
    if count(x.shape, dim) == 0:
        raise ValueError("the extreme of no elements is not defined; check x.numel() first")


def amax_forward(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """The largest value; NaN if there is one."""
    if x.size == 0:
        _need_elements(x, dim)
    result: Array = _maximum(x, _axis(x, dim), None, None, keepdim)
    return result


def amin_forward(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """The smallest value; NaN if there is one."""
    if x.size == 0:
        _need_elements(x, dim)
    result: Array = _minimum(x, _axis(x, dim), None, None, keepdim)
    return result


def _argument(find: Any) -> Any:
    def forward(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
        if x.size == 0:
            _need_elements(x, dim)
        if dim is None:
            index = np.asarray(find(x.reshape(-1)))
            return index.reshape((1,) * x.ndim) if keepdim else index
        (axis,) = check_dims(x.shape, dim) or (None,)
        result: Array = np.asarray(find(x, axis=axis))
        return np.expand_dims(result, axis) if keepdim and axis is not None else result

    return forward


def prod_forward(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """Π x; bools and small integers are multiplied as int64."""
    dtype = None if x.dtype.kind == "f" else int64
    result: Array = _multiply(x, _axis(x, dim), dtype, None, keepdim)
    return result


def cumsum_forward(x: Array, dim: int) -> Array:
    """Running sums along a dim."""
    dtype = x.dtype if x.dtype.kind == "f" else int64
    if x.ndim == 0:
        check_dims(x.shape, dim)
        return np.array(x, dtype)
    return np.cumsum(x, axis=check_dims(x.shape, dim)[0], dtype=dtype)


def cumprod_forward(x: Array, dim: int) -> Array:
    """Running products along a dim."""
    dtype = x.dtype if x.dtype.kind == "f" else int64
    if x.ndim == 0:
        check_dims(x.shape, dim)
        return np.array(x, dtype)
    return np.cumprod(x, axis=check_dims(x.shape, dim)[0], dtype=dtype)


def logsumexp_forward(x: Array, dim: Dim, keepdim: bool = False) -> Array:
    """log Σ eˣ, with the largest value taken out so that nothing overflows."""
    axis = _axis(x, dim)
    x = to_floating(x)
    peak = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    peak = np.where(np.isfinite(peak), peak, x.dtype.type(0))
    with np.errstate(all="ignore"):
        total = np.log(np.sum(np.exp(x - peak), axis=axis, keepdims=True)) + peak
    result: Array = total if keepdim else np.squeeze(total, axis=axis)
    return result


def any_forward(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """Whether any element is not zero: a bool, of uint8 a uint8 as in PyTorch."""
    result = np.any(x, axis=_axis(x, dim), keepdims=keepdim)
    return np.asarray(result, uint8 if x.dtype == uint8 else None)


def all_forward(x: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """Whether every element is not zero: a bool, of uint8 a uint8 as in PyTorch."""
    result = np.all(x, axis=_axis(x, dim), keepdims=keepdim)
    return np.asarray(result, uint8 if x.dtype == uint8 else None)


def argsort_forward(x: Array, dim: int = -1, descending: bool = False) -> Array:
    """The indices that sort along a dim; equal values keep their order (a stable sort)."""
    if x.ndim == 0:
        return np.zeros((), int64)
    axis = check_dims(x.shape, dim)[0]
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    # reversing the input and the result keeps equal values in their order
    backwards = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return np.ascontiguousarray(np.flip(x.shape[axis] - 1 - backwards, axis))


sum_ = Op("sum", sum_forward, direct=functools.partial(_add, axis=None))
mean = Op("mean", mean_forward)
var = Op("var", var_forward)
amax = Op("amax", amax_forward)
amin = Op("amin", amin_forward)
argmax = Op("argmax", _argument(np.argmax))
argmin = Op("argmin", _argument(np.argmin))
prod = Op("prod", silenced(prod_forward))
cumsum = Op("cumsum", cumsum_forward)
cumprod = Op("cumprod", silenced(cumprod_forward))
logsumexp = Op("logsumexp", logsumexp_forward)
any_ = Op("any", any_forward)
all_ = Op("all", all_forward)
argsort = Op("argsort", argsort_forward)

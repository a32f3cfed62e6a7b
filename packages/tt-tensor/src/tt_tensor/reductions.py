"""Reductions: sums, means, extremes, along all dims, one dim or a tuple of dims.

``axis`` and ``keepdims`` are accepted for ``dim`` and ``keepdim``, as NumPy calls them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import ops
from .door import apply, apply_one
from .op import Op
from .ops.reduction import Dim, check_dims
from .spelling import also_axis

if TYPE_CHECKING:
    from .tensor import Tensor


class ValuesIndices(NamedTuple):
    """What max(dim), min(dim), topk and sort return."""

    values: Tensor
    indices: Tensor


def sum(
    input: Tensor,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    axis: Dim = None,
    keepdims: bool = False,
) -> Tensor:
    """Σ x. Bools and integers are summed as int64.

    Shape: the dims in ``dim`` (all, if None) disappear, or stay as 1 with ``keepdim``.

    >>> from tt_tensor import ones
    >>> sum(ones(2, 3), dim=1)
    tensor([3., 3.])
    """
    # the commonest call first, and the two names of each argument spelled out: 0.4 µs less
    if dim is None and axis is None and not keepdim and not keepdims and dtype is None:
        return apply_one(ops.sum_, input)
    dim, keepdim = axis if dim is None else dim, keepdim or keepdims
    return apply(ops.sum_, _converted(input, dtype), dim=dim, keepdim=keepdim)


def _dims(x: Tensor, dim: Dim) -> Dim:
    """``dim`` with None for all dims, which may also be named by none, ``()``, as in PyTorch."""
    if dim is None or (x.ndim and not _is_empty(dim)):
        return dim
    check_dims(x.shape, dim)
    return None


def _is_empty(dim: Any) -> bool:
    return isinstance(dim, (tuple, list)) and not dim


def _converted(x: Tensor, dtype: Any) -> Tensor:
    return x if dtype is None else x.to(dtype)


@also_axis
def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Σ x / n; nan if n is 0."""
    return apply(ops.mean, _converted(input, dtype), dim=_dims(input, dim), keepdim=keepdim)


@also_axis
def var(
    input: Tensor,
    dim: Dim = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float = 1,
) -> Tensor:
    """The variance Σ (x - mean)² / (n - correction); Bessel's correction of 1 by default.

    ``unbiased=False`` is the older spelling of ``correction=0``; it may stand in the place of dim.
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    return apply(ops.var, input, dim=_dims(input, dim), correction=correction, keepdim=keepdim)


@also_axis
def std(
    input: Tensor,
    dim: Dim = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float = 1,
) -> Tensor:
    """The standard deviation, the square root of ``var``; its gradient is 0 where it is 0."""
    return _root(var(input, dim, unbiased, keepdim, correction=correction))


def _root(x: Tensor, p: float = 2) -> Tensor:
    """x^(1/p) with the gradient 0 at 0, where the derivative is infinite."""
    masked = apply(ops.where, x == 0, 0.0, x)
    return masked.sqrt() if p == 2 else masked.pow(1 / p)


@also_axis
def amax(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The largest values; a gradient is shared evenly among ties."""
    return apply(ops.amax, input, dim=_dims(input, dim), keepdim=keepdim)


@also_axis
def amin(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The smallest values; a gradient is shared evenly among ties."""
    return apply(ops.amin, input, dim=_dims(input, dim), keepdim=keepdim)


@also_axis
def max(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Any:
    """The largest value of all; with ``dim`` the named tuple (values, indices); of two tensors,
    their elementwise maximum.

    A gradient of the full maximum is shared among ties; with ``dim`` it goes to the one returned.

    >>> from tt_tensor import tensor
    >>> max(tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1).indices
    tensor([1, 0])
    """
    return _extreme(input, dim, keepdim, _MAX)


@also_axis
def min(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Any:
    """The smallest value of all; with ``dim`` the named tuple (values, indices); of two tensors,
    their elementwise minimum."""
    return _extreme(input, dim, keepdim, _MIN)


_MAX = (ops.amax, ops.argmax, ops.maximum)
_MIN = (ops.amin, ops.argmin, ops.minimum)


def _extreme(x: Tensor, dim: Any, keepdim: bool, how: tuple[Op, Op, Op]) -> Any:
    whole, position, pairwise = how
    if dim is None:
        return apply(whole, x)
    if not isinstance(dim, (int, np.integer)):
        return apply(pairwise, x, dim)
    indices = apply(position, x, dim=dim, keepdim=True)
    values = apply(ops.gather, x, indices, dim=dim)
    if not keepdim:
        values, indices = values.squeeze(dim), indices.squeeze(dim)
    return ValuesIndices(values, indices)


@also_axis
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the largest value (in the flattened tensor if dim is None), first of ties."""
    return apply(ops.argmax, input, dim=dim, keepdim=keepdim)


@also_axis
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest value (in the flattened tensor if dim is None), first of ties."""
    return apply(ops.argmin, input, dim=dim, keepdim=keepdim)


@also_axis
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Π x. Bools and integers are multiplied as int64."""
    return apply(ops.prod, _converted(input, dtype), dim=dim, keepdim=keepdim)


@also_axis
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running sums along ``dim``."""
    return apply(ops.cumsum, _converted(input, dtype), dim=dim)


@also_axis
def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running products along ``dim``."""
    return apply(ops.cumprod, _converted(input, dtype), dim=dim)


@also_axis
def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """log Σ eˣ along ``dim``, without overflow."""
    return apply(ops.logsumexp, input, dim=dim, keepdim=keepdim)


@also_axis
def any(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether any element is not zero; with ``dim=()`` each for itself, as in PyTorch."""
    return input.bool() if _is_empty(dim) else apply(ops.any_, input, dim=dim, keepdim=keepdim)


@also_axis
def all(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether every element is not zero; with ``dim=()`` each for itself, as in PyTorch."""
    return input.bool() if _is_empty(dim) else apply(ops.all_, input, dim=dim, keepdim=keepdim)


@also_axis
def count_nonzero(input: Tensor, dim: Dim = None) -> Tensor:
    """How many elements are not zero."""
    return (input != 0).sum(dim)


@also_axis
def norm(input: Tensor, p: float | str = 2, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """(Σ |x|ᵖ)^(1/p): p = 2 (or "fro") is the Euclidean length, inf the largest |x|.

    Its gradient is 0 where it is 0.
    """
    if p == "fro":
        p = 2
    if isinstance(p, str):
        raise ValueError(f"norm: p must be a number or 'fro', got {p!r}")
    if not input.is_floating_point():
        raise TypeError(f"norm: expected a floating dtype, got {input.dtype}; use x.float().norm()")
    if p == float("inf"):
        return amax(input.abs(), dim, keepdim)
    if p == -float("inf"):
        return amin(input.abs(), dim, keepdim)
    if p == 0:
        return input.sign().abs().sum(dim, keepdim)
    if p == 1:
        return input.abs().sum(dim, keepdim)
    powers = input.square() if p == 2 else input.abs().pow(p)
    return _root(powers.sum(dim, keepdim), p)


@also_axis
def argsort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = True
) -> Tensor:
    """The indices that sort along ``dim``. Equal values always keep their order."""
    return apply(ops.argsort, input, dim=dim, descending=descending)


@also_axis
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = True
) -> ValuesIndices:
    """The named tuple (values, indices) of x in order along ``dim``."""
    indices = argsort(input, dim, descending)
    return ValuesIndices(apply(ops.gather, input, indices, dim=dim), indices)


@also_axis
def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesIndices:
    """The k largest (or smallest) values along ``dim``, always in order, with their indices.

    >>> from tt_tensor import tensor
    >>> topk(tensor([1.0, 9.0, 5.0]), 2)
    ValuesIndices(values=tensor([9., 5.]), indices=tensor([1, 2]))
    """
    axis = check_dims(input.shape, dim)[0] if input.ndim else 0
    size = input.shape[axis] if input.ndim else 1
    if not 0 <= k <= size:
        raise ValueError(f"topk: k must lie in 0 to {size}, the size of dim {dim}; got {k}")
    indices = argsort(input, dim, descending=largest)
    if input.ndim:
        indices = indices[(slice(None),) * axis + (slice(0, k),)]
    return ValuesIndices(apply(ops.gather, input, indices, dim=dim), indices)

"""Reductions: sums, means, extremes, along all dims, one dim or a tuple of dims.

``axis`` and ``keepdims`` are accepted for ``dim`` and ``keepdim``, as NumPy calls them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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
    x: Tensor,
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
        return apply_one(ops.sum_, x)
    dim, keepdim = axis if dim is None else dim, keepdim or keepdims
    return apply(ops.sum_, _converted(x, dtype), dim=dim, keepdim=keepdim)


def _dims(x: Tensor, dim: Dim) -> Dim:
    """``dim`` with None for all dims, which may also be named by none, ``()``, as in PyTorch."""
    if dim is None or (x.ndim and dim not in ((), [])):
        return dim
    check_dims(x.shape, dim)
    return None


def _converted(x: Tensor, dtype: Any) -> Tensor:
    return x if dtype is None else x.to(dtype)


@also_axis
def mean(x: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Σ x / n; nan if n is 0."""
    return apply(ops.mean, _converted(x, dtype), dim=_dims(x, dim), keepdim=keepdim)


@also_axis
def var(
    x: Tensor,
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
    return apply(ops.var, x, dim=_dims(x, dim), correction=correction, keepdim=keepdim)


@also_axis
def std(
    x: Tensor,
    dim: Dim = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float = 1,
) -> Tensor:
    """The standard deviation, the square root of ``var``; its gradient is 0 where it is 0."""
    return _root(var(x, dim, unbiased, keepdim, correction=correction))


def _root(x: Tensor, p: float = 2) -> Tensor:
    """x^(1/p) with the gradient 0 at 0, where the derivative is infinite."""
    masked = apply(ops.where, x == 0, 0.0, x)
    return masked.sqrt() if p == 2 else masked.pow(1 / p)


@also_axis
def amax(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The largest values; a gradient is shared evenly among ties."""
    return apply(ops.amax, x, dim=_dims(x, dim), keepdim=keepdim)


@also_axis
def amin(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The smallest values; a gradient is shared evenly among ties."""
    return apply(ops.amin, x, dim=_dims(x, dim), keepdim=keepdim)


@also_axis
def max(x: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Any:
    """The largest value of all; with ``dim`` the named tuple (values, indices); of two tensors,
    their elementwise maximum.

    A gradient of the full maximum is shared among ties; with ``dim`` it goes to the one returned.

    >>> from tt_tensor import tensor
    >>> max(tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1).indices
    tensor([1, 0])
    """
    return _extreme(x, dim, keepdim, _MAX)


@also_axis
def min(x: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Any:
    """The smallest value of all; with ``dim`` the named tuple (values, indices); of two tensors,
    their elementwise minimum."""
    return _extreme(x, dim, keepdim, _MIN)


_MAX = (ops.amax, ops.argmax, ops.maximum)
_MIN = (ops.amin, ops.argmin, ops.minimum)


def _extreme(x: Tensor, dim: Any, keepdim: bool, how: tuple[Op, Op, Op]) -> Any:
    whole, position, pairwise = how
    if dim is None:
        return apply(whole, x)
    if not isinstance(dim, int):
        return apply(pairwise, x, dim)
    indices = apply(position, x, dim=dim, keepdim=True)
    values = apply(ops.gather, x, indices, dim=dim)
    if not keepdim:
        values, indices = values.squeeze(dim), indices.squeeze(dim)
    return ValuesIndices(values, indices)


@also_axis
def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the largest value (in the flattened tensor if dim is None), first of ties."""
    return apply(ops.argmax, x, dim=dim, keepdim=keepdim)


@also_axis
def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest value (in the flattened tensor if dim is None), first of ties."""
    return apply(ops.argmin, x, dim=dim, keepdim=keepdim)


@also_axis
def prod(x: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Π x. Bools and integers are multiplied as int64."""
    return apply(ops.prod, _converted(x, dtype), dim=dim, keepdim=keepdim)


@also_axis
def cumsum(x: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running sums along ``dim``."""
    return apply(ops.cumsum, _converted(x, dtype), dim=dim)


@also_axis
def cumprod(x: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running products along ``dim``."""
    return apply(ops.cumprod, _converted(x, dtype), dim=dim)


@also_axis
def logsumexp(x: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """log Σ eˣ along ``dim``, without overflow."""
    return apply(ops.logsumexp, x, dim=dim, keepdim=keepdim)


@also_axis
def any(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether any element is not zero; with ``dim=()`` each for itself, as in PyTorch."""
    return x.bool() if dim == () else apply(ops.any_, x, dim=dim, keepdim=keepdim)


@also_axis
def all(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether every element is not zero; with ``dim=()`` each for itself, as in PyTorch."""
    return x.bool() if dim == () else apply(ops.all_, x, dim=dim, keepdim=keepdim)


@also_axis
def count_nonzero(x: Tensor, dim: Dim = None) -> Tensor:
    """How many elements are not zero."""
    return (x != 0).sum(dim)


@also_axis
def norm(x: Tensor, p: float | str = 2, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """(Σ |x|ᵖ)^(1/p): p = 2 (or "fro") is the Euclidean length, inf the largest |x|.

    Its gradient is 0 where it is 0.
    """
    if p == "fro":
        p = 2
    if isinstance(p, str):
        raise ValueError(f"norm: p must be a number or 'fro', got {p!r}")
    if not x.is_floating_point():
        raise TypeError(f"norm: expected a floating dtype, got {x.dtype}; use x.float().norm()")
    if p == float("inf"):
        return amax(x.abs(), dim, keepdim)
    if p == -float("inf"):
        return amin(x.abs(), dim, keepdim)
    if p == 0:
        return x.sign().abs().sum(dim, keepdim)
    if p == 1:
        return x.abs().sum(dim, keepdim)
    powers = x.square() if p == 2 else x.abs().pow(p)
    return _root(powers.sum(dim, keepdim), p)


@also_axis
def argsort(x: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = True) -> Tensor:
    """The indices that sort along ``dim``. Equal values always keep their order."""
    return apply(ops.argsort, x, dim=dim, descending=descending)


@also_axis
def sort(
    x: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = True
) -> ValuesIndices:
    """The named tuple (values, indices) of x in order along ``dim``."""
    indices = argsort(x, dim, descending)
    return ValuesIndices(apply(ops.gather, x, indices, dim=dim), indices)


@also_axis
def topk(
    x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesIndices:
    """The k largest (or smallest) values along ``dim``, always in order, with their indices.

    >>> from tt_tensor import tensor
    >>> topk(tensor([1.0, 9.0, 5.0]), 2)
    ValuesIndices(values=tensor([9., 5.]), indices=tensor([1, 2]))
    """
    axis = check_dims(x.shape, dim)[0] if x.ndim else 0
    size = x.shape[axis] if x.ndim else 1
    if not 0 <= k <= size:
        raise ValueError(f"topk: k must lie in 0 to {size}, the size of dim {dim}; got {k}")
    indices = argsort(x, dim, descending=largest)
    if x.ndim:
        indices = indices[(slice(None),) * axis + (slice(0, k),)]
    return ValuesIndices(apply(ops.gather, x, indices, dim=dim), indices)

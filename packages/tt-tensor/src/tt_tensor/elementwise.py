"""Elementwise functions. Each is also a method of Tensor: ``exp(x)`` is ``x.exp()``.

Two operands are promoted (PyTorch's rules, see dtypes.py) and broadcast: aligned at the right,
sizes must be equal or 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, overload

from . import ops
from .door import apply, apply_one, apply_pair

if TYPE_CHECKING:
    from .dtypes import Array
    from .tensor import Tensor

    Operand: TypeAlias = Tensor | Array | float


def _scaled(other: Operand, alpha: float) -> Operand:
    return other if alpha == 1 else other * alpha


def add(x: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """x + alpha · other."""
    return apply(ops.add, x, _scaled(other, alpha))


def sub(x: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """x - alpha · other."""
    return apply(ops.sub, x, _scaled(other, alpha))


def mul(x: Tensor, other: Operand) -> Tensor:
    """x · other."""
    return apply_pair(ops.mul, x, other)


def div(x: Tensor, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """x / other; integers give float32. ``rounding_mode`` "floor" rounds down, "trunc" to zero.

    >>> from tt_tensor import tensor
    >>> div(tensor([1, 2, 3]), 2)
    tensor([0.5000, 1.0000, 1.5000])
    """
    if rounding_mode is None:
        return apply_pair(ops.div, x, other)
    if rounding_mode == "floor":
        return floor_divide(x, other)
    if rounding_mode == "trunc":
        return apply_pair(ops.trunc_divide, x, other)
    raise ValueError(f"rounding_mode must be None, 'floor' or 'trunc', got {rounding_mode!r}")


def floor_divide(x: Tensor, other: Operand) -> Tensor:
    """⌊x / other⌋."""
    return apply_pair(ops.floor_divide, x, other)


def remainder(x: Tensor, other: Operand) -> Tensor:
    """x - other · ⌊x / other⌋: the remainder with the divisor's sign, as Python's %."""
    return apply_pair(ops.remainder, x, other)


def pow(x: Tensor, exponent: Operand) -> Tensor:
    """x to the power of the exponent."""
    return apply_pair(ops.power, x, exponent)


def maximum(x: Tensor, other: Operand) -> Tensor:
    """The larger of x and other; their gradient is halved where they are equal."""
    return apply_pair(ops.maximum, x, other)


def minimum(x: Tensor, other: Operand) -> Tensor:
    """The smaller of x and other; their gradient is halved where they are equal."""
    return apply_pair(ops.minimum, x, other)


def atan2(x: Tensor, other: Operand) -> Tensor:
    """The angle of the point (other, x), in radians, -π to π."""
    return apply_pair(ops.atan2, x, other)


def eq(x: Tensor, other: Operand) -> Tensor:
    """x == other."""
    return apply_pair(ops.eq, x, other)


def ne(x: Tensor, other: Operand) -> Tensor:
    """x != other."""
    return apply_pair(ops.ne, x, other)


def lt(x: Tensor, other: Operand) -> Tensor:
    """x < other."""
    return apply_pair(ops.lt, x, other)


def le(x: Tensor, other: Operand) -> Tensor:
    """x <= other."""
    return apply_pair(ops.le, x, other)


def gt(x: Tensor, other: Operand) -> Tensor:
    """x > other."""
    return apply_pair(ops.gt, x, other)


def ge(x: Tensor, other: Operand) -> Tensor:
    """x >= other."""
    return apply_pair(ops.ge, x, other)


def bitwise_and(x: Tensor, other: Operand) -> Tensor:
    """x & other, bit by bit (logical and for bools)."""
    return apply_pair(ops.bitwise_and, x, other)


def bitwise_or(x: Tensor, other: Operand) -> Tensor:
    """x | other, bit by bit (logical or for bools)."""
    return apply_pair(ops.bitwise_or, x, other)


def bitwise_xor(x: Tensor, other: Operand) -> Tensor:
    """x ^ other, bit by bit."""
    return apply_pair(ops.bitwise_xor, x, other)


def bitwise_left_shift(x: Tensor, other: Operand) -> Tensor:
    """x << other."""
    return apply_pair(ops.left_shift, x, other)


def bitwise_right_shift(x: Tensor, other: Operand) -> Tensor:
    """x >> other."""
    return apply_pair(ops.right_shift, x, other)


def bitwise_not(x: Tensor) -> Tensor:
    """~x, bit by bit (logical not for bools)."""
    return apply_one(ops.bitwise_not, x)


def logical_not(x: Tensor) -> Tensor:
    """True where x is zero."""
    return apply_one(ops.logical_not, x)


def logical_and(x: Tensor, other: Tensor) -> Tensor:
    """True where neither is zero."""
    return apply_pair(ops.bitwise_and, ne(x, 0), ne(other, 0))


def logical_or(x: Tensor, other: Tensor) -> Tensor:
    """True where not both are zero."""
    return apply_pair(ops.bitwise_or, ne(x, 0), ne(other, 0))


def logical_xor(x: Tensor, other: Tensor) -> Tensor:
    """True where exactly one is zero."""
    return apply_pair(ops.ne, ne(x, 0), ne(other, 0))


def neg(x: Tensor) -> Tensor:
    """-x."""
    return apply_one(ops.neg, x)


def abs(x: Tensor) -> Tensor:
    """|x|; its gradient at 0 is 0."""
    return apply_one(ops.absolute, x)


def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1."""
    return apply_one(ops.sign, x)


def round(x: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest integer, halves to the even one."""
    return apply(ops.round_, x, decimals=decimals)


def floor(x: Tensor) -> Tensor:
    """The largest integer not above x."""
    return apply_one(ops.floor, x)


def ceil(x: Tensor) -> Tensor:
    """The smallest integer not below x."""
    return apply_one(ops.ceil, x)


def trunc(x: Tensor) -> Tensor:
    """The integer part: x without its decimals."""
    return apply_pair(ops.trunc_divide, x, 1)


def exp(x: Tensor) -> Tensor:
    """eˣ."""
    return apply_one(ops.exp, x)


def expm1(x: Tensor) -> Tensor:
    """eˣ - 1, exact for small x too."""
    return apply_one(ops.expm1, x)


def log(x: Tensor) -> Tensor:
    """The natural logarithm: -inf at 0, nan below."""
    return apply_one(ops.log, x)


def log2(x: Tensor) -> Tensor:
    """The logarithm to base 2."""
    return apply_one(ops.log2, x)


def log10(x: Tensor) -> Tensor:
    """The logarithm to base 10."""
    return apply_one(ops.log10, x)


def log1p(x: Tensor) -> Tensor:
    """log(1 + x), exact for small x too."""
    return apply_one(ops.log1p, x)


def sqrt(x: Tensor) -> Tensor:
    """The square root; nan below 0."""
    return apply_one(ops.sqrt, x)


def rsqrt(x: Tensor) -> Tensor:
    """1 / √x."""
    return apply_one(ops.rsqrt, x)


def reciprocal(x: Tensor) -> Tensor:
    """1 / x."""
    return apply_one(ops.reciprocal, x)


def square(x: Tensor) -> Tensor:
    """x²."""
    return apply_one(ops.square, x)


def sin(x: Tensor) -> Tensor:
    """The sine of x in radians."""
    return apply_one(ops.sin, x)


def cos(x: Tensor) -> Tensor:
    """The cosine of x in radians."""
    return apply_one(ops.cos, x)


def tan(x: Tensor) -> Tensor:
    """The tangent of x in radians."""
    return apply_one(ops.tan, x)


def asin(x: Tensor) -> Tensor:
    """The angle whose sine is x, in radians."""
    return apply_one(ops.asin, x)


def acos(x: Tensor) -> Tensor:
    """The angle whose cosine is x, in radians."""
    return apply_one(ops.acos, x)


def atan(x: Tensor) -> Tensor:
    """The angle whose tangent is x, in radians."""
    return apply_one(ops.atan, x)


def sinh(x: Tensor) -> Tensor:
    """(eˣ - e⁻ˣ) / 2."""
    return apply_one(ops.sinh, x)


def cosh(x: Tensor) -> Tensor:
    """(eˣ + e⁻ˣ) / 2."""
    return apply_one(ops.cosh, x)


def tanh(x: Tensor) -> Tensor:
    """(eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return apply_one(ops.tanh, x)


def sigmoid(x: Tensor) -> Tensor:
    """σ(x) = 1 / (1 + e⁻ˣ)."""
    return apply_one(ops.sigmoid, x)


def relu(x: Tensor) -> Tensor:
    """max(x, 0); its gradient at 0 is 0."""
    return apply_one(ops.relu, x)


def erf(x: Tensor) -> Tensor:
    """The error function 2/√π ∫₀ˣ e^(-t²) dt."""
    return apply_one(ops.erf, x)


def clamp(x: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """x limited to min ... max; the gradient passes at the bounds themselves.

    The bounds are numbers, or Tensors that broadcast with x.

    >>> from tt_tensor import tensor
    >>> clamp(tensor([-2.0, 0.5, 3.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise ValueError("clamp needs min, max or both, got neither")
    if not (hasattr(min, "shape") or hasattr(max, "shape")):
        return apply(ops.clamp, x, min=min, max=max)
    if min is not None:
        x = where(apply(ops.lt, x, min), min, x)
    if max is not None:
        x = where(apply(ops.gt, x, max), max, x)
    return x


def lerp(x: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """x + weight · (end - x): x at weight 0, end at 1."""
    return add(x, mul(sub(end, x), weight))


def addcmul(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """x + value · tensor1 · tensor2."""
    return add(x, mul(tensor1, tensor2), alpha=value)


def addcdiv(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """x + value · tensor1 / tensor2."""
    return add(x, div(tensor1, tensor2), alpha=value)


@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...


@overload
def where(condition: Tensor, x: Operand, y: Operand) -> Tensor: ...


def where(condition: Tensor, x: Operand | None = None, y: Operand | None = None) -> Any:
    """x where the condition is True, y elsewhere; all three broadcast.

    Without x and y, the positions where the condition holds: ``nonzero(as_tuple=True)``.

    >>> from tt_tensor import tensor
    >>> x = tensor([-1.0, 2.0])
    >>> where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    if x is None or y is None:
        if x is not y:
            raise TypeError("where: expected both x and y, or neither")
        return condition.nonzero(as_tuple=True)
    return apply(ops.where, condition, x, y)


def isnan(x: Tensor) -> Tensor:
    """True where x is not a number."""
    return apply_one(ops.isnan, x)


def isinf(x: Tensor) -> Tensor:
    """True where x is infinite."""
    return apply_one(ops.isinf, x)


def isfinite(x: Tensor) -> Tensor:
    """True where x is neither infinite nor nan."""
    return apply_one(ops.isfinite, x)


def clone(x: Tensor) -> Tensor:
    """A copy with memory of its own; gradients flow through it."""
    return apply_one(ops.clone, x)


def masked_fill(x: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """A copy of x with ``value`` where the mask is True."""
    return apply(ops.masked_fill, x, value, mask)

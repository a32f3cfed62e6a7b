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


def add(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """x + alpha · other."""
    return apply(ops.add, input, _scaled(other, alpha))


def sub(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """x - alpha · other."""
    return apply(ops.sub, input, _scaled(other, alpha))


def mul(input: Tensor, other: Operand) -> Tensor:
    """x · other."""
    return apply_pair(ops.mul, input, other)


def div(input: Tensor, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """x / other; integers give float32. ``rounding_mode`` "floor" rounds down, "trunc" to zero.

    >>> from tt_tensor import tensor
    >>> div(tensor([1, 2, 3]), 2)
    tensor([0.5000, 1.0000, 1.5000])
    """
    if rounding_mode is None:
        return apply_pair(ops.div, input, other)
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode == "trunc":
        return apply_pair(ops.trunc_divide, input, other)
    raise ValueError(f"rounding_mode must be None, 'floor' or 'trunc', got {rounding_mode!r}")


def floor_divide(input: Tensor, other: Operand) -> Tensor:
    """⌊x / other⌋."""
    return apply_pair(ops.floor_divide, input, other)


def remainder(input: Tensor, other: Operand) -> Tensor:
    """x - other · ⌊x / other⌋: the remainder with the divisor's sign, as Python's %."""
    return apply_pair(ops.remainder, input, other)


def pow(input: Tensor, exponent: Operand) -> Tensor:
    """x to the power of the exponent."""
    return apply_pair(ops.power, input, exponent)


def maximum(input: Tensor, other: Operand) -> Tensor:
    """The larger of x and other; their gradient is halved where they are equal."""
    return apply_pair(ops.maximum, input, other)


def minimum(input: Tensor, other: Operand) -> Tensor:
    """The smaller of x and other; their gradient is halved where they are equal."""
    return apply_pair(ops.minimum, input, other)


def atan2(input: Tensor, other: Operand) -> Tensor:
    """The angle of the point (other, x), in radians, -π to π."""
    return apply_pair(ops.atan2, input, other)


def eq(input: Tensor, other: Operand) -> Tensor:
    """x == other."""
    return apply_pair(ops.eq, input, other)


def ne(input: Tensor, other: Operand) -> Tensor:
    """x != other."""
    return apply_pair(ops.ne, input, other)


def lt(input: Tensor, other: Operand) -> Tensor:
    """x < other."""
    return apply_pair(ops.lt, input, other)


def le(input: Tensor, other: Operand) -> Tensor:
    """x <= other."""
    return apply_pair(ops.le, input, other)


def gt(input: Tensor, other: Operand) -> Tensor:
    """x > other."""
    return apply_pair(ops.gt, input, other)


def ge(input: Tensor, other: Operand) -> Tensor:
    """x >= other."""
    return apply_pair(ops.ge, input, other)


def bitwise_and(input: Tensor, other: Operand) -> Tensor:
    """x & other, bit by bit (logical and for bools)."""
    return apply_pair(ops.bitwise_and, input, other)


def bitwise_or(input: Tensor, other: Operand) -> Tensor:
    """x | other, bit by bit (logical or for bools)."""
    return apply_pair(ops.bitwise_or, input, other)


def bitwise_xor(input: Tensor, other: Operand) -> Tensor:
    """x ^ other, bit by bit."""
    return apply_pair(ops.bitwise_xor, input, other)


def bitwise_left_shift(input: Tensor, other: Operand) -> Tensor:
    """x << other."""
    return apply_pair(ops.left_shift, input, other)


def bitwise_right_shift(input: Tensor, other: Operand) -> Tensor:
    """x >> other."""
    return apply_pair(ops.right_shift, input, other)


def bitwise_not(input: Tensor) -> Tensor:
    """~x, bit by bit (logical not for bools)."""
    return apply_one(ops.bitwise_not, input)


def logical_not(input: Tensor) -> Tensor:
    """True where x is zero."""
    return apply_one(ops.logical_not, input)


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """True where neither is zero."""
    return apply_pair(ops.bitwise_and, ne(input, 0), ne(other, 0))


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """True where not both are zero."""
    return apply_pair(ops.bitwise_or, ne(input, 0), ne(other, 0))


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """True where exactly one is zero."""
    return apply_pair(ops.ne, ne(input, 0), ne(other, 0))


def neg(input: Tensor) -> Tensor:
    """-x."""
    return apply_one(ops.neg, input)


def abs(input: Tensor) -> Tensor:
    """|x|; its gradient at 0 is 0."""
    return apply_one(ops.absolute, input)


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1."""
    return apply_one(ops.sign, input)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest multiple of 10^-decimals, so of 1 by default; halves go to the even one."""
    return apply(ops.round_, input, decimals=decimals)


def floor(input: Tensor) -> Tensor:
    """The largest integer not above x."""
    return apply_one(ops.floor, input)


def ceil(input: Tensor) -> Tensor:
    """The smallest integer not below x."""
    return apply_one(ops.ceil, input)


def trunc(input: Tensor) -> Tensor:
    """The integer part: x without its decimals."""
    return apply_pair(ops.trunc_divide, input, 1)


def exp(input: Tensor) -> Tensor:
    """eˣ."""
    return apply_one(ops.exp, input)


def expm1(input: Tensor) -> Tensor:
    """eˣ - 1, exact for small x too."""
    return apply_one(ops.expm1, input)


def log(input: Tensor) -> Tensor:
    """The natural logarithm: -inf at 0, nan below."""
    return apply_one(ops.log, input)


def log2(input: Tensor) -> Tensor:
    """The logarithm to base 2."""
    return apply_one(ops.log2, input)


def log10(input: Tensor) -> Tensor:
    """The logarithm to base 10."""
    return apply_one(ops.log10, input)


def log1p(input: Tensor) -> Tensor:
    """log(1 + x), exact for small x too."""
    return apply_one(ops.log1p, input)


def sqrt(input: Tensor) -> Tensor:
    """The square root; nan below 0."""
    return apply_one(ops.sqrt, input)


def rsqrt(input: Tensor) -> Tensor:
    """1 / √x."""
    return apply_one(ops.rsqrt, input)


def reciprocal(input: Tensor) -> Tensor:
    """1 / x."""
    return apply_one(ops.reciprocal, input)


def square(input: Tensor) -> Tensor:
    """x²."""
    return apply_one(ops.square, input)


def sin(input: Tensor) -> Tensor:
    """The sine of x in radians."""
    return apply_one(ops.sin, input)


def cos(input: Tensor) -> Tensor:
    """The cosine of x in radians."""
    return apply_one(ops.cos, input)


def tan(input: Tensor) -> Tensor:
    """The tangent of x in radians."""
    return apply_one(ops.tan, input)


def asin(input: Tensor) -> Tensor:
    """The angle whose sine is x, in radians."""
    return apply_one(ops.asin, input)


def acos(input: Tensor) -> Tensor:
    """The angle whose cosine is x, in radians."""
    return apply_one(ops.acos, input)


def atan(input: Tensor) -> Tensor:
    """The angle whose tangent is x, in radians."""
    return apply_one(ops.atan, input)


def sinh(input: Tensor) -> Tensor:
    """(eˣ - e⁻ˣ) / 2."""
    return apply_one(ops.sinh, input)


def cosh(input: Tensor) -> Tensor:
    """(eˣ + e⁻ˣ) / 2."""
    return apply_one(ops.cosh, input)


def tanh(input: Tensor) -> Tensor:
    """(eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return apply_one(ops.tanh, input)


def sigmoid(input: Tensor) -> Tensor:
    """σ(x) = 1 / (1 + e⁻ˣ)."""
    return apply_one(ops.sigmoid, input)


def relu(input: Tensor) -> Tensor:
    """max(x, 0); its gradient at 0 is 0."""
    return apply_one(ops.relu, input)


def erf(input: Tensor) -> Tensor:
    """The error function 2/√π ∫₀ˣ e^(-t²) dt."""
    return apply_one(ops.erf, input)


def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """x limited to min ... max; the gradient passes at the bounds themselves.

    The bounds are numbers, or Tensors that broadcast with x.

    >>> from tt_tensor import tensor
    >>> clamp(tensor([-2.0, 0.5, 3.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise ValueError("clamp needs min, max or both, got neither")
    if not (hasattr(min, "shape") or hasattr(max, "shape")):
        return apply(ops.clamp, input, min=min, max=max)
    if min is not None:
        input = where(apply(ops.lt, input, min), min, input)
    if max is not None:
        input = where(apply(ops.gt, input, max), max, input)
    return input


def lerp(input: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """x + weight · (end - x): x at weight 0, end at 1."""
    return add(input, mul(sub(end, input), weight))


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """x + value · tensor1 · tensor2."""
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """x + value · tensor1 / tensor2."""
    return add(input, div(tensor1, tensor2), alpha=value)


@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...


@overload
def where(condition: Tensor, input: Operand, other: Operand) -> Tensor: ...


def where(condition: Tensor, input: Operand | None = None, other: Operand | None = None) -> Any:
    """``input`` where the condition is True, ``other`` elsewhere; all three broadcast.

    Without them, the positions where the condition holds: ``nonzero(as_tuple=True)``.

    >>> from tt_tensor import tensor
    >>> x = tensor([-1.0, 2.0])
    >>> where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    if input is None or other is None:
        if input is not other:
            raise TypeError("where: expected both input and other, or neither")
        return condition.nonzero(as_tuple=True)
    return apply(ops.where, condition, input, other)


def isnan(input: Tensor) -> Tensor:
    """True where x is not a number."""
    return apply_one(ops.isnan, input)


def isinf(input: Tensor) -> Tensor:
    """True where x is infinite."""
    return apply_one(ops.isinf, input)


def isfinite(input: Tensor) -> Tensor:
    """True where x is neither infinite nor nan."""
    return apply_one(ops.isfinite, input)


def clone(input: Tensor) -> Tensor:
    """A copy with memory of its own; gradients flow through it."""
    return apply_one(ops.clone, input)


def masked_fill(input: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """A copy of x with ``value`` where the mask is True."""
    return apply(ops.masked_fill, input, value, mask)

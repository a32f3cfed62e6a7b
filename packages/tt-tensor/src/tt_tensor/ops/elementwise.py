"""Elementwise operations: arithmetic, comparison, and the functions of one variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import (
    Array,
    bool_,
    float32,
    int64,
    promote,
    promote_to_floating,
    result_type,
    to_floating,
)
from ..op import Op
from .erf import erf as _erf

Kernel = Callable[..., Any]
_ndarray = np.ndarray


def promoting(
    kernel: Kernel, floating: bool = False, quiet: bool = False, refuses: Kernel | None = None
) -> Kernel:
    """A two-operand kernel with PyTorch's type promotion in front.

    Equal dtypes are the common case and cost one comparison; Python scalars of the array's own kind
    go to NumPy as they are, for NumPy keeps them weak.

    Args:
        floating: integers become float32 first (division).
        quiet: the kernel may divide by zero or overflow; the result says so (inf, nan), as in
            PyTorch, instead of a warning. Costs 0.7 µs, so only where it can happen.
        refuses: given both operands, whether their bools make the operation undefined.
    """
    if quiet:
        kernel = silenced(kernel)
    direct = "f" if floating else "iuf" if refuses else "biuf"
    always = direct == "biuf"

    def forward(x: Any, y: Any) -> Any:
        if x.__class__ is _ndarray:
            dtype = x.dtype
            if y.__class__ is _ndarray:
                if dtype is y.dtype and (always or dtype.kind in direct):
                    return kernel(x, y)
            elif y.__class__ is float and dtype.kind == "f":
                return kernel(x, y)
        if refuses is not None and refuses(x, y):
            raise TypeError
        return kernel(*(promote_to_floating(x, y) if floating else promote(x, y)))

    return forward


def silenced(kernel: Kernel) -> Kernel:
    """The kernel without floating-point warnings: inf and nan speak for themselves."""

    def forward(*arrays: Any, **params: Any) -> Any:
        with np.errstate(all="ignore"):
            return kernel(*arrays, **params)

    return forward


def floating(kernel: Kernel, quiet: bool = False) -> Kernel:
    """A one-operand kernel whose integer arguments become float32, the default dtype."""
    if quiet:
        kernel = silenced(kernel)

    def forward(x: Any) -> Any:
        return kernel(x if x.dtype is float32 else to_floating(x))

    return forward


def _broadcast_hint(*arrays: Any) -> str:
    shapes = " and ".join(str(getattr(a, "shape", ())) for a in arrays)
    return (
        f"The shapes {shapes} cannot be broadcast together: aligned at the right, each pair of "
        "sizes must be equal or one of them 1. Did you mean to unsqueeze or transpose one?"
    )


def _is_bool(x: Any) -> bool:
    return isinstance(x, bool) or getattr(x, "dtype", None) == bool_


def _any_bool(x: Any, y: Any) -> bool:
    return _is_bool(x) or _is_bool(y)


def _only_bools(x: Any, y: Any) -> bool:
    return _is_bool(x) and _is_bool(y)


def binary(
    name: str,
    kernel: Kernel,
    *,
    floating: bool = False,
    quiet: bool = False,
    refuses: Kernel | None = None,
) -> Op:
    """An op of two operands that are promoted and broadcast."""
    forward = promoting(kernel, floating, quiet, refuses)
    # np.subtract refuses bools itself, the shifts do not
    direct = kernel if kernel is np.subtract or not (floating or quiet or refuses) else None
    return Op(name, forward, direct=direct, broadcasts=True, hint=_binary_hint)


def divides(name: str, kernel: Kernel) -> Op:
    """An op of two operands that divides integers to integers."""
    return binary(name, _refusing_zero(name, kernel), quiet=True, refuses=_only_bools)


_OPERANDS = (np.ndarray, np.generic, bool, int, float)


def _binary_hint(x: Any, y: Any) -> str:
    for value in (x, y):
        if not isinstance(value, _OPERANDS):
            kind = type(value).__name__
            return f"Expected Tensors or numbers, got {kind}: wrap it with tensor(...)."
    try:
        np.broadcast_shapes(np.shape(x), np.shape(y))
    except ValueError:
        return _broadcast_hint(x, y)
    return (
        f"Expected dtypes the operation is defined for, got {getattr(x, 'dtype', x)} and "
        f"{getattr(y, 'dtype', y)}: convert with .float() or .long() first (bools know & | ^ ~)."
    )


def _power(x: Any, y: Any) -> Any:
    """xʸ; small constant exponents are multiplied out: np.power takes 18 times as long (2M)."""
    if y.__class__ is float or y.__class__ is int:
        if y == 2:
            return np.square(x)
        if y == 3:
            return x * x * x
        if y == 0.5:
            return np.sqrt(x)
        if y == 1:
            return x.copy()
    if isinstance(y, np.ndarray) and y.dtype.kind == "i" and np.less(y, 0).any():
        return _negative_power(x, y)
    return np.power(x, y)


def _negative_power(x: Any, y: Any) -> Any:
    """Integers to integer powers of which some are negative: 1/xⁿ rounded towards zero."""
    power = np.power(x, np.abs(y))
    return np.where(np.less(y, 0) & (np.abs(x) != 1), 0, power).astype(power.dtype, copy=False)


def _refusing_zero(name: str, kernel: Kernel) -> Kernel:
    """A division that refuses integers by zero, for which there is neither inf nor nan."""

    def divide(x: Any, y: Any) -> Any:
        if np.result_type(x, y).kind in "iu" and not np.all(y) and np.size(x):
            raise RuntimeError(
                f"{name}: integers cannot be divided by 0; convert first, x.float(), to get inf "
                "or nan, or mask the zeros"
            )
        return kernel(x, y)

    return divide


def _trunc_divide(x: Any, y: Any) -> Any:
    """x / y rounded towards zero; integers stay integers."""
    if np.result_type(x, y).kind == "f":
        return np.trunc(np.true_divide(x, y))
    quotient = np.floor_divide(x, y)
    return quotient + ((quotient < 0) & (quotient * y != x)).astype(quotient.dtype)


def _power_forward(x: Any, y: Any) -> Any:
    if y.__class__ is int and isinstance(x, np.ndarray) and (y >= 0 or x.dtype.kind == "f"):
        with np.errstate(all="ignore"):
            return _power(x, y if x.dtype.kind != "b" else np.int64(y))
    return _promoted_power(x, y)


_promoted_power = promoting(_power, quiet=True, refuses=_only_bools)

add = binary("add", np.add)
sub = binary("sub", np.subtract, refuses=_any_bool)
mul = binary("mul", np.multiply)
div = binary("div", np.true_divide, floating=True, quiet=True)
floor_divide = divides("floor_divide", np.floor_divide)
trunc_divide = divides("trunc_divide", _trunc_divide)
remainder = divides("remainder", np.remainder)
power = Op("pow", _power_forward, broadcasts=True, hint=_binary_hint)
maximum = binary("maximum", np.maximum)
minimum = binary("minimum", np.minimum)
atan2 = binary("atan2", np.arctan2, floating=True)

eq = binary("eq", np.equal)
ne = binary("ne", np.not_equal)
lt = binary("lt", np.less)
le = binary("le", np.less_equal)
gt = binary("gt", np.greater)
ge = binary("ge", np.greater_equal)

bitwise_and = binary("bitwise_and", np.bitwise_and)
bitwise_or = binary("bitwise_or", np.bitwise_or)
bitwise_xor = binary("bitwise_xor", np.bitwise_xor)
left_shift = binary("left_shift", np.left_shift, refuses=_only_bools)
right_shift = binary("right_shift", np.right_shift, refuses=_only_bools)
bitwise_not = Op("bitwise_not", np.invert)
logical_not = Op("logical_not", np.logical_not)


def _number(x: Array) -> Array:
    """x unless it is bool, of which NumPy would make float16."""
    if x.dtype.kind == "b":
        raise TypeError("expected numbers, got bools; convert first: x.float()")
    return x


neg = Op("neg", np.negative, direct=np.negative)
absolute = Op("abs", np.abs)
sign = Op("sign", lambda x: (x > 0).astype(x.dtype) - (x < 0) if x.dtype.kind != "b" else x.copy())
round_ = Op("round", lambda x, decimals=0: np.round(_number(x), decimals))
floor = Op("floor", lambda x: np.floor(_number(x)))
ceil = Op("ceil", lambda x: np.ceil(_number(x)))

exp = Op("exp", floating(np.exp, quiet=True))
expm1 = Op("expm1", floating(np.expm1, quiet=True))
log = Op("log", floating(np.log, quiet=True))
log2 = Op("log2", floating(np.log2, quiet=True))
log10 = Op("log10", floating(np.log10, quiet=True))
log1p = Op("log1p", floating(np.log1p, quiet=True))
sqrt = Op("sqrt", floating(np.sqrt, quiet=True))
rsqrt = Op("rsqrt", floating(lambda x: 1.0 / np.sqrt(x), quiet=True))
reciprocal = Op("reciprocal", floating(lambda x: 1.0 / x, quiet=True))
square = Op("square", lambda x: np.square(x) if x.dtype.kind != "b" else x.astype(int64))

sin = Op("sin", floating(np.sin, quiet=True))
cos = Op("cos", floating(np.cos, quiet=True))
tan = Op("tan", floating(np.tan, quiet=True))
asin = Op("asin", floating(np.arcsin, quiet=True))
acos = Op("acos", floating(np.arccos, quiet=True))
atan = Op("atan", floating(np.arctan))
sinh = Op("sinh", floating(np.sinh, quiet=True))
cosh = Op("cosh", floating(np.cosh, quiet=True))
tanh = Op("tanh", floating(np.tanh), direct=np.tanh)


def sigmoid_forward(x: Array) -> Array:
    """σ(x) = 1 / (1 + e⁻ˣ), computed as (1 + tanh(x/2)) / 2, which never overflows."""
    y: Array = np.tanh(x * 0.5)
    y += 1.0
    y *= 0.5
    return y


sigmoid = Op("sigmoid", floating(lambda x: sigmoid_forward(np.atleast_1d(x)).reshape(x.shape)))
erf = Op("erf", floating(_erf))


def relu_forward(x: Array) -> Array:
    """max(x, 0); a NaN stays NaN."""
    result: Array = np.maximum(x, x.dtype.type(0))
    return result


relu = Op("relu", relu_forward)


def clamp_forward(x: Array, min: Any = None, max: Any = None) -> Array:
    """min(max(x, min), max) with either bound absent."""
    dtype = promote(x, *(b for b in (min, max) if b is not None))[0].dtype
    y = x.astype(dtype, copy=False)
    if min is not None:
        y = np.maximum(y, _bound(min, dtype))
    if max is not None:
        y = np.minimum(y, _bound(max, dtype))
    return y


def _bound(value: Any, dtype: Any) -> Any:
    """A bound as a number of the dtype: of integers, the nearest there is."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        value = max(min(value, limits.max), limits.min)
    return dtype.type(value)


clamp = Op("clamp", clamp_forward)


def where_forward(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, y elsewhere, after promotion."""
    if not _is_bool(condition):
        raise TypeError
    dtype = result_type(x, y)
    x, y = promote(x, y)
    return np.where(condition, x, y).astype(dtype, copy=False)  # of two Python scalars, too


def _where_hint(condition: Any, x: Any, y: Any) -> str:
    if not _is_bool(condition):
        kind = getattr(condition, "dtype", type(condition).__name__)
        return f"Expected a bool condition, got {kind}; compare first: x != 0."
    for value in (x, y):
        if not isinstance(value, _OPERANDS):
            return f"Expected Tensors or numbers, got {type(value).__name__}."
    return _broadcast_hint(condition, x, y)


where = Op("where", where_forward, broadcasts=True, hint=_where_hint)

isnan = Op("isnan", np.isnan)
isinf = Op("isinf", np.isinf)
isfinite = Op("isfinite", np.isfinite)


def cast_forward(x: Array, dtype: Any) -> Array:
    """A copy of ``x`` with another dtype."""
    with np.errstate(all="ignore"):
        return x.astype(dtype)


cast = Op("to", cast_forward)
clone = Op("clone", lambda x: x.copy())

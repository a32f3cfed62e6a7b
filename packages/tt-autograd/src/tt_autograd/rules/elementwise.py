"""Gradients of the elementwise operations: each is the chain rule, g · dy/dx.

Broadcasting is not thought of here: the engine sums a gradient back to its input's shape.
"""

from __future__ import annotations

import math

from tt_tensor import ops

from ..rule import Array, Meta, same, vjp
from .either import cos, cosh, exp, log, power, sign, sin, sinh, where


def negated(g: Array, *_: None) -> Array:
    """dy/dx = -1."""
    return -g


def mul_x(g: Array, _: None, __: None, y: Array) -> Array:
    """d(xy)/dx = y."""
    return g * y


def mul_y(g: Array, _: None, x: Array, __: None) -> Array:
    """d(xy)/dy = x."""
    return g * x


def div_x(g: Array, _: None, __: None, y: Array) -> Array:
    """d(x/y)/dx = 1/y."""
    return g / y


def div_y(g: Array, out: Array, _: None, y: Array) -> Array:
    """d(x/y)/dy = -x/y² = -(x/y)/y."""
    return -g * (out / y)


def remainder_y(g: Array, _: None, x: Array, y: Array) -> Array:
    """x mod y = x - y⌊x/y⌋, and the floor is constant: d/dy = -⌊x/y⌋."""
    return -g * (x // y)


def pow_x(g: Array, _: None, x: Array, y: Array) -> Array:
    """d(xʸ)/dx = y xʸ⁻¹, and 0 where y = 0."""
    if isinstance(y, (int, float)):
        if y == 2:
            return g * (x * 2)
        return g * (power(x, y - 1) * y) if y else g * 0
    return where(y == 0, 0.0, g * y * power(x, y - 1))


def pow_y(g: Array, out: Array, x: Array, y: Array) -> Array:
    """d(xʸ)/dy = xʸ log x, and 0 where x = 0 and y is not negative."""
    if isinstance(x, (int, float)) and x:
        return g * (out * math.log(x))
    flat = (x == 0) & (y >= 0)
    return where(flat, 0.0, g * out * log(where(flat, 1.0, x)))


def maximum_x(g: Array, _: None, x: Array, y: Array) -> Array:
    """1 where x is not smaller, half where they are equal."""
    return g * _share(x < y, x == y, g)


def maximum_y(g: Array, _: None, x: Array, y: Array) -> Array:
    """1 where y is not smaller, half where they are equal."""
    return g * _share(x > y, x == y, g)


def minimum_x(g: Array, _: None, x: Array, y: Array) -> Array:
    """1 where x is not larger, half where they are equal."""
    return g * _share(x > y, x == y, g)


def minimum_y(g: Array, _: None, x: Array, y: Array) -> Array:
    """1 where y is not larger, half where they are equal."""
    return g * _share(x < y, x == y, g)


def _share(loses: Array, ties: Array, g: Array) -> Array:
    """1, 0 where it loses, ½ at ties; nan loses to nothing."""
    return 1 - loses.astype(g.dtype) - ties.astype(g.dtype) * 0.5


def atan2_x(g: Array, _: None, x: Array, y: Array) -> Array:
    """d atan2(x, y)/dx = y / (x² + y²)."""
    return g * (y / (x * x + y * y))


def atan2_y(g: Array, _: None, x: Array, y: Array) -> Array:
    """d atan2(x, y)/dy = -x / (x² + y²)."""
    return g * (-x / (x * x + y * y))


def nothing(g: Array, *_: None, **__: None) -> Array:
    """Piecewise constant: dy/dx = 0."""
    return g * 0


def abs_vjp(g: Array, _: None, x: Array) -> Array:
    """d|x|/dx = sign(x), 0 at 0."""
    return g * sign(x)


def exp_vjp(g: Array, out: Array, _: None) -> Array:
    """d eˣ/dx = eˣ."""
    return g * out


def expm1_vjp(g: Array, out: Array, _: None) -> Array:
    """d(eˣ - 1)/dx = eˣ."""
    return g * (out + 1)


def log_vjp(g: Array, _: None, x: Array) -> Array:
    """d log x/dx = 1/x."""
    return g / x


def log2_vjp(g: Array, _: None, x: Array) -> Array:
    """d log₂ x/dx = 1/(x ln 2)."""
    return g / (x * math.log(2))


def log10_vjp(g: Array, _: None, x: Array) -> Array:
    """d log₁₀ x/dx = 1/(x ln 10)."""
    return g / (x * math.log(10))


def log1p_vjp(g: Array, _: None, x: Array) -> Array:
    """d log(1 + x)/dx = 1/(1 + x)."""
    return g / (x + 1)


def sqrt_vjp(g: Array, out: Array, _: None) -> Array:
    """d√x/dx = 1/(2√x)."""
    return g / (out * 2)


def rsqrt_vjp(g: Array, out: Array, _: None) -> Array:
    """d x^(-1/2)/dx = -x^(-3/2)/2."""
    return g * (out * out * out * -0.5)


def reciprocal_vjp(g: Array, out: Array, _: None) -> Array:
    """d(1/x)/dx = -1/x²."""
    return -g * (out * out)


def square_vjp(g: Array, _: None, x: Array) -> Array:
    """d x²/dx = 2x."""
    return g * (x * 2)


def sin_vjp(g: Array, _: None, x: Array) -> Array:
    """d sin x/dx = cos x."""
    return g * cos(x)


def cos_vjp(g: Array, _: None, x: Array) -> Array:
    """d cos x/dx = -sin x."""
    return -g * sin(x)


def tan_vjp(g: Array, out: Array, _: None) -> Array:
    """d tan x/dx = 1 + tan²x."""
    return g * (out * out + 1)


def asin_vjp(g: Array, _: None, x: Array) -> Array:
    """d asin x/dx = 1/√(1 - x²)."""
    return g / (1 - x * x) ** 0.5


def acos_vjp(g: Array, _: None, x: Array) -> Array:
    """d acos x/dx = -1/√(1 - x²)."""
    return -g / (1 - x * x) ** 0.5


def atan_vjp(g: Array, _: None, x: Array) -> Array:
    """d atan x/dx = 1/(1 + x²)."""
    return g / (x * x + 1)


def sinh_vjp(g: Array, _: None, x: Array) -> Array:
    """d sinh x/dx = cosh x."""
    return g * cosh(x)


def cosh_vjp(g: Array, _: None, x: Array) -> Array:
    """d cosh x/dx = sinh x."""
    return g * sinh(x)


def tanh_vjp(g: Array, out: Array, _: None) -> Array:
    """d tanh x/dx = 1 - tanh²x."""
    return g - g * (out * out)  # 0.6 µs less than with a Python number in it


def sigmoid_vjp(g: Array, out: Array, _: None) -> Array:
    """dσ/dx = σ(1 - σ)."""
    return g * (out * (1 - out))


def relu_vjp(g: Array, out: Array, _: None) -> Array:
    """1 where x > 0, else 0."""
    return g * (out > 0)


def erf_vjp(g: Array, _: None, x: Array) -> Array:
    """d erf(x)/dx = 2/√π e^(-x²)."""
    return g * (exp(-x * x) * (2 / math.sqrt(math.pi)))


def clamp_vjp(
    g: Array, _: None, x: Array, min: float | None = None, max: float | None = None
) -> Array:
    """1 within the bounds and at them, 0 beyond."""
    inside = x >= min if min is not None else x <= max
    if min is not None and max is not None:
        inside = inside & (x <= max)
    return g * inside


def where_x(g: Array, _: None, condition: Array, *__: None) -> Array:
    """1 where the condition holds."""
    return where(condition, g, 0.0)


def where_y(g: Array, _: None, condition: Array, *__: None) -> Array:
    """1 where it does not."""
    return where(condition, 0.0, g)


def masked_fill_x(g: Array, _: None, __: None, ___: None, mask: Array) -> Array:
    """0 where filled."""
    return where(mask, 0.0, g)


def masked_fill_value(g: Array, _: None, __: None, ___: None, mask: Array) -> Array:
    """1 where filled; the engine sums it to the value's shape."""
    return where(mask, g, 0.0)


def cast_vjp(g: Array, _: None, x: Meta, dtype: None) -> Array:
    """The gradient takes the input's dtype."""
    return g.astype(x.dtype)


vjp(ops.add, same, same)
vjp(ops.sub, same, negated)
vjp(ops.mul, mul_x, mul_y)
vjp(ops.div, div_x, div_y)
vjp(ops.floor_divide, nothing, nothing)
vjp(ops.trunc_divide, nothing, nothing)
vjp(ops.remainder, same, remainder_y)
vjp(ops.power, pow_x, pow_y)
vjp(ops.maximum, maximum_x, maximum_y)
vjp(ops.minimum, minimum_x, minimum_y)
vjp(ops.atan2, atan2_x, atan2_y)
vjp(ops.neg, negated)
vjp(ops.absolute, abs_vjp)
vjp(ops.sign, nothing)
vjp(ops.round_, nothing)
vjp(ops.floor, nothing)
vjp(ops.ceil, nothing)
vjp(ops.exp, exp_vjp)
vjp(ops.expm1, expm1_vjp)
vjp(ops.log, log_vjp)
vjp(ops.log2, log2_vjp)
vjp(ops.log10, log10_vjp)
vjp(ops.log1p, log1p_vjp)
vjp(ops.sqrt, sqrt_vjp)
vjp(ops.rsqrt, rsqrt_vjp)
vjp(ops.reciprocal, reciprocal_vjp)
vjp(ops.square, square_vjp)
vjp(ops.sin, sin_vjp)
vjp(ops.cos, cos_vjp)
vjp(ops.tan, tan_vjp)
vjp(ops.asin, asin_vjp)
vjp(ops.acos, acos_vjp)
vjp(ops.atan, atan_vjp)
vjp(ops.sinh, sinh_vjp)
vjp(ops.cosh, cosh_vjp)
vjp(ops.tanh, tanh_vjp)
vjp(ops.sigmoid, sigmoid_vjp)
vjp(ops.relu, relu_vjp)
vjp(ops.erf, erf_vjp)
vjp(ops.clamp, clamp_vjp)
vjp(ops.where, None, where_x, where_y)
vjp(ops.masked_fill, masked_fill_x, masked_fill_value, None)
vjp(ops.cast, cast_vjp)
vjp(ops.clone, same)

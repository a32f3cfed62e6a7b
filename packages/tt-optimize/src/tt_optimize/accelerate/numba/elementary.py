"""eˣ, the logistic function and a row's largest number, in a form that a compiler vectorises.

A compiler turns a loop of additions and multiplications into instructions that work on 8 or 16
numbers at once, but not a loop that calls the C library's ``exp``. (Intel's SVML has such an exp;
numba uses it where it is installed, which pip does not do.) So eˣ is written out:

    eˣ = 2ⁿ · eʳ   with n = round(x / ln 2) and r = x - n ln 2, which lies in ±0.347.

eʳ is a polynomial, and multiplying by 2ⁿ is adding n to the exponent's bits. Its relative error is
below 2⁻²³ = 1.2e-7 (a test measures it against float64), that of one rounding being 6e-8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

__all__ = ["exp", "function", "kernel", "largest", "ordered", "sigmoid"]

# Compiled once and kept on disk (cache); other threads of Python run meanwhile (nogil); a division
# by 0 gives inf, as in NumPy: the branch that would raise instead keeps a loop from being
# vectorised (sigmoid 2.2 ns a number, without it 0.2).
_options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

function: Decorator = njit(**_options)
"""Compiles what kernels call, with every rounding where it is written: (n + M) - M, which rounds in
``exp``, must not be simplified to n."""

kernel: Decorator = njit(**_options, fastmath={"reassoc", "contract"})
"""Compiles a loop over arrays in which sums may be taken in another order and a · b + c rounded
once, without which no reduction is vectorised. inf and nan stay what they are."""

ordered: Decorator = njit(**_options, fastmath={"contract"})
"""Compiles a loop in which a · b + c may be rounded once, but sums are taken in the order in which
they are written: where what was there comes last, it is waited for last."""

_float = np.float32

_LOW, _HIGH = _float(-87.33), _float(88.72)  # beyond, 2ⁿ is no normal float32
_LOG2E = _float(1.4426950408889634)
_ROUNDER = _float(1.5 * 2**23)  # floats of this size have no fraction: adding it rounds
_LN2_HIGH = _float(0.693359375)  # ln 2 in two parts; n times the first is exact
_LN2_LOW = _float(-2.12194440e-4)
_23 = np.int32(23)
_1 = _float(1)
# eʳ = 1 + r + r² p(r); p was fitted to the least relative error of the whole on ±0.347
_P0, _P1, _P2 = _float(0.49999994), _float(0.1666652), _float(0.0416684)
_P3, _P4 = _float(0.0083687967), _float(0.00138144335)


@function
def exp(x: Any) -> Any:
    """eˣ of a float32; x is clipped to -87.33 to 88.72, nan stays nan."""
    x = _LOW if x < _LOW else x
    x = _HIGH if x > _HIGH else x
    shifted = x * _LOG2E + _ROUNDER
    n = shifted - _ROUNDER
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = _P3 + r * _P4
    p = _P2 + r * p
    p = _P1 + r * p
    p = _P0 + r * p
    p = _1 + (r + r * r * p)
    # the last bits of ``shifted`` are those of n; in int32 throughout, as int64 halves the speed
    power = np.int32(np.float32(shifted).view(np.int32) << _23)
    return np.int32(np.float32(p).view(np.int32) + power).view(np.float32)


@function
def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ) of a float32."""
    return _1 / (_1 + exp(-x))


@function
def largest(x: Any) -> Any:
    """The largest of a row of numbers, at least one.

    Eight are compared with eight at a time. A compiler does not change one comparison after another
    into that (with nan, the result might be another), and so 240 numbers take 0.04 µs, not 0.15.
    """
    a, b, c, d, e, f, g, h = x[0], x[0], x[0], x[0], x[0], x[0], x[0], x[0]
    whole = x.size // 8 * 8
    for t in range(0, whole, 8):
        a, b, c, d = max(a, x[t]), max(b, x[t + 1]), max(c, x[t + 2]), max(d, x[t + 3])
        e, f, g, h = max(e, x[t + 4]), max(f, x[t + 5]), max(g, x[t + 6]), max(h, x[t + 7])
    top = max(max(max(a, b), max(c, d)), max(max(e, f), max(g, h)))
    for t in range(whole, x.size):
        top = max(top, x[t])
    return top

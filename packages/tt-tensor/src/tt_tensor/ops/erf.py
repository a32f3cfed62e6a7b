"""The error function, which NumPy lacks: erf(x) = 2/√π ∫₀ˣ e^(-t²) dt.

erf is odd and saturates at ±1, so polynomials on short intervals suffice. The coefficients are
Chebyshev fits (computed once with 40 digits), highest power first, in a variable t that runs from
-1 to 1:

* float32: erf(x)/x on |x| < 4, error below 3e-7.
* float64: erf(x)/x on |x| < 2, and x·e^(x²)·(1 - erf(x)) in 1/x on 2 to 6, error below 5e-16.
"""

from __future__ import annotations

import numpy as np

from ..dtypes import Array, float64

_FLOAT32 = (
    0.000596425076,
    -0.00137281509,
    0.000616610706,
    -0.0010769421,
    0.00557736369,
    -0.010085907,
    0.0139081462,
    -0.0216625323,
    0.0332170011,
    -0.0460143214,
    0.0598559936,
    -0.0746875307,
    0.0902120427,
    -0.107713361,
    0.131675001,
    -0.176576172,
    0.353530996,
)
_SMALL = (
    1.7218973582855107e-11,
    -1.4817692852849454e-10,
    1.1331607171428763e-09,
    -8.6036274751568206e-09,
    6.1197359804303623e-08,
    -4.0452252972074371e-07,
    2.4758010581286371e-06,
    -1.3946266834092667e-05,
    7.180100878173158e-05,
    -0.00033514353559736722,
    0.0014050914235852877,
    -0.0052348758358290188,
    0.017128344571823155,
    -0.048662777449178594,
    0.11947913860985163,
    -0.26111186093124489,
    0.67493323603965505,
)
_LARGE = (
    2.9746182536948771e-10,
    1.8589321849409641e-09,
    -1.6146475594956746e-08,
    4.8812588803801632e-08,
    1.1447756097233247e-08,
    -1.0178022545187756e-06,
    5.9155650164010073e-06,
    -1.2430100085805296e-05,
    -7.9183677968240241e-05,
    0.00090592687886801833,
    -0.0032048013178547509,
    -0.023826556739102771,
    0.53700345354417756,
)


def erf(x: Array) -> Array:
    """erf(x) elementwise, in the dtype of x (float16 is computed in float32)."""
    if x.dtype == float64:
        return _erf_float64(x)
    flat = x.astype(np.float32, copy=False).reshape(-1)
    out = np.empty_like(flat)
    for start in range(0, flat.size, 8192):  # blocks stay in the cache: 3x faster at 2M elements
        part = np.clip(flat[start : start + 8192], np.float32(-4), np.float32(4))
        t = part * part * np.float32(1 / 8) - np.float32(1)
        np.multiply(_horner(_FLOAT32, t), part, out=out[start : start + 8192])
    return out.reshape(x.shape).astype(x.dtype, copy=False)


def _erf_float64(x: Array) -> Array:
    size = np.minimum(np.abs(x), 6.0)
    near = size < 2.0
    low = np.minimum(size, 2.0)
    small = low * _horner(_SMALL, low * low / 2 - 1)
    inverse = 1.0 / np.maximum(size, 2.0)
    tail = np.exp(-size * size) * inverse * _horner(_LARGE, 6 * inverse - 2)
    result: Array = np.copysign(np.where(near, small, 1.0 - tail), x)
    return result


def _horner(coefficients: tuple[float, ...], t: Array) -> Array:
    """The polynomial with these coefficients (highest power first) at t."""
    total: Array = t * t.dtype.type(coefficients[0])
    for c in coefficients[1:-1]:
        total += t.dtype.type(c)
        total *= t
    total += t.dtype.type(coefficients[-1])
    return total

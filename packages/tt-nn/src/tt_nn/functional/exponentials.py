"""eˣ and its sum along each row: what softmax, cross-entropy and attention are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["exp_rows"]

Array = Any

# Any, as NumPy's types do not know `keepdims` by position, which is faster
_peaks: Any = np.maximum.reduce


def exp_rows(x: Array, out: Array, sums: Array, ones: Array) -> Array | None:
    """Write e^(x - shift) into ``out`` and its sum along each row into ``sums``.

    Softmax is the same whatever the shift. Taking out each row's maximum, so that nothing
    overflows, costs two passes over memory of five. So eˣ is tried first, and only if a sum comes
    near overflow or underflow is it done again with the shift.

    ``out`` must be other memory than x; NumPy's warnings are the caller's to silence.

    Shape: x and out (N, C), sums (N,), ones (C,), which are 1 -> the shift (N, 1), or None

    >>> x, sums = np.array([[0.0, np.log(3.0)], [0.0, 0.0]]), np.empty(2)
    >>> out = np.empty_like(x)
    >>> exp_rows(x, out, sums, np.ones(2)), sums.round(6)
    (None, array([4., 2.]))
    >>> x[0] = 1000, 1000  # eˣ is inf
    >>> with np.errstate(over="ignore"):
    ...     exp_rows(x, out, sums, np.ones(2)).tolist(), sums.round(6)
    ([[1000.0], [0.0]], array([2., 2.]))
    """
    np.exp(x, out=out)
    np.matmul(out, ones, out=sums)  # BLAS adds up twice as fast as np.add.reduce
    low, high = safe_sums(x.dtype)
    if sums.min() > low and sums.max() < high:
        return None
    shift: Array = _peaks(x, -1, None, None, True)
    np.subtract(x, shift, out=out)
    np.exp(out, out=out)
    np.matmul(out, ones, out=sums)
    return shift


def safe_sums(dtype: Any) -> tuple[float, float]:
    """Between these, no digit of the exponentials that matter was lost: half the range of
    exponents to either side."""
    return _SAFE[dtype.char]


_SAFE = {
    kind: (float(np.finfo(kind).tiny) ** 0.5, float(np.finfo(kind).max) ** 0.5) for kind in "efd"
}

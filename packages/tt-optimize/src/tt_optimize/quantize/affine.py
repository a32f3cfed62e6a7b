"""A float as an integer: x ≈ (q - zero_point) · scale.

The scale is the distance of neighbouring values, the zero point the integer that stands for 0. Zero
is always exact: padding, ReLU's zeros and pruned weights must not turn into small errors.

- **Symmetric**: the zero point is 0 and the largest |x| becomes 127. Simple, and right for weights,
  which lie around 0. (-128 stays unused, so that -x is always as representable as x.)
- **Affine**: the smallest x becomes -128 and the largest 127. It does not waste half of the
  integers on values that never come, as symmetry does after a ReLU; the zero point is the price.

One scale may serve a whole tensor, or each row its own (per channel): a row of small weights then
is not rounded with the steps of the largest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_tensor import Tensor
from tt_tensor.dtypes import canonical
from tt_tensor.tensor import wrap

__all__ = [
    "dequantize_tensor",
    "quantize_tensor",
    "quantized_weight",
    "scale_and_zero_point",
    "symmetric_scale",
]


def _along(value: Any, ndim: int, axis: int | None) -> Any:
    """A scale or zero point, shaped to go along one axis of a tensor."""
    array = value.array if isinstance(value, Tensor) else np.asarray(value)
    if axis is None or array.ndim == 0:
        return array
    return array.reshape([-1 if d == axis % ndim else 1 for d in range(ndim)])


def quantize_tensor(
    x: Tensor, scale: Any, zero_point: Any = 0, dtype: Any = np.int8, axis: int | None = None
) -> Tensor:
    """q = clip(round(x / scale) + zero_point), to the range of an integer dtype.

    Args:
        scale: one number, or one for each slice along ``axis``.
        zero_point: likewise; 0 for a symmetric range.

    >>> from tt_tensor import tensor
    >>> quantize_tensor(tensor([-1.0, 0.26, 9.0]), scale=0.01).tolist()
    [-100, 26, 127]
    """
    target = canonical(dtype)
    if target.kind not in "iu" or target.itemsize > 4:
        raise TypeError(
            f"quantize_tensor: expected an integer dtype of at most 32 bits, got {target}"
        )
    step = _along(scale, x.ndim, axis)
    if not np.all(np.isfinite(step) & (step > 0)):
        raise ValueError("quantize_tensor: scales must be positive and finite")
    if not np.isfinite(x.array).all():
        raise ValueError("quantize_tensor: the values must be finite; got nan or inf")
    limits = np.iinfo(target)
    q = np.rint(x.array / step) + _along(zero_point, x.ndim, axis)
    if target.itemsize == 4:  # whose limits are no float32
        q = np.asarray(q, np.float64)
    return wrap(np.clip(q, limits.min, limits.max).astype(target))


def dequantize_tensor(
    q: Tensor, scale: Any, zero_point: Any = 0, axis: int | None = None
) -> Tensor:
    """x ≈ (q - zero_point) · scale, as float32."""
    shifted = q.array.astype(np.float32) - np.asarray(_along(zero_point, q.ndim, axis), np.float32)
    return wrap(shifted * np.asarray(_along(scale, q.ndim, axis), np.float32))


def scale_and_zero_point(low: Any, high: Any, symmetric: bool = False) -> tuple[Tensor, Tensor]:
    """The scale (float32) and zero point (int32) with which int8 covers values from low to high.

    The range is widened to hold 0. Affine: scale = (high - low) / 255, zero_point = -128 -
    round(low / scale). Symmetric: scale = max(-low, high) / 127, zero_point = 0. Where only 0
    comes, the scale is 1.

    Args:
        low: a number, or an array for several ranges; ``high`` likewise.

    Raises:
        ValueError: low > high, or one of them is nan or inf.

    >>> scale, zero_point = scale_and_zero_point(0.0, 2.55)
    >>> round(scale.item(), 6), zero_point.item()
    (0.01, -128)
    """
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if not (np.isfinite(low) & np.isfinite(high) & (low <= high)).all():
        raise ValueError(f"expected finite ranges with low <= high, got {low} to {high}")
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    scale = np.maximum(-low, high) / 127 if symmetric else (high - low) / 255
    # a scale that float32 rounds to 0 could not be divided by: such values count as 0
    scale = np.where(scale < np.finfo(np.float32).tiny, 1.0, scale).astype(np.float32)
    zero = np.zeros_like(low) if symmetric else np.clip(-128 - np.rint(low / scale), -128, 127)
    return wrap(np.asarray(scale)), wrap(np.asarray(zero, np.int32))


def symmetric_scale(x: Tensor, axis: int = 0) -> Tensor:
    """The scale that maps the largest |x| of each slice along ``axis`` to 127."""
    others = tuple(d for d in range(x.ndim) if d != axis % x.ndim)
    peak = np.abs(x.array).max(axis=others, initial=0.0)
    return scale_and_zero_point(-peak, peak, symmetric=True)[0]


def quantized_weight(
    weight: Tensor, per_channel: bool = True, symmetric: bool = True
) -> tuple[Tensor, Tensor, Tensor | None]:
    """A weight's integers, scale and zero point (None if symmetric); rows are channels.

    Shape: weight (out, ...) -> int8 (out, ...), scale (out,) or, for the tensor as a whole, ()
    """
    axes = tuple(range(1, weight.ndim)) if per_channel else None
    low, high = (edge(weight.array, axis=axes, initial=0.0) for edge in (np.min, np.max))
    scale, zero_point = scale_and_zero_point(low, high, symmetric)
    q = quantize_tensor(weight, scale, zero_point, axis=0)
    return q, scale, None if symmetric else zero_point

"""Dropping activations at random, so that no unit can rely on another."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_tensor import Tensor, zeros
from tt_tensor.random import numpy_generator
from tt_tensor.tensor import wrap

from .checks import floating

__all__ = ["dropout", "dropout2d"]


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element is zeroed with probability p and the rest divided by 1 - p.

    Unless training, x itself.

    Source: Srivastava et al. 2014.
    """
    return _dropped("dropout", input, input.shape, p, training, inplace)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Each channel of each image is zeroed with probability p and the rest divided by 1 - p.

    Neighbouring pixels say much the same, so dropping single ones would hide nothing.

    Shape: input (N, C, H, W) -> the same

    Source: Tompson et al. 2015.
    """
    if input.ndim != 4:
        raise ValueError(f"dropout2d: expected x of shape (N, C, H, W), got {input.shape}")
    return _dropped("dropout2d", input, (*input.shape[:2], 1, 1), p, training, inplace)


def _dropped(
    name: str, x: Tensor, shape: tuple[int, ...], p: float, training: bool, inplace: bool
) -> Tensor:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: the probability must lie in 0 to 1, got {p}")
    if not training or p == 0:
        return x
    floating(name, x)
    mask = zeros(dtype=x.dtype) if p == 1 else _mask(shape, x.dtype, p)
    return x.mul_(mask) if inplace else x * mask


def _mask(shape: tuple[int, ...], dtype: Any, p: float) -> Tensor:
    """0 with probability p and 1/(1 - p) otherwise."""
    kept = numpy_generator().random(shape, np.float32) >= np.float32(p)
    mask = kept.astype(dtype)
    mask *= dtype.type(1 / (1 - p))
    return wrap(mask)

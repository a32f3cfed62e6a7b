"""Comparing whole tensors."""

from __future__ import annotations

import numpy as np

from .tensor import Tensor, wrap


def equal(x: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are the same."""
    return bool(np.array_equal(x.array, other.array))


def allclose(
    x: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether |x - other| <= atol + rtol · |other| everywhere."""
    return bool(np.allclose(x.array, other.array, rtol, atol, equal_nan))


def isclose(
    x: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where |x - other| <= atol + rtol · |other|."""
    return wrap(np.isclose(x.array, other.array, rtol, atol, equal_nan))

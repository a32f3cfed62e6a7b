"""Comparing whole tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .tensor import Tensor


def equal(x: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are the same."""
    return bool(np.array_equal(x.array, other.array))


def allclose(
    x: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether |x - other| <= atol + rtol · |other| everywhere."""
    return bool(isclose(x, other, rtol, atol, equal_nan).array.all())


def isclose(
    x: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where |x - other| <= atol + rtol · |other|."""
    from .tensor import wrap

    if x.dtype != other.dtype:
        raise TypeError(
            f"isclose: expected two tensors of one dtype, got {x.dtype} and {other.dtype}; cast "
            "one: other.to(x.dtype)"
        )
    return wrap(np.isclose(x.array, other.array, rtol, atol, equal_nan))

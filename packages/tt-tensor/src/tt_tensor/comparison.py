"""Comparing whole tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .tensor import Tensor


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are the same."""
    return bool(np.array_equal(input.array, other.array))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether |x - other| <= atol + rtol · |other| everywhere."""
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where |x - other| <= atol + rtol · |other|."""
    from .tensor import wrap

    if input.dtype != other.dtype:
        raise TypeError(
            f"isclose: expected two tensors of one dtype, got {input.dtype} and {other.dtype}; "
            "cast one: other.to(x.dtype)"
        )
    return wrap(np.isclose(input.array, other.array, rtol, atol, equal_nan))

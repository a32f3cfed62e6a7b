"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import Array
from ..op import Op


def matmul_forward(x: Array, y: Array) -> Array:
    """x @ y: vectors, matrices, and stacks of matrices with broadcasting.

    Shape: (..., n, k) @ (..., k, m) -> (..., n, m); a 1-d operand counts as a row (left) or a
    column (right) whose extra dim is dropped from the result.
    """
    try:
        fits = x.dtype == y.dtype and x.dtype.kind != "b"
    except AttributeError:  # a Python number or list
        raise TypeError from None
    if not fits:
        raise TypeError
    if y.ndim == 2 and x.ndim > 2 and x.shape[-1] == y.shape[0] and x.size:
        # one large product instead of a loop of small ones: 3.1x at (16, 64, 128) @ (128, 128)
        flat = x.reshape(-1, x.shape[-1]) @ y
        return flat.reshape(*x.shape[:-1], y.shape[-1])
    result: Array = np.matmul(x, y)
    return result


def _matmul_hint(x: Any, y: Any) -> str:
    for value in (x, y):
        if not isinstance(value, np.ndarray):
            return f"Expected two Tensors, got {type(value).__name__}."
    if x.ndim == 0 or y.ndim == 0:
        return "Expected at least 1-d operands; use * to multiply by a number."
    if x.dtype != y.dtype:
        return f"Expected equal dtypes, got {x.dtype} and {y.dtype}: cast one, e.g. y.to(x.dtype)."
    if x.dtype.kind == "b":
        return "Expected numbers, got bools: convert first, e.g. x.long() @ y.long()."
    inner = y.shape[-2] if y.ndim > 1 else y.shape[0]
    if x.shape[-1] != inner:
        help_ = "."
        if y.ndim > 1 and x.shape[-1] == y.shape[-1]:
            help_ = ". Did you mean y.mT (y transposed)?"
        return (
            f"Expected x.shape[-1] == y.shape[{-2 if y.ndim > 1 else 0}], got {x.shape[-1]} and "
            f"{inner}{help_}"
        )
    return f"The batch dims {x.shape[:-2]} and {y.shape[:-2]} cannot be broadcast together."


matmul = Op("matmul", matmul_forward, hint=_matmul_hint)


def einsum_forward(*arrays: Array, equation: str) -> Array:
    """Einstein summation: letters that the output lacks are summed over."""
    if any(a.dtype != arrays[0].dtype for a in arrays):
        raise TypeError
    result: Array = np.einsum(equation, *arrays, optimize=len(arrays) > 1)
    return np.asarray(result, order="C")


einsum = Op(
    "einsum",
    einsum_forward,
    hint=lambda *arrays, equation: (
        f"Expected operands of one dtype that fit {equation!r}: one letter per dim of each "
        "operand, and one size per letter."
    ),
)

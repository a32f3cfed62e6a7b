"""Products of 8-bit integers, added up exactly in 32 bits.

Hardware that multiplies int8 adds the products up in int32: 127 · 127 does not fit into 8 bits, nor
into 16 once a few are added. NumPy can do the same with its integer loops, which use no BLAS and
take some fifty times as long as floats. So the integers are handed to BLAS as float32, and nothing
is lost: a float32 holds every integer up to 2²⁴ exactly, and 1024 products of at most 128 · 128
stay within it, in whatever order they are added. Longer sums are cut into such pieces, and the
pieces are added as integers.

This is honest integer arithmetic, bit for bit what an int8 unit computes, at the speed of floats
and not above it: the gain of int8 hardware is not to be had in NumPy (``benchmarks/int8.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tt_nn import functional as F
from tt_tensor import Tensor
from tt_tensor.tensor import wrap

__all__ = ["EXACT", "int8_conv2d", "int8_matmul"]

EXACT = 2**24 // (128 * 128)  # so many products of two int8 add up exactly in float32: 1024
_LONGEST = (2**31 - 1) // (128 * 128)  # and so many in int32


def _checked(name: str, terms: int, *operands: Tensor) -> None:
    kinds = [operand.dtype for operand in operands]
    if any(kind != np.int8 for kind in kinds):
        raise TypeError(
            f"{name}: expected int8 and int8, got {' and '.join(map(str, kinds))}. "
            "quantize_tensor(x, scale) makes integers of floats"
        )
    if terms > _LONGEST:
        raise ValueError(
            f"{name}: a sum of {terms} products might not fit into int32, which surely holds "
            f"{_LONGEST}; cut the operands into pieces"
        )


def int8_matmul(a: Tensor, b: Tensor) -> Tensor:
    """a @ b of int8 tensors, as int32: every digit is right.

    Shape: (..., M, K) @ (K, N) or (..., K, N) -> (..., M, N)

    Raises:
        TypeError: an operand is not int8.
        ValueError: the shapes do not fit, or K is above 131,071, where sums could overflow.

    >>> from tt_tensor import int8, tensor
    >>> a = tensor([[100, -128]], dtype=int8)
    >>> int8_matmul(a, tensor([[100], [-128]], dtype=int8))
    tensor([[26384]], dtype=int32)
    """
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError(
            f"int8_matmul: expected (..., M, K) @ (..., K, N), got {a.shape} and {b.shape}"
        )
    K = a.shape[-1]
    _checked("int8_matmul", K, a, b)
    total = _product(a.array[..., :EXACT], b.array[..., :EXACT, :])
    for start in range(EXACT, K, EXACT):
        piece = slice(start, start + EXACT)
        total += _product(a.array[..., piece], b.array[..., piece, :])
    return wrap(total)


def _product(a: Any, b: Any) -> Any:
    """The product of integers by way of floats, which hold them exactly."""
    return (wrap(a.astype(np.float32)) @ wrap(b.astype(np.float32))).array.astype(np.int32)


def int8_conv2d(
    x: Tensor,
    weight: Tensor,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """``functional.conv2d`` of int8 images and kernels, without padding, as int32.

    Shape: x (N, C, H, W), weight (O, C/groups, kh, kw) -> (N, O, H', W')

    Raises:
        TypeError: an operand is not int8.
        ValueError: the shapes do not fit, or sums could overflow.
    """
    _, channels, *kernel = weight.shape
    _checked("int8_conv2d", channels * math.prod(kernel), x, weight)
    # as many channels at a time as add up exactly; kernels are small enough that it is some
    together = max(1, EXACT // math.prod(kernel))
    if math.prod(kernel) > EXACT:
        raise ValueError(f"int8_conv2d: a kernel of {kernel} has more than {EXACT} places")
    images = x.array.reshape(len(x.array), groups, -1, *x.shape[2:])
    total: Any = 0
    for start in range(0, channels, together):
        part = images[:, :, start : start + together].astype(np.float32)
        part = part.reshape(len(part), -1, *x.shape[2:])
        kernels = weight.array[:, start : start + together].astype(np.float32)
        out = F.conv2d(wrap(part), wrap(kernels), None, stride, 0, dilation, groups)
        total = total + out.array.astype(np.int32)
    return wrap(total)

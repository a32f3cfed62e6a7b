"""What layers with stored integers share: floats made of them block by block, paddings, checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tt_nn import functional as F
from tt_tensor import Tensor, arange, cat
from tt_tensor.tensor import wrap

__all__ = ["checked_ids", "linear_in_blocks", "no_gradient", "padding_sides", "peaks"]

Array = Any

# Numbers made floats at a time. The integers are read once, and the floats are used while they are
# in the cache: one row times 4096 × 1024 int8 weights took 0.63 ms so, 1.0 ms with all weights made
# floats at once, and 1.1 ms in blocks of a sixteenth (AVX2, one thread)
_BLOCK = 2**18


def linear_in_blocks(
    x: Tensor, rows: Callable[[slice, Array | None], Array], out_features: int, in_features: int
) -> Tensor:
    """x weightᵀ, for a weight whose rows are made floats just before they are used.

    Args:
        rows: called with a slice and memory for the floats of that many rows, or None.

    Shape: x (..., in_features) -> (..., out_features)
    """
    step = min(out_features, max(1, _BLOCK // max(1, in_features)))
    # a gradient will read the floats again, so that each block then needs memory of its own
    memory = None if x.requires_grad else np.empty((step, in_features), np.float32)
    blocks = []
    for start in range(0, out_features, step):
        block = slice(start, min(start + step, out_features))
        floats = rows(block, None if memory is None else memory[: block.stop - start])
        blocks.append(F.linear(x, wrap(floats.astype(x.dtype, copy=False))))
    return blocks[0] if len(blocks) == 1 else cat(blocks, -1)


def padding_sides(
    padding: str | tuple[int, ...], kernel: tuple[int, ...], dilation: tuple[int, ...]
) -> list[tuple[int, int]]:
    """How many pixels a convolution's padding adds before and after, along each dim."""
    if padding == "valid":
        return [(0, 0) for _ in kernel]
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return [(int(p), int(p)) for p in padding]


def checked_ids(x: Tensor | int, rows: int) -> Array:
    """The indices as an array; a length T stands for 0 to T - 1, as for positions."""
    ids = arange(x).array if isinstance(x, int) else x.array
    if ids.dtype.kind not in "iu":
        raise TypeError(f"embedding: expected indices of an integer dtype, got {ids.dtype}")
    if ids.size and (ids.min() < 0 or ids.max() >= rows):
        raise IndexError(
            f"embedding: indices must lie in 0 to {rows - 1}, got {ids.min()} to {ids.max()}"
        )
    return ids


def no_gradient(name: str, x: Tensor) -> None:
    """Refuse an input that records: rounding has no gradient to hand on."""
    if x.requires_grad:
        raise RuntimeError(
            f"{name} rounds its input to integers, which has no gradient. Run it under no_grad(); "
            "to train, train the float model and quantize that"
        )


def peaks(x: Array, axes: Any) -> Array:
    """The largest |x| along some axes, which stay as dims of size 1."""
    high, low = x.max(axes, keepdims=True, initial=0.0), x.min(axes, keepdims=True, initial=0.0)
    return np.maximum(high, -low)

"""Working through large arrays in pieces that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["BLOCK", "blockwise", "row_blocks", "spans"]

Array = Any

# elements: a few float32 temporaries of this size fit a core's 1 MB second-level cache
BLOCK = 16384


def spans(size: int, block: int = BLOCK) -> Iterator[slice]:
    """Slices that cover 0 to size in steps of ``block``."""
    return (slice(start, start + block) for start in range(0, size, block))


def row_blocks(x: np.ndarray[Any, Any], block: int = BLOCK) -> Iterator[slice]:
    """Slices of whole rows of a matrix, about ``block`` elements each."""
    rows = max(1, block // max(1, x.shape[-1]))
    return spans(len(x), rows)


def blockwise(kernel: Callable[..., Any], *arrays: Array) -> Array:
    """``kernel(*pieces, out)`` over flat pieces of equally shaped arrays, into a new array."""
    if arrays[0].ndim and arrays[0].size <= BLOCK:
        out = np.empty(arrays[0].shape, arrays[0].dtype)
        kernel(*arrays, out)
        return out
    flat = [np.ascontiguousarray(a).reshape(-1) for a in arrays]
    out = np.empty_like(flat[0])
    for span in spans(out.size):
        kernel(*(a[span] for a in flat), out[span])
    return out.reshape(arrays[0].shape)

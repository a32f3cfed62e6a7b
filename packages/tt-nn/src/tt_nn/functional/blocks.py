"""Working through large arrays in pieces that stay in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["BLOCK", "row_blocks", "spans"]

BLOCK = 16384  # elements: a few float32 temporaries of this size fit a core's 1 MB second-level cache


def spans(size: int, block: int = BLOCK) -> Iterator[slice]:
    """Slices that cover 0 to size in steps of ``block``."""
    return (slice(start, start + block) for start in range(0, size, block))


def row_blocks(x: np.ndarray[Any, Any], block: int = BLOCK) -> Iterator[slice]:
    """Slices of whole rows of a matrix, about ``block`` elements each."""
    rows = max(1, block // max(1, x.shape[-1]))
    return spans(len(x), rows)

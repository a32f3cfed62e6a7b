"""Long arrays in pieces that stay in the cache while several operations pass over them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["BLOCK_BYTES", "Array", "blocks"]

Array = np.ndarray[Any, np.dtype[Any]]

# Adam on 4M float32 parameters: 10.1 ms at 16 KiB, 7.6 at 32, 6.1 at 64, 5.5 at 128, 5.5 at 256
BLOCK_BYTES = 128 * 1024


def blocks(*arrays: Array, work: int = 0) -> Iterator[list[Array]]:
    """Matching pieces of arrays of one shape, each a view of at most ``BLOCK_BYTES``.

    Short arrays come whole, and so do all if one is not contiguous.

    Args:
        work: how many arrays for intermediate results to add to each piece; their memory is the
            same for every piece.

    >>> x, y = np.full((300, 300), 2.0), np.full((300, 300), 3.0)
    >>> for a, b, t in blocks(x, y, work=1):
    ...     _ = np.multiply(b, 2, out=t)
    ...     _ = np.add(a, t, out=a)
    >>> bool((x == 8).all())
    True
    """
    first = arrays[0]
    if first.nbytes <= BLOCK_BYTES or not all(a.flags.c_contiguous for a in arrays):
        yield [*arrays, *[np.empty(first.shape, first.dtype) for _ in range(work)]]
        return
    flat = [a.reshape(-1) for a in arrays]
    length = BLOCK_BYTES // first.itemsize
    scratch = [np.empty(length, first.dtype) for _ in range(work)]
    for start in range(0, first.size, length):
        pieces = [a[start : start + length] for a in flat]
        yield pieces + [t[: pieces[0].size] for t in scratch]

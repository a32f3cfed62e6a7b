"""The ledger: when was which memory last written in place?

One counter numbers both the operations as they are recorded and the in-place writes. A gradient
rule that reads an array saved at time ``t`` may trust it if its memory was not written after ``t``.
This costs nothing when nobody writes in place, which is why there is no version number in each
Tensor.
"""

from __future__ import annotations

import itertools
import weakref
from typing import Any

import numpy as np

__all__ = ["last_write", "newest", "owner", "tick", "written"]

_count = itertools.count(1)
tick = _count.__next__  # the next number of the one counter

_writes: dict[int, tuple[weakref.ref[Any], int]] = {}  # id of the owner -> (owner, time of write)


class _Newest:
    """The time of the newest in-place write anywhere: one comparison rules out most checks."""

    __slots__ = ("write",)

    def __init__(self) -> None:
        self.write = 0


newest = _Newest()


def owner(array: np.ndarray[Any, Any]) -> Any:
    """The object that owns an array's memory; all views of one memory have one owner."""
    base = array
    while isinstance(base.base, np.ndarray):
        base = base.base
    return base


def written(array: np.ndarray[Any, Any]) -> None:
    """Note that the memory behind ``array`` has just been changed in place."""
    home = owner(array)
    key = id(home)
    newest.write = now = tick()
    known = _writes.get(key)
    if known is not None and known[0]() is home:
        _writes[key] = (known[0], now)
    else:
        _writes[key] = (weakref.ref(home, lambda _: _writes.pop(key, None)), now)


def last_write(array: np.ndarray[Any, Any]) -> int:
    """The time at which the memory behind ``array`` was last written in place; 0 if never."""
    found = _writes.get(id(owner(array)))
    return found[1] if found else 0

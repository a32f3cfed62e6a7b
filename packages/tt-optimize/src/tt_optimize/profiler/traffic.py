"""How many bytes each call must move at least: every input read once, every result written once.

That is the compulsory traffic, computed from the shapes. What really moves may be more, if a kernel
goes over its data several times, and less comes from memory if they lie in a cache already.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_tensor import Tensor
from tt_tensor.ledger import owner

__all__ = ["array_of", "backward_bytes", "forward_bytes", "own_bytes"]

_PICK = frozenset(("embedding", "gather", "getitem", "index_select"))  # read what they return


def array_of(value: Any) -> Any:
    """The array of a Tensor, or the value as it is."""
    return value.array if isinstance(value, Tensor) else value


def _nbytes(value: Any) -> int:
    """The bytes of an array, what is only repeated (stride 0) counted once; 0 of anything else."""
    if value.__class__ is not np.ndarray:
        return 0
    if 0 in value.strides:
        size = value.itemsize
        for n, stride in zip(value.shape, value.strides, strict=True):
            size *= n if stride or not n else 1
        return int(size)
    return int(value.nbytes)


def own_bytes(op: Any, result: Any) -> int:
    """The bytes of a call's results, if they are in memory of their own."""
    if op.view:
        return 0
    results = result if result.__class__ is tuple else (result,)
    return sum(t.array.nbytes for t in results)


def forward_bytes(op: Any, inputs: tuple[Any, ...], written: int) -> int:
    """The bytes that a call reads and writes; none if its result is a view."""
    if op.view:
        return 0
    if op.name in _PICK:
        return 2 * written + sum(_nbytes(array_of(x)) for x in inputs[1:])
    return written + sum([_nbytes(array_of(x)) for x in inputs])


def backward_bytes(node: Any, g: Any, gradients: Any) -> tuple[int, int]:
    """The bytes of the gradients in memory of their own, and all that the rules read and write.

    They read what arrives, and what the recorded call kept for them; nothing if they only pass on.
    """
    arriving = [array_of(x) for x in (g.values() if isinstance(g, dict) else (g,))]
    known = {id(owner(a)) for a in arriving if isinstance(a, np.ndarray)}
    written = 0
    for gradient in gradients:
        if gradient is not None:
            array = np.asarray(array_of(gradient))
            if id(owner(array)) not in known:
                written += array.nbytes
    if not written:
        return 0, 0
    saved = node.out if isinstance(node.out, tuple) else (node.out,)
    return written, written + sum(map(_nbytes, (*arriving, *saved, *(node.inputs or ()))))

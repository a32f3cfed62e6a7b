"""4-bit integers, two in a byte, with a scale for every few weights.

4 bits tell 16 values apart. One scale for a whole row would leave most weights with three or four
of them; so each group of 32 or 64 neighbours along a row has a scale of its own, in float16. A
group of 32 takes 32 · 4 + 16 bits, 4.5 a weight: 0.14 of float32.

q lies between -7 and 7 (symmetric, like int8's ±127) and is stored as q + 8; the first of two
neighbours is in the lower half of the byte.

Source: group-wise 4-bit weights as in Dettmers and Zettlemoyer 2023; Frantar et al. 2023.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_tensor import Tensor
from tt_tensor.tensor import wrap

__all__ = ["pack_int4", "packed_weight", "unpack_int4", "unpacked_floats"]

Array = Any

# both numbers of each of the 256 bytes, as floats: looking them up took a third of the time of
# shifting and masking
_PAIRS = np.stack([np.arange(256) % 16 - 8, np.arange(256) // 16 - 8], 1).astype(np.float32)


def pack_int4(q: Tensor) -> Tensor:
    """Integers from -8 to 7, two in a byte; rows of odd length get a 0 at their end.

    Shape: (..., n) int8 -> (..., ⌈n/2⌉) uint8

    >>> from tt_tensor import int8, tensor
    >>> packed = pack_int4(tensor([[-8, 7, 3]], dtype=int8))
    >>> packed.tolist(), unpack_int4(packed, 3).tolist()
    ([[240, 139]], [[-8, 7, 3]])
    """
    array = q.array
    if array.dtype.kind not in "iu" or array.ndim == 0:
        raise TypeError(f"pack_int4: expected rows of integers, got {array.dtype} {array.shape}")
    if array.size and (array.min() < -8 or array.max() > 7):
        raise ValueError(f"pack_int4: 4 bits hold -8 to 7, got {array.min()} to {array.max()}")
    odd = [(0, 0)] * (array.ndim - 1) + [(0, array.shape[-1] % 2)]
    halves = (np.pad(array.astype(np.int8), odd) + 8).astype(np.uint8)
    return wrap(halves[..., 0::2] | halves[..., 1::2] << 4)


def unpack_int4(packed: Tensor, length: int) -> Tensor:
    """The integers of ``pack_int4``, rows of ``length``, as int8."""
    pairs = _PAIRS[packed.array].astype(np.int8)
    return wrap(pairs.reshape(*packed.shape[:-1], -1)[..., :length])


def packed_weight(weight: Tensor, group_size: int) -> tuple[Tensor, Tensor]:
    """The packed integers and the scales of a weight, whose rows are cut into groups.

    scale = max |w| / 7 of each group, rounded to float16; q = round(w / scale). Where group_size
    does not divide a row's length, its last group is shorter.

    Shape: weight (out, ...) with n numbers a row -> uint8 (out, ⌈n/2⌉), float16 (out, ⌈n/group⌉)
    """
    rows = weight.array.reshape(len(weight.array), -1)
    out, length = rows.shape
    groups = -(-length // group_size)
    padded: Array = np.zeros((out, groups * group_size), np.float32)
    padded[:, :length] = rows
    padded = padded.reshape(out, groups, group_size)
    peak = np.abs(padded).max(2)
    if peak.max(initial=0.0) / 7 > float(np.finfo(np.float16).max):
        raise ValueError(f"weights of {peak.max():g} need scales above what float16 holds")
    scale = (peak / 7).astype(np.float16)
    scale = np.where(scale > 0, scale, np.float16(1))  # a group of zeros, or as good as
    q = np.clip(np.rint(padded / scale[..., None].astype(np.float32)), -7, 7).astype(np.int8)
    return pack_int4(wrap(q.reshape(out, -1)[:, :length])), wrap(scale)


def unpacked_floats(packed: Array, scale: Array, length: int, group_size: int) -> Array:
    """q · scale as float32: rows of ``length`` numbers.

    Shape: uint8 (..., ⌈n/2⌉) and float16 (..., groups) -> (..., n)
    """
    floats = np.take(_PAIRS, packed, axis=0).reshape(*packed.shape[:-1], -1)[..., :length]
    steps = scale.astype(np.float32)
    if length % group_size:
        return floats * np.repeat(steps, group_size, -1)[..., :length]
    grouped = floats.reshape(*scale.shape, group_size)
    grouped *= steps[..., None]
    return grouped.reshape(*packed.shape[:-1], length)

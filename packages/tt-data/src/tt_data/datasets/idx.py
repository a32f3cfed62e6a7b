"""The IDX format, in which MNIST and its kind are published."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from ..transforms.image import Array

__all__ = ["parse_idx"]

UNSIGNED_BYTE = 8  # the only type of element that images and labels have


def parse_idx(content: bytes | bytearray, dims: int, name: str) -> Array:
    """The array in an IDX file: uint8, of so many dims.

    The file has two zero bytes, a byte for the type of the elements (8: unsigned bytes), a byte for
    the number of dims, each dim as four bytes, highest first, and then the elements, the last dim
    running fastest. The array shares the memory of `content`: nothing is allocated, whatever a
    header claims.

    Raises:
        ValueError: if it is another kind of file, or has another number of bytes than it claims.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]), 1, "labels").tolist()
    [5, 0, 4]
    """
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTE]):
        raise ValueError(
            f"{name}: expected an IDX file of bytes, which begins with 00 00 08; got "
            f"{len(content):,} bytes that begin with {bytes(content[:4]).hex(' ') or 'nothing'}"
        )
    if content[3] != dims:
        raise ValueError(
            f"{name}: expected {KINDS.get(dims, 'an array')} of {dims} dims, got {content[3]} "
            f"dims ({KINDS.get(content[3], 'neither images nor labels')}). Are files swapped?"
        )
    header = 4 + 4 * dims
    if len(content) < header:
        raise ValueError(
            f"{name}: expected a header of {header} bytes, got {len(content)} bytes in all. "
            "The file is cut off"
        )
    shape: tuple[Any, ...] = struct.unpack_from(f">{dims}I", content, 4)
    if 0 in shape:
        raise ValueError(f"{name}: expected something in it, got {' x '.join(map(str, shape))}")
    if len(content) - header != math.prod(shape):
        raise ValueError(
            f"{name}: its header claims {' x '.join(map(str, shape))} = {math.prod(shape):,} "
            f"bytes, but {len(content) - header:,} follow. The file is damaged"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


KINDS = {1: "labels", 3: "images"}

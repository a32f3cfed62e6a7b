"""What judge and entry say to each other: frames on a pipe, each a kind, a length, and content.

Values are texts, lists of texts, and arrays of numbers. Nothing is unpickled, and no size is
believed before it has been compared with what is there: the other side may be hostile.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any, BinaryIO, NamedTuple

import numpy as np

__all__ = [
    "ANSWER",
    "ERROR",
    "FOUL",
    "MOST_BYTES",
    "QUERY",
    "READY",
    "TICKET",
    "WEIGH",
    "WEIGHED",
    "Frame",
    "decode_value",
    "encode_value",
    "read_frame",
    "write_frame",
]

HEAD = struct.Struct("<cQ")  # kind, length of the content
TICKET = 8  # bytes before a question, drawn anew for each; its answer begins with the same ones
MOST_BYTES = 1 << 26  # 64 MB: no query and no answer is longer

QUERY, WEIGH = b"Q", b"W"  # from the judge
READY, ANSWER, ERROR, FOUL, WEIGHED = b"R", b"A", b"E", b"F", b"M"  # from the entry


class Frame(NamedTuple):
    """One message."""

    kind: bytes
    content: bytes


def write_frame(pipe: BinaryIO, kind: bytes, content: bytes = b"") -> None:
    """Send a message."""
    pipe.write(HEAD.pack(kind, len(content)) + content)
    pipe.flush()


def read_frame(pipe: BinaryIO) -> Frame | None:
    """Wait for a message; None if the other side has gone.

    Raises:
        ValueError: it announces more than ``MOST_BYTES``.
    """
    head = pipe.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    kind, length = HEAD.unpack(head)
    if length > MOST_BYTES:
        raise ValueError(f"a message of {length:,} bytes; at most {MOST_BYTES:,} are allowed")
    content = pipe.read(length)
    return Frame(kind, content) if len(content) == length else None


def encode_value(value: Any) -> bytes:
    """A text, a list of texts, or an array of numbers, as bytes.

    Raises:
        TypeError: it is none of these.

    >>> decode_value(encode_value("What is 3 + 4?"))
    'What is 3 + 4?'
    >>> decode_value(encode_value(np.arange(3, dtype=np.int8)))
    array([0, 1, 2], dtype=int8)
    """
    if isinstance(value, str):
        return b"s" + str.encode(value)
    if isinstance(value, list | tuple) and value and all(isinstance(text, str) for text in value):
        return b"l" + json.dumps([str.__str__(text) for text in value]).encode()
    array = np.ascontiguousarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"expected a text or an array of numbers, got {type(value).__name__}")
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    head = json.dumps([array.dtype.str, np.shape(value)]).encode()
    return b"a" + len(head).to_bytes(2, "little") + head + array.tobytes()


def decode_value(content: bytes) -> Any:
    """What ``encode_value`` wrote.

    Raises:
        ValueError: it did not write that.
    """
    if content[:1] == b"s":
        return content[1:].decode()
    if content[:1] == b"l":
        texts = json.loads(content[1:])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError("a list of texts holds something else")
        return texts
    end = 3 + int.from_bytes(content[1:3], "little")
    name, shape = json.loads(content[3:end])
    dtype = np.dtype(str(name))
    sizes = [int(size) for size in shape]
    expected = math.prod(sizes) * dtype.itemsize
    if dtype.kind not in "biuf" or min(sizes, default=0) < 0 or expected != len(content) - end:
        raise ValueError(
            f"an array of {dtype} {tuple(sizes)} needs {expected:,} bytes, there are "
            f"{len(content) - end:,}"
        )
    return np.frombuffer(content, dtype, offset=end).reshape(sizes)

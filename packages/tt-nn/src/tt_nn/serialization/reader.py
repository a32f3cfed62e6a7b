"""Reading safetensors: 8 bytes with the header's length, the header in JSON, the tensors' bytes.

Everything the header says is checked before any memory is reserved: the file may be truncated,
foreign, or made to deceive.
"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO, NamedTuple

import numpy as np

__all__ = ["read_safetensors"]

Array = np.ndarray[Any, np.dtype[Any]]

DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # widened to float32 after reading
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "u1",
}
LONGEST_HEADER = 100_000_000  # bytes; the limit of the reference implementation
HELP = "help: the file is damaged or was not completely written; use another copy"


class Entry(NamedTuple):
    """What the header says of one tensor; its bytes are begin to end of the data."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_safetensors(
    file: BinaryIO, size: int, name: str
) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays of an open file by name, in the header's order, and its metadata.

    Args:
        size: the file's length in bytes.
        name: the file's name, for error messages.

    Raises:
        ValueError: the file is not a whole safetensors file.
    """
    header, header_bytes = _header(file, size, name)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError(
            f"{name}: expected metadata that maps text to text; got {str(metadata)[:80]}. {HELP}"
        )
    entries = [_entry(key, value, name) for key, value in header.items()]
    _check_layout(entries, size - 8 - header_bytes, name)
    arrays = {}
    for entry in sorted(entries, key=lambda e: (e.begin, e.end)):
        arrays[entry.name] = _read_array(file, entry, name)
    return {entry.name: arrays[entry.name] for entry in entries}, metadata


def _header(file: BinaryIO, size: int, name: str) -> tuple[dict[str, Any], int]:
    """The header and its length."""
    start = file.read(8)
    if len(start) < 8:
        raise ValueError(f"{name}: expected at least 8 bytes, got {len(start)}. {HELP}")
    length = int.from_bytes(start, "little")
    if length > LONGEST_HEADER or length > size - 8:
        raise ValueError(
            f"{name}: expected a safetensors header that fits the file's {size} bytes; got one of "
            f"{length} bytes. {_foreign(start)}"
        )
    text = file.read(length)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        problem = str(error)[:200]
        raise ValueError(
            f"{name}: expected a header in JSON; got {problem}. {_foreign(start)}"
        ) from None
    if not isinstance(header, dict):
        raise ValueError(
            f"{name}: expected a JSON object as header; got {str(header)[:80]}. {HELP}"
        )
    return header, length


def _foreign(start: bytes) -> str:
    """What to do with a file that begins like this and is no safetensors file."""
    if start.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return (
            "help: it begins like a pickle or zip archive, which is never loaded, as that can run "
            "code; convert it to safetensors where it comes from"
        )
    return HELP + ", or is no safetensors file"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, refused if a name appears twice."""
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [key for key, _ in pairs]
        raise ValueError(f"{next(k for k in names if names.count(k) > 1)!r} twice")
    return result


def _entry(key: str, value: Any, name: str) -> Entry:
    """One tensor's entry, checked in itself."""
    try:
        dtype, shape, (begin, end) = value["dtype"], tuple(value["shape"]), value["data_offsets"]
        whole = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise ValueError(
            f"{name}: expected dtype, shape and two data_offsets of tensor {key!r}; got "
            f"{str(value)[:120]}. {HELP}"
        )
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(
            f"{name}: expected a dtype of tensor {key!r} among {', '.join(DTYPES)}; got "
            f"{str(dtype)[:40]}. "
            "help: convert it to one of these where it comes from"
        )
    expected = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    if end - begin != expected or len(shape) > 64:
        raise ValueError(
            f"{name}: expected {expected} bytes of tensor {key!r}, {dtype} of shape "
            f"{str(shape)[:120]}; got offsets {begin} to {end}. {HELP}"
        )
    return Entry(key, dtype, shape, begin, end)


def _check_layout(entries: list[Entry], size: int, name: str) -> None:
    """The tensors must fill the data without gaps, overlaps or remainder."""
    position = 0
    for entry in sorted(entries, key=lambda e: (e.begin, e.end)):
        if entry.begin != position:
            raise ValueError(
                f"{name}: expected tensor {entry.name!r} at byte {position} of the data, after "
                f"the one before; got offset {entry.begin}, an overlap or a gap. {HELP}"
            )
        position = entry.end
    if position != size:
        raise ValueError(f"{name}: expected {position} bytes of tensors; got {size}. {HELP}")


def _read_array(file: BinaryIO, entry: Entry, name: str) -> Array:
    """The next tensor of the file, in memory of its own."""
    flat = np.empty(entry.end - entry.begin, np.uint8)
    got, view = 0, memoryview(flat)  # type: ignore[arg-type]
    while got < flat.size and (count := file.readinto(view[got:])):  # type: ignore[attr-defined]
        got += count
    if got < flat.size:
        raise ValueError(
            f"{name}: expected {flat.size} bytes of tensor {entry.name!r}; got {got}. {HELP}"
        )
    array = flat.view(DTYPES[entry.dtype])
    if entry.dtype == "BOOL":
        array = array.astype(np.bool_)
    elif entry.dtype == "BF16":  # the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False).reshape(entry.shape)

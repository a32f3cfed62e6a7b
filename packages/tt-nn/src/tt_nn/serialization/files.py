"""``save`` and ``load``: paths and file objects, and files that are never half written."""

from __future__ import annotations

import io
import json
import os
import secrets
from pathlib import Path
from typing import Any, BinaryIO

import safetensors
import safetensors.numpy

from .reader import read_safetensors
from .structure import pack, unpack

__all__ = ["load", "save"]


def save(obj: Any, f: Any) -> None:
    """Write an object to a safetensors file, which any safetensors reader can read.

    The object may be a Tensor, or dicts, lists and tuples of Tensors, numbers, strings, bools and
    None, nested at will (they come back as plain dicts, lists and tuples). Tensors are stored as
    such, a flat dict of them (a ``state_dict``) under its own keys; all else as JSON in the file's
    metadata.

    Args:
        f: a path (of any suffix) or a file object opened in binary mode. At a path, the file that
            was there stays whole until the new one is completely written.

    Equal objects give equal bytes, so files can be compared, and hashed.

    Raises:
        TypeError: naming the place of a value that cannot be saved.
        OSError: the file cannot be written; the one that was there is untouched.

    >>> from tt_tensor import tensor
    >>> file = io.BytesIO()
    >>> save({"weight": tensor([1.0, 2.0]), "epoch": 3, "betas": (0.9, 0.999)}, file)
    >>> _ = file.seek(0)
    >>> load(file)
    {'weight': tensor([1., 2.]), 'epoch': 3, 'betas': (0.9, 0.999)}
    """
    arrays, metadata = pack(obj)
    if hasattr(f, "write"):
        if isinstance(f, io.TextIOBase):
            raise TypeError('save expects a file opened in binary mode, "wb"; got one for text')
        written = io.BytesIO(safetensors.numpy.save(arrays, metadata))
        _sort_metadata(written)
        f.write(written.getvalue())
        return
    path = Path(os.path.realpath(f))  # behind a link lies the file to replace
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(beside, "xb"):
            mode = beside.stat().st_mode  # what new files are allowed to whom here
        safetensors.numpy.save_file(arrays, beside, metadata)
        with open(beside, "r+b") as file:
            _sort_metadata(file)
        os.chmod(beside, mode)
        _flush(beside)
        os.replace(beside, path)
        _flush(path.parent)
    except safetensors.SafetensorError as error:
        raise OSError(
            f"{path} could not be written: {error}. What was there is untouched"
        ) from None
    finally:
        beside.unlink(missing_ok=True)


def load(f: Any, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Read what ``save`` has written; from any other safetensors file, a dict of its tensors.

    bfloat16 tensors, which NumPy does not know, become float32 of the same values.

    Args:
        f: a path or a file object opened in binary mode, read to its end.
        map_location: as in PyTorch; without effect, as there is one device only.
        weights_only: as in PyTorch; without effect, as nothing but data is ever loaded.

    Raises:
        ValueError: the file is not a whole safetensors file; says what was expected and found.
    """
    if hasattr(f, "read"):
        content = f.read()
        if not isinstance(content, bytes):
            raise TypeError('load expects a file opened in binary mode, "rb"; got one for text')
        name = str(getattr(f, "name", "the file"))
        arrays, metadata = read_safetensors(io.BytesIO(content), len(content), name)
    else:
        name = os.fspath(f)
        with open(name, "rb") as file:
            arrays, metadata = read_safetensors(file, os.fstat(file.fileno()).st_size, name)
    return unpack(arrays, metadata, name)


def _sort_metadata(file: BinaryIO) -> None:
    """Put the metadata's entries in the order of their names; the library's order is random."""
    file.seek(0)
    size = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(size))
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    content = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    file.seek(8)
    file.write(content.ljust(size))  # as before, it ends with spaces
    file.seek(0)


def _flush(path: Path) -> None:
    """Wait until a file or folder has reached the disk, where the system can tell."""
    flags = os.O_RDONLY | (0 if path.is_dir() else getattr(os, "O_BINARY", 0))
    if os.name == "nt":
        if path.is_dir():
            return  # Windows opens no folders
        flags = os.O_RDWR | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

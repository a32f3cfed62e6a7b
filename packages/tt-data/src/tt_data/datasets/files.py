"""The files of a dataset: where they may lie, packed or not, and whether they are the right."""

from __future__ import annotations

import gzip
import warnings
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import new
from pathlib import Path

from ..download import cache_folder, is_gzip

__all__ = ["KnownFile", "check_hash", "find", "folder_of", "read_bytes"]

LIMIT = 1 << 30  # bytes: no dataset here has a file a tenth as large
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A published file: its name, and the hash and number of its bytes when unpacked."""

    name: str
    hash: str  # hexadecimal
    size: int  # bytes
    algorithm: str = "sha256"


def folder_of(root: str | Path | None) -> Path:
    """The folder that `root` means: by default the cache."""
    return cache_folder() if root is None else Path(root).expanduser()


def find(folders: Iterable[Path], name: str) -> Path | None:
    """The first of the folders' files with this name, or with this name and ".gz"."""
    for folder in folders:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def read_bytes(path: Path, limit: int = LIMIT) -> bytearray:
    """The bytes of a file, unpacked if it is packed with gzip, whatever its name says.

    They are read chunk by chunk, so that what a file claims about itself allocates nothing.

    Raises:
        ValueError: if there are more than `limit`, or the packing is damaged.
    """
    content = bytearray()
    packed = is_gzip(path)
    try:
        with gzip.open(path) if packed else open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                content += chunk
                if len(content) > limit:
                    raise ValueError(
                        f"{path}: expected at most {limit:,} bytes when unpacked, got more"
                    )
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path}: expected a gzip file, got a damaged one ({error}). Delete it to have it "
            "downloaded again"
        ) from None
    return content


def check_hash(path: Path, content: bytearray, known: KnownFile, own: bool) -> None:
    """Compare the bytes of a file with those that were published.

    Raises:
        ValueError: if they differ. In a folder of the user's `own`, it is a warning only: data of
            one's own in the same format are welcome.
    """
    if (got := new(known.algorithm, content, usedforsecurity=False).hexdigest()) == known.hash:
        return
    message = (
        f"{path}: expected the published {known.name}, {known.algorithm} {known.hash} "
        f"({known.size:,} bytes unpacked); got {got} ({len(content):,} bytes)"
    )
    if not own:
        raise ValueError(f"{message}. Delete the file to have it downloaded again")
    warnings.warn(f"{message}. It is read as it is", UserWarning, stacklevel=4)

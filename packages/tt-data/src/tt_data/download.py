"""Files from the network: fetched once, checked, and kept in a cache folder."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pooch

__all__ = ["cache_folder", "fetch"]

CHUNK = 1 << 16  # bytes read at a time


def cache_folder() -> Path:
    """Where downloads are kept: the folder that $TT_DATA_DIR names, or the user's cache folder."""
    chosen = os.environ.get("TT_DATA_DIR")
    return Path(chosen).expanduser() if chosen else Path(pooch.os_cache("tinytorch"))


def fetch(
    name: str,
    urls: Sequence[str],
    sha256: str,
    *,
    folder: str | Path | None = None,
    download: bool = True,
    timeout: float = 30,
    progress: bool | None = None,
) -> Path:
    """The path of the file `folder/name`, downloaded if it is not there yet.

    The bytes go to a temporary file beside it, which takes the file's name only when it is whole
    and its hash is right. So whatever bears that name is right, even if the machine is switched off
    or two programs download at once. Each mirror is tried in turn.

    Args:
        name: the file's path inside the folder, with "/".
        urls: the mirrors, best first.
        sha256: the hash of the right bytes, in hexadecimal.
        folder: by default `cache_folder()`.
        download: if False, a file that is not there is an error.
        timeout: the seconds that a server may stay silent.
        progress: show a line on stderr that counts; by default if that is a terminal.

    Raises:
        FileNotFoundError: if it is not there and not to be downloaded.
        ConnectionError: if no mirror gives the right bytes: it says what each gave, and which file
            to put where.
        ValueError: if a file is there, but has other bytes. It is left alone: it may be yours.
    """
    path = Path(cache_folder() if folder is None else folder).expanduser() / name
    if path.is_file():
        if (got := file_sha256(path)) != sha256:
            raise ValueError(
                f"{path}: expected the sha256 {sha256}, got {got} ({path.stat().st_size:,} bytes). "
                "Delete the file to have it downloaded again"
            )
        return path
    by_hand = (
        f"Put the file yourself as {path} (sha256 {sha256}); it is found at\n  " + "\n  ".join(urls)
    )
    if not download:
        raise FileNotFoundError(f"{path}: expected a file, got none, and download=False. {by_hand}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if progress is None:
        progress = sys.stderr.isatty()
    problems = []
    for url in urls:
        problem = fetch_from(url, path, sha256, timeout, progress)
        if problem is None:
            return path
        problems.append(f"{url}\n    {problem}")
    raise ConnectionError(
        f"{name}: expected to download it, got it from none of its addresses:\n  "
        + "\n  ".join(problems)
        + f"\n{by_hand}"
    )


def fetch_from(url: str, path: Path, sha256: str, timeout: float, progress: bool) -> str | None:
    """Download to `path`; return None, or what went wrong."""
    bar = ProgressLine(path.name) if progress else None
    try:
        with tempfile.TemporaryDirectory(prefix=".download-", dir=path.parent) as folder:
            temporary = Path(folder, path.name)
            pooch.HTTPDownloader(bar, CHUNK, timeout=timeout)(url, str(temporary), None)
            if (got := file_sha256(temporary)) != sha256:
                size = temporary.stat().st_size
                return f"expected the sha256 {sha256}, got {got} ({size:,} bytes)"
            os.replace(temporary, path)
    except OSError as error:  # what requests raises is an OSError too
        return f"{type(error).__name__}: {error}"
    finally:
        if bar is not None:
            bar.close()
    return None


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    return str(pooch.file_hash(str(path), alg="sha256"))


class ProgressLine:
    """One line on stderr that counts the bytes: what pooch asks of a progress bar."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.total = 0  # bytes; pooch sets it
        self.done = 0
        self.shown = False

    def update(self, size: int) -> None:
        """Another `size` bytes are there."""
        self.done += size
        if self.total:
            self.done = min(self.done, self.total)  # pooch counts the last chunk as a whole one
        self.shown = True
        of = f" of {self.total / 1e6:.1f}" if self.total else ""
        print(f"\r{self.name}: {self.done / 1e6:.1f}{of} MB", end="", file=sys.stderr, flush=True)

    def reset(self) -> None:
        """Count from 0 again."""
        self.done = 0

    def close(self) -> None:
        """End the line, if it is not ended yet."""
        if self.shown:
            print(file=sys.stderr)
        self.shown = False

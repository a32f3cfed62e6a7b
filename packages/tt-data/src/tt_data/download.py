"""Files from the network: fetched once, checked, and kept in a cache folder."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import sys
import tempfile
import zlib
from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path

from .transfer import Transfer, synchronize

__all__ = ["cache_folder", "fetch", "file_sha256", "is_gzip", "unpack_gzip"]

SLACK = 1 << 20  # bytes by which a compressed file may be longer than its contents
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # other mirrors will not help
RANGE_NOT_SATISFIABLE = 416  # HTTP's word for: there is nothing beyond what you have
HERE = (*NO_ROOM, errno.EACCES, errno.EPERM, errno.EROFS)


def cache_folder() -> Path:
    """Where downloads are kept: the folder that $TT_DATA_DIR names, or the user's cache folder."""
    if chosen := os.environ.get("TT_DATA_DIR"):
        return Path(chosen).expanduser()
    from pooch import os_cache  # 0.15 s to import, and rarely needed

    return Path(os_cache("tinytorch"))


def fetch(
    name: str,
    urls: Sequence[str],
    sha256: str,
    *,
    size: int | None = None,
    folder: str | Path | None = None,
    download: bool = True,
    timeout: float = 30,
    progress: bool | None = None,
) -> Path:
    """The path of the file `folder/name`, downloaded if it is not there yet.

    The bytes go to a temporary file beside it, which takes the file's name only when it is whole
    and its hash is right. So whatever bears that name is right, even if the machine is switched off
    or two programs download at once. Each mirror is tried in turn.

    A connection that breaks loses nothing: the next mirror is asked for the rest. If none has it,
    the bytes so far are kept as `name.part`, and the next call goes on from there.

    Args:
        name: the file's path inside the folder, with "/".
        urls: the mirrors, best first. What is compressed there with gzip is unpacked here, unless
            the name ends with ".gz" too. (Whoever reads the file looks for a packed one as well,
            which may have been put there by hand.)
        sha256: the hash of the right bytes, unpacked, in hexadecimal.
        size: how many bytes that are; a longer answer is cut off.
        folder: by default `cache_folder()`.
        download: if False, a file that is not there is an error.
        timeout: the seconds that a server may stay silent.
        progress: show a line on stderr that counts; by default if that is a terminal.

    Raises:
        FileNotFoundError: if it is not there and not to be downloaded.
        ConnectionError: if no mirror gives the right bytes: it says what each gave, and which file
            to put where.
        ValueError: if a file is there, but has other bytes. It is left alone: it may be yours.
        OSError: if the disk is full, or the folder may not be written to. What was written of the
            file is removed.
    """
    path = Path(cache_folder() if folder is None else folder).expanduser() / name
    if path.is_file():
        if (got := file_sha256(path)) != sha256:
            raise ValueError(
                f"{path}: expected the sha256 {sha256}, got {got} ({path.stat().st_size:,} bytes). "
                "Delete the file to have it downloaded again"
            )
        return path
    packed = path.suffix != ".gz" and all(url.endswith(".gz") for url in urls) and bool(urls)
    place = f"{path}.gz, or unpacked as {path}" if packed else f"{path}"
    by_hand = (
        f"Put the file yourself as {place} (sha256 {sha256}); it is found at\n  "
        + "\n  ".join(urls)
    )
    if not download:
        raise FileNotFoundError(f"{path}: expected a file, got none, and download=False. {by_hand}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if progress is None:
        progress = sys.stderr.isatty()
    problems = try_each(path, urls, sha256, size, timeout, progress)
    if problems:
        raise ConnectionError(
            f"{name}: expected to download it, got it from none of its addresses:\n  "
            + "\n  ".join(problems)
            + f"\n{by_hand}"
        )
    return path


def try_each(
    path: Path,
    urls: Sequence[str],
    sha256: str,
    size: int | None,
    timeout: float,
    progress: bool,
) -> list[str]:
    """Download to `path` from the first mirror that can; otherwise return what was wrong with each.

    The part of an earlier attempt is claimed by renaming it, so no two programs write to it.
    """
    part = path.with_name(path.name + ".part")
    problems = []
    with tempfile.TemporaryDirectory(prefix=".download-", dir=path.parent) as folder:
        temporary = Path(folder, path.name)
        with contextlib.suppress(FileNotFoundError):
            os.replace(part, temporary)
        transfer = Transfer(temporary, None if size is None else size + SLACK, timeout, progress)
        keep = True  # also if interrupted
        try:
            if temporary.exists() and take(temporary, path, sha256, size) is None:
                return []
            for url in urls:
                problem = fetch_from(url, transfer, path, sha256, size)
                if problem is None:
                    return []
                problems.append(f"{url}\n    {problem}")
        except OSError as error:
            keep = error.errno not in NO_ROOM
            raise
        finally:
            if keep and temporary.exists() and temporary.stat().st_size:
                os.replace(temporary, part)
    return problems or ["no address is known"]


def fetch_from(
    url: str, transfer: Transfer, path: Path, sha256: str, size: int | None
) -> str | None:
    """Download to `path`; return None, or what went wrong. Whole but wrong bytes are removed."""
    temporary = transfer.path
    try:
        transfer.download(url)
        problem = take(temporary, path, sha256, size)
        if problem is not None and transfer.resumed:  # an earlier mirror may have begun wrongly
            temporary.unlink()
            transfer.download(url)
            problem = take(temporary, path, sha256, size)
        if problem is not None:
            temporary.unlink()
        return problem
    except OSError as error:  # what requests raises is an OSError too
        if error.errno in HERE:
            error.add_note(f"while downloading {url} to {path}")
            raise
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status == RANGE_NOT_SATISFIABLE and temporary.stat().st_size:  # we have too much
            temporary.unlink()
            return fetch_from(url, transfer, path, sha256, size)
        return f"{type(error).__name__}: {error}"


def take(temporary: Path, path: Path, sha256: str, size: int | None) -> str | None:
    """Give the file its name if its bytes are right; otherwise return what is wrong with them."""
    whole = temporary
    if path.suffix != ".gz" and is_gzip(temporary):
        whole = temporary.with_name(temporary.name + ".unpacked")
        try:
            unpack_gzip(temporary, whole, size)
        except ValueError as error:
            return str(error)
    if (got := file_sha256(whole)) != sha256:
        return f"expected the sha256 {sha256}, got {got} ({whole.stat().st_size:,} bytes)"
    synchronize(whole)
    os.replace(whole, path)
    temporary.unlink(missing_ok=True)
    return None


def is_gzip(path: Path) -> bool:
    """Does the file begin as a gzip file does?"""
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def unpack_gzip(source: Path, target: Path, size: int | None) -> None:
    """Unpack a gzip file into another, chunk by chunk.

    Raises:
        ValueError: if it is damaged, or holds more than `size` bytes.
    """
    done = 0
    try:
        with gzip.open(source) as packed, open(target, "wb") as file:
            while chunk := packed.read(1 << 20):
                done += len(chunk)
                if size is not None and done > size:
                    raise ValueError(f"expected {size:,} bytes when unpacked, got more")
                file.write(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"expected a gzip file, got a damaged one: {error}") from None


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()

"""One file over HTTP, which goes on where an earlier attempt broke off."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, Any

__all__ = ["ProgressLine", "Transfer", "synchronize"]

CHUNK = 1 << 16  # bytes read at a time
PARTIAL_CONTENT = 206  # HTTP's word for: the rest that you asked for


class Transfer:
    """Downloads to one file, from one address after the other if need be.

    What is in the file already is kept, and the server is asked for the rest only. A server that
    sends everything all the same is taken at its word: the file begins anew.

    Args:
        path: the file that grows. It may be there and hold the first bytes.
        limit: bytes after which the answer cannot be right any more; None for no limit.
        timeout: the seconds that a server may stay silent.
        progress: whether to show a line that counts.
    """

    def __init__(self, path: Path, limit: int | None, timeout: float, progress: bool) -> None:
        self.path = path
        self.limit = limit
        self.timeout = timeout
        self.progress = progress
        self.resumed = False  # whether the last answer was the rest of something earlier

    def download(self, url: str) -> None:
        """Bring the file to its end from this address.

        Raises:
            OSError: whatever goes wrong: no connection, an answer that says no, a disk that is
                full. The bytes that came are kept.
        """
        from pooch import HTTPDownloader  # 0.15 s to import, and rarely needed

        have = self.path.stat().st_size if self.path.exists() else 0
        # compressed once more on the way, the bytes could not be counted
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        bar = ProgressLine(self.path.name, have) if self.progress else None
        try:
            with open(self.path, "ab") as file:
                sink = Sink(file, self.limit)
                self.resumed = False

                def begin(response: Any, *_: Any, **__: Any) -> None:
                    self.resumed = bool(have) and continues(response, have)
                    if not self.resumed and response.ok:
                        sink.restart()
                        if bar is not None:
                            bar.before = 0

                downloader = HTTPDownloader(
                    bar,
                    CHUNK,
                    timeout=self.timeout,
                    headers=headers,
                    hooks={"response": begin},
                )
                downloader(url, sink, None)
        finally:
            if bar is not None:
                bar.close()


def continues(response: Any, have: int) -> bool:
    """Is this answer the rest of a file of which we have so many bytes?"""
    sent = str(response.headers.get("Content-Range", ""))
    return bool(response.status_code == PARTIAL_CONTENT) and sent.startswith(f"bytes {have}-")


class Sink:
    """A file to write to, up to a limit. It must be open for appending."""

    def __init__(self, file: IO[bytes], limit: int | None) -> None:
        self.file = file
        self.limit = limit

    def write(self, data: bytes) -> int:
        """Append; an OSError if that is more than anybody asked for."""
        if self.limit is not None and self.file.tell() + len(data) > self.limit:
            self.restart()
            raise OSError(f"the answer is longer than the {self.limit:,} bytes it can be")
        return self.file.write(data)

    def flush(self) -> None:
        """Hand what is written to the system."""
        self.file.flush()

    def restart(self) -> None:
        """Forget all bytes."""
        self.file.seek(0)
        self.file.truncate()


def synchronize(path: Path) -> None:
    """Wait until the file's bytes are on the disk, so that a new name never outlives them."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


class ProgressLine:
    """One line on stderr that counts the bytes: what pooch asks of a progress bar."""

    def __init__(self, name: str, before: int = 0) -> None:
        self.name = name
        self.before = before  # bytes that were there when the download began
        self.total = 0  # bytes; pooch sets it
        self.done = 0
        self.shown = False

    def update(self, size: int) -> None:
        """Another `size` bytes are there."""
        self.done += size
        if self.total:
            self.done = min(self.done, self.total)  # pooch counts the last chunk as a whole one
        self.shown = True
        of = f" of {(self.before + self.total) / 1e6:.1f}" if self.total else ""
        done = (self.before + self.done) / 1e6
        print(f"\r{self.name}: {done:.1f}{of} MB", end="", file=sys.stderr, flush=True)

    def reset(self) -> None:
        """Count from 0 again."""
        self.done = 0

    def close(self) -> None:
        """End the line, if it is not ended yet."""
        if self.shown:
            print(file=sys.stderr)
        self.shown = False

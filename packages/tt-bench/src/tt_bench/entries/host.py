"""The judge's side: an entry's process is started, asked, watched, and ended."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import psutil

from ..threads import THREAD_VARIABLES
from ..units import show_bytes, show_seconds
from .folder import EntryFolder
from .frames import (
    ANSWER,
    ERROR,
    FOUL,
    QUERY,
    READY,
    WEIGH,
    WEIGHED,
    Frame,
    decode_value,
    encode_value,
    read_frame,
    write_frame,
)

__all__ = ["EntryProcess", "Foul", "Limits", "keep_compiled"]

# What an entry builds on is loaded before the clock for loading runs, and before it is weighed.
MODULES = ("tt_nn", "tt_text", "tt_models.recipes", "tt_optimize")
COMPILER = "tt_optimize.accelerate.numba"  # where numba is installed
# Enters the packages without running their __init__.py, which would load the test data.
START = """
import sys
from importlib.util import find_spec, module_from_spec
for package in ("tt_bench", "tt_bench.entries"):
    sys.modules[package] = module_from_spec(find_spec(package))
from tt_bench.entries.worker import main
main(sys.argv[1])
"""
COMPILED = "numba"  # in the work folder: what numba has compiled
LOOK_SECONDS = 0.02  # between two looks at a process's memory and time


class Foul(Exception):
    """An entry did what it may not, or did not do what it must. The text says what."""


@dataclass(frozen=True)
class Limits:
    """How much an entry may use.

    Attributes:
        load_seconds: to load.
        query_seconds: to answer one query.
        memory_bytes: resident memory, all included.
        threads: of BLAS and OpenMP.
    """

    load_seconds: float = 60.0
    query_seconds: float = 10.0
    memory_bytes: int = 2_000_000_000
    threads: int = 1


class EntryProcess:
    """One entry in a fresh Python process, on a copy of its folder.

    It gets queries, never targets. It may write only into its copy and into ``work``, a folder that
    is empty at first (the home, the temporary folder, numba's cache). It may not import the package
    that has the test data, start programs or use the network; see ``guard``. Used in a ``with``.

    Args:
        traced: the process is there to be weighed, not to be timed: tracing makes it slow.

    Raises:
        Foul: it could not be loaded, or broke a rule while loading.
    """

    def __init__(
        self, entry: EntryFolder, limits: Limits | None = None, *, traced: bool = False
    ) -> None:
        self.entry = entry
        self.limits = limits or Limits()
        self.peak_rss_bytes = 0
        self._foul = ""
        self._deadline = float("inf")
        self._scratch = Path(tempfile.mkdtemp(prefix="tt-entry-"))
        self._errors = (self._scratch / "errors.txt").open("w+b")
        folder, self.work = self._scratch / "entry", self._scratch / "work"
        self.work.mkdir()
        shutil.copytree(entry.path, folder, symlinks=True)  # a link is not followed for it
        settings = {
            "folder": os.path.realpath(folder),
            "work": os.path.realpath(self.work),
            "code": entry.code,
            "memory_bytes": self.limits.memory_bytes,
            "modules": [*MODULES, COMPILER] if importlib.util.find_spec("numba") else MODULES,
            "traced": traced,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", START, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=folder,
            env=self._environment(),
        )
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        try:
            self._expect(READY, self.limits.load_seconds, "to load")
        except BaseException:
            self.close()
            raise

    def predict(self, query: Any) -> Any:
        """The entry's answer to a query.

        Raises:
            Foul: it gave none, too late, or broke a rule.
        """
        self._send(QUERY, encode_value(query))
        frame = self._expect(ANSWER, self.limits.query_seconds, "for one query")
        try:
            return decode_value(frame.content)
        except (ValueError, TypeError) as error:
            raise Foul(f"its answer cannot be read: {error}") from None

    def weigh(self, queries: Sequence[Any]) -> tuple[int, int]:
        """The bytes that the entry holds, and the most it allocates on top to answer a query.

        For a process that was started ``traced``.
        """
        for query in queries:
            self._send(QUERY, encode_value(query))
        self._send(WEIGH)
        # tracing makes each query several times as slow
        seconds = 10 * self.limits.query_seconds * (len(queries) + 1)
        held, working = json.loads(self._expect(WEIGHED, seconds, "to be weighed").content)
        return int(held), int(working)

    def close(self) -> None:
        """End the process and take its copy of the folder away."""
        self._ended.set()
        self.process.kill()
        self.process.wait()
        self._watcher.join()
        for pipe in (self.process.stdin, self.process.stdout, self._errors):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:  # what was still to be sent
                    continue
        shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> EntryProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- talking ----------------------------------------------------------------------------------

    def _send(self, kind: bytes, content: bytes = b"") -> None:
        assert self.process.stdin is not None
        try:
            write_frame(_binary(self.process.stdin), kind, content)
        except OSError:  # it has gone: reading will tell why
            return

    def _expect(self, kind: bytes, seconds: float, what: str) -> Frame:
        """The next message, which must be of this kind and in time."""
        assert self.process.stdout is not None
        self._deadline = time.monotonic() + seconds
        try:
            frame = read_frame(_binary(self.process.stdout))
        except ValueError as error:
            raise Foul(f"it sent {error}") from None
        finally:
            self._deadline = float("inf")
        if frame is not None and frame.kind == kind:
            return frame
        if frame is not None and frame.kind in (FOUL, ERROR):
            raise Foul(frame.content.decode(errors="replace"))
        if self._foul == "time":
            raise Foul(f"it took longer than {show_seconds(seconds)} {what}")
        if self._foul:
            raise Foul(self._foul)
        raise Foul(f"its process ended with code {self.process.wait()}{self._last_words()}")

    def _last_words(self) -> str:
        """The last line that the process wrote to its standard error."""
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 2000))
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    # --- watching ---------------------------------------------------------------------------------

    def _watch(self) -> None:
        """End the process when its time is over or its memory too large."""
        watched = psutil.Process(self.process.pid)
        while not self._ended.wait(LOOK_SECONDS):
            try:
                used = int(watched.memory_info().rss)
            except psutil.Error:
                return  # it has ended
            self.peak_rss_bytes = max(used, self.peak_rss_bytes)
            if used > self.limits.memory_bytes:
                allowed = show_bytes(self.limits.memory_bytes)
                self._foul = f"it needs {show_bytes(used)} of memory; {allowed} are allowed"
            elif time.monotonic() > self._deadline:
                self._foul = "time"
            if self._foul:
                self.process.kill()
                return

    def _environment(self) -> dict[str, str]:
        """The variables of this process, without those that show where data is."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("TT_")}
        work = str(self.work)
        return {
            **kept,
            **dict.fromkeys(THREAD_VARIABLES, str(self.limits.threads)),
            "HOME": work,
            "TMPDIR": work,
            "NUMBA_CACHE_DIR": str(self.work / COMPILED),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
        }


def keep_compiled(entry: EntryFolder, query: Any, limits: Limits | None = None) -> Path:
    """Let an entry answer a query, and keep what numba compiled for that in its folder.

    Its ``load`` finds it in ``compiled``, to be copied to where NUMBA_CACHE_DIR says; otherwise
    every process would compile anew, some ten seconds each.
    """
    kept = entry.path / "compiled"
    patient = limits or Limits(load_seconds=300, query_seconds=300)
    with EntryProcess(entry, patient) as process:
        process.predict(query)
        if (process.work / COMPILED).is_dir():
            shutil.copytree(process.work / COMPILED, kept, dirs_exist_ok=True)
    return kept


def _binary(pipe: Any) -> BinaryIO:
    """Popen's pipes are of bytes unless text was asked for."""
    binary: BinaryIO = pipe
    return binary

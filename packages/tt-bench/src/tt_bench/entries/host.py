"""The judge's side: an entry's process is started, asked, watched, and ended."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
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

from ..entry import alike
from ..threads import THREAD_VARIABLES
from ..units import one_line, show_bytes, show_seconds
from .folder import EntryFolder, copy_entry
from .frames import (
    ANSWER,
    ERROR,
    FOUL,
    QUERY,
    READY,
    TICKET,
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
LONGEST = 1000  # letters of a reason
SPARE_SECONDS = 0.5  # of computing that may pass outside the time of answering
ASKED = {QUERY: "for one query", WEIGH: "to be weighed"}
# What decoding raises, whatever it is that was sent.
UNREADABLE = (ValueError, TypeError, OverflowError, RecursionError, MemoryError, SyntaxError)


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

    def __post_init__(self) -> None:
        if not (self.load_seconds > 0 and self.query_seconds > 0 and self.memory_bytes > 0):
            raise ValueError(f"Limits: expected seconds and bytes above 0, got {self}")
        if self.threads < 1:
            raise ValueError(f"Limits: expected at least 1 thread, got {self.threads}")


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
        self.answering_seconds = self._loading_seconds = 0.0
        self._foul = ""
        self._deadline = float("inf")
        self._scratch = Path(tempfile.mkdtemp(prefix="tt-entry-"))
        folder, self.work = self._scratch / "entry", self._scratch / "work"
        try:
            copy_entry(entry.path, folder)
        except (ValueError, OSError) as error:
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise Foul(f"its folder cannot be copied: {error}") from None
        self.work.mkdir()
        self._errors = (self._scratch / "errors.txt").open("w+b")
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
            start_new_session=True,  # a group of its own, to be ended as a whole
        )
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        try:
            self._expect(READY, self.limits.load_seconds, "to load")
            used = psutil.Process(self.process.pid).cpu_times()
            self._loading_seconds = used.user + used.system
        except psutil.Error:
            self.close()
            raise Foul("its process ended when it had loaded") from None
        except BaseException:
            self.close()
            raise

    def predict(self, query: Any) -> Any:
        """The entry's answer to a query.

        Raises:
            Foul: it gave none, too late, or broke a rule.
        """
        start = time.monotonic()
        found = self._ask(QUERY, encode_value(query), ANSWER, self.limits.query_seconds)
        self.answering_seconds += time.monotonic() - start
        return self._decoded(found)

    def weigh(self, queries: Sequence[Any], answers: Sequence[Any] = ()) -> tuple[int, int]:
        """The bytes that the entry holds, and the most it allocates on top to answer a query.

        For a process that was started ``traced``.

        Args:
            answers: what it has answered to these queries before. It is weighed while it answers
                the same again: an entry may not become another one on the scales.

        Raises:
            Foul: it did not answer, or something else than before.
        """
        # tracing makes each query several times as slow, and the first is put twice
        seconds = 20 * self.limits.query_seconds
        for number, query in enumerate(queries):
            again = self._decoded(self._ask(QUERY, encode_value(query), ANSWER, seconds))
            if answers and not alike(again, answers[number]):
                said = f"while it is weighed it answers {again!r}, not {answers[number]!r}"
                raise Foul(one_line(said, LONGEST))
        found = self._ask(WEIGH, b"", WEIGHED, seconds)
        try:
            held, working = map(int, json.loads(found))
        except UNREADABLE as error:
            raise Foul(f"its weight cannot be read: {error}") from None
        if held < 0 or working < 0:
            raise Foul(f"its weight must not be negative, got {held} and {working}")
        return held, working

    def overtime(self) -> str:
        """What there is to object to the time for which its process has computed so far.

        On ``threads`` threads it cannot compute longer than that many times the time in which it
        was answering, unless it goes on computing in the background, at the cost of the others.
        """
        try:
            used = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return ""  # it has ended, and reading will tell why
        computed = used.user + used.system - self._loading_seconds
        allowed = self.limits.threads * self.answering_seconds
        if computed <= 1.25 * allowed + SPARE_SECONDS:
            return ""
        return (
            f"it has computed for {show_seconds(computed)} in {show_seconds(allowed)} of answering:"
            " it goes on in the background, or on more threads than allowed"
        )

    def close(self) -> None:
        """End the process, and all that it has started; take its copy of the folder away."""
        self._ended.set()
        self._kill()
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

    def _ask(self, kind: bytes, content: bytes, answer: bytes, seconds: float) -> bytes:
        """What it says to a message, which may take so long.

        A message begins with a ticket that nobody could know before, and so must its answer: none
        can be sent ahead.
        """
        ticket = os.urandom(TICKET)
        self._deadline = time.monotonic() + seconds  # it may not even read what is sent
        self._send(kind, ticket + content)
        frame = self._expect(answer, seconds, ASKED[kind])
        if frame.content[:TICKET] != ticket:
            raise Foul("it sent an answer to another question than was asked")
        return frame.content[TICKET:]

    def _decoded(self, content: bytes) -> Any:
        try:
            return decode_value(content)
        except UNREADABLE as error:
            raise Foul(f"its answer cannot be read: {error}") from None

    def _kill(self) -> None:
        """End the process, and where there are process groups all that it has started."""
        if hasattr(os, "killpg") and self.process.returncode is None:  # so the number is its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()

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
            raise Foul(one_line(frame.content.decode(errors="replace"), LONGEST))
        if frame is not None:
            raise Foul(f"it sent a message of the kind {frame.kind!r}, expected {kind!r}")
        if self._foul == "time":
            raise Foul(f"it took longer than {show_seconds(seconds)} {what}")
        if self._foul:
            raise Foul(self._foul)
        try:
            code = self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            raise Foul("it has closed the pipe to the judge") from None
        raise Foul(f"its process ended with code {code}{self._last_words()}")

    def _last_words(self) -> str:
        """The last line that the process wrote to its standard error."""
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 2000))
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f": {one_line(lines[-1], LONGEST)}" if lines else ""

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
                self._kill()
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

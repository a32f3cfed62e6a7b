"""The entry's side: a fresh process that loads one entry and answers what the judge asks.

It is started by ``host`` with nothing else of tt_bench in it, least of all the data of its tasks.

The pipe to the judge is taken away from standard output first, so that an entry may print.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import signal
import subprocess  # noqa: F401  before its `_posixsubprocess` is hidden
import sys
import tracemalloc
import types
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .frames import (
    ANSWER,
    ERROR,
    FOUL,
    QUERY,
    READY,
    TICKET,
    WEIGH,
    WEIGHED,
    decode_value,
    encode_value,
    read_frame,
    write_frame,
)
from .guard import FORBIDDEN, Guard

__all__ = ["Scale", "held_now", "kept_bytes", "load_entry", "main"]

NUMPY_DOMAIN = np.lib.tracemalloc_domain
LARGE = 1 << 16  # bytes; Python's own objects of this size may hold weights as well
SMALL = 128  # bytes; texts and bytes below are names, tokens and the like
PLAIN = (str, bytes, bytearray, array)
FOLLOWED = ("builtins", "collections", "entry", "functools", "tt_")  # modules of classes
NOT_FOLLOWED = (type, types.ModuleType, types.CodeType, types.FrameType, int, float, type(None))
LARGEST_FILE = 1 << 28
PR_SET_PDEATHSIG = 1  # of prctl

Predict = Callable[[Any], Any]


def load_entry(folder: Path, code: str) -> Predict:
    """Run the entry's code and its ``load``.

    Raises:
        TypeError: there is no function ``load``, or it returns nothing that can be called.
    """
    spec = importlib.util.spec_from_file_location("entry", folder / code)
    if spec is None or spec.loader is None:
        raise TypeError(f"{code} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["entry"] = module
    spec.loader.exec_module(module)
    load = getattr(module, "load", None)
    if not callable(load):
        raise TypeError(f"{code} has no function load(folder)")
    predict: Predict = load(folder)
    if not callable(predict):
        raise TypeError(
            f"load() must return a function that answers a query, got {type(predict).__name__}"
        )
    return predict


def held_now(*roots: Any) -> int:
    """The bytes that are allocated now and could be weights: all of NumPy's arrays, large objects
    of Python's, and whatever the ``roots`` keep in texts and bytes. tracemalloc must be on."""
    gc.collect()  # what only the cyclic collector can free is not held
    return kept_bytes(*roots) + sum(
        trace.size
        for trace in tracemalloc.take_snapshot().traces
        if trace.domain == NUMPY_DOMAIN or trace.size >= LARGE
    )


def kept_bytes(*roots: Any) -> int:
    """The bytes of all texts, bytes, and arrays of Python's, of some length, that can be reached.

    Followed are containers, functions, and objects of the entry's classes and of TinyTorch's, but
    no classes, modules, code, and global names of any module but the entry's.
    """
    seen = {id(vars(module)) for name, module in sys.modules.items() if name != "entry"}
    todo, total = list(roots), 0
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, NOT_FOLLOWED):
            continue
        seen.add(id(thing))
        if isinstance(thing, PLAIN):
            size = sys.getsizeof(thing)
            total += size if SMALL <= size < LARGE else 0  # larger ones are counted by their traces
        elif str(type(thing).__module__).startswith(FOLLOWED):
            todo += gc.get_referents(thing)
    return total


class Scale:
    """Weighs an entry while it answers.

    What it holds is the most that it held before or after any of the queries, so that nothing is
    gained by letting go of the weights at the end. The first query is put once before: what is
    prepared by it and kept counts as held. tracemalloc must be on before the entry is loaded.
    """

    def __init__(self) -> None:
        self.before = held_now()
        self.held = self.working = 0
        self.mark = bytearray(1)  # whoever clears the traces, clears this one's

    def weigh(self, predict: Predict, query: Any) -> Any:
        """Put a query; the answer."""
        if not self.held:
            predict(query)
        self._hold(predict)
        tracemalloc.reset_peak()
        start, _ = tracemalloc.get_traced_memory()
        answer = predict(query)
        self.working = max(self.working, tracemalloc.get_traced_memory()[1] - start)
        self._hold(predict)
        return answer

    def _hold(self, predict: Predict) -> None:
        if tracemalloc.get_object_traceback(self.mark) is None:
            raise RuntimeError("the traces of memory by which it is weighed are gone")
        roots = (predict, vars(sys.modules["entry"]))
        self.held = max(self.held, held_now(*roots) - self.before)


def limit_resources(memory_bytes: int) -> None:
    """Where the system has such limits: on memory, on the size of files, and no core dumps."""
    try:
        import resource
    except ImportError:  # Windows: the judge watches the memory from outside
        return
    limits = {"RLIMIT_DATA": memory_bytes, "RLIMIT_FSIZE": LARGEST_FILE, "RLIMIT_CORE": 0}
    for name, most in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (most, most))


def end_with_the_judge() -> None:
    """Linux: should the judge be killed, the system kills this process too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def hide(forbidden: Sequence[str]) -> None:
    """Take modules out of ``sys.modules``: an entry that wants one has to import it, which is
    heard."""
    for name in list(sys.modules):
        if any(name == module or name.startswith(module + ".") for module in forbidden):
            del sys.modules[name]


def main(settings: str) -> None:
    """Load the entry, say so, and answer until the judge hangs up."""
    given = json.loads(settings)
    ask, tell = _take_pipes()
    end_with_the_judge()
    folder = Path(given["folder"])
    os.chdir(folder)
    for name in given["modules"]:  # loaded before, so that an entry's own load is what is measured
        importlib.import_module(name)
    limit_resources(given["memory_bytes"])
    scale = None
    if given["traced"]:
        tracemalloc.start()
        scale = Scale()
    leave = os._exit

    def foul(what: str) -> None:
        write_frame(tell, FOUL, what.encode(errors="replace"))
        leave(1)

    guard = Guard(foul, folder, Path(given["work"]))
    hide(list(FORBIDDEN))
    try:
        predict = load_entry(folder, given["code"])
    except BaseException as error:  # the entry's fault, whatever it is: the judge puts it on record
        _tell_error(tell, "while loading, ", error)
        return
    guard.loaded = True
    write_frame(tell, READY)
    while (frame := read_frame(ask)) is not None:
        ticket, content = frame.content[:TICKET], frame.content[TICKET:]
        try:
            if frame.kind == QUERY:
                query = decode_value(content)
                answer = scale.weigh(predict, query) if scale else predict(query)
                write_frame(tell, ANSWER, ticket + encode_value(_plain(answer)))
            elif frame.kind == WEIGH and scale:
                found = json.dumps([scale.held, scale.working])
                write_frame(tell, WEIGHED, ticket + found.encode())
        except BaseException as error:
            _tell_error(tell, "", error)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes from and to the judge; standard input becomes empty, and output goes to errors."""
    ask, tell = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.dup2(2, 1)
    return ask, tell


def _plain(answer: Any) -> Any:
    """Texts as they are, anything else as an array."""
    texts = isinstance(answer, list | tuple) and answer and isinstance(answer[0], str)
    return answer if texts or isinstance(answer, str) else np.asarray(answer)


def _tell_error(tell: BinaryIO, when: str, error: BaseException) -> None:
    text = f"{when}it raised {type(error).__name__}: {error}"
    write_frame(tell, ERROR, text.encode(errors="replace")[:10_000])

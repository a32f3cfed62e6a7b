"""The entry's side: a fresh process that loads one entry and answers what the judge asks.

It is started by ``host`` with nothing else of tt_bench in it, least of all the data of its tasks.

The pipe to the judge is taken away from standard output first, so that an entry may print.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import os
import sys
import tracemalloc
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
    WEIGH,
    WEIGHED,
    decode_value,
    encode_value,
    read_frame,
    write_frame,
)
from .guard import Guard

__all__ = ["held_now", "load_entry", "main", "weigh"]

NUMPY_DOMAIN = np.lib.tracemalloc_domain
LARGE = 1 << 16  # bytes; Python's own objects of this size may hold weights as well
LARGEST_FILE = 1 << 28

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


def held_now() -> int:
    """The bytes that are allocated now and could be weights: all of NumPy's arrays, and large
    objects of Python's. tracemalloc must be on."""
    gc.collect()  # what only the cyclic collector can free is not held
    return sum(
        trace.size
        for trace in tracemalloc.take_snapshot().traces
        if trace.domain == NUMPY_DOMAIN or trace.size >= LARGE
    )


def weigh(predict: Predict, queries: Sequence[Any], before: int) -> tuple[int, int]:
    """What an entry holds, and the most that it allocates on top while it answers.

    The first query is put once before: what is prepared by it and kept counts as held.

    Args:
        before: ``held_now`` before the entry was loaded.
    """
    predict(queries[0])
    working = 0
    for query in queries:
        tracemalloc.reset_peak()
        start, _ = tracemalloc.get_traced_memory()
        predict(query)
        working = max(working, tracemalloc.get_traced_memory()[1] - start)
    return held_now() - before, working


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


def main(settings: str) -> None:
    """Load the entry, say so, and answer until the judge hangs up."""
    given = json.loads(settings)
    ask, tell = _take_pipes()
    folder = Path(given["folder"])
    os.chdir(folder)
    for name in given["modules"]:  # loaded before, so that an entry's own load is what is measured
        importlib.import_module(name)
    limit_resources(given["memory_bytes"])
    before = 0
    if given["traced"]:
        tracemalloc.start()
        before = held_now()

    def foul(what: str) -> None:
        write_frame(tell, FOUL, what.encode(errors="replace"))
        os._exit(1)

    guard = Guard(foul, folder, Path(given["work"]))
    try:
        predict = load_entry(folder, given["code"])
    except BaseException as error:  # the entry's fault, whatever it is: the judge puts it on record
        _tell_error(tell, "while loading, ", error)
        return
    guard.loaded = True
    write_frame(tell, READY)
    queries: list[Any] = []
    while (frame := read_frame(ask)) is not None:
        try:
            if frame.kind == QUERY:
                queries.append(decode_value(frame.content))
                if not given["traced"]:
                    write_frame(tell, ANSWER, encode_value(_plain(predict(queries.pop()))))
            elif frame.kind == WEIGH:
                write_frame(tell, WEIGHED, json.dumps(weigh(predict, queries, before)).encode())
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

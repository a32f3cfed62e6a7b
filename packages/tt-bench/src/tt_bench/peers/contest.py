"""Contenders in separate processes, of which only one works at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from ..benchmark import turns
from ..comparison import Comparison, compare_seconds
from .workloads import Workload

__all__ = ["THREAD_VARIABLES", "Contender", "Process", "Row", "contest", "disagreement"]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclass(frozen=True)
class Contender:
    """A framework, and options for its optimizer that make it a contender of its own."""

    name: str
    framework: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One workload on two contenders.

    Attributes:
        ours, peers: names of the two.
        ours_seconds, peers_seconds: seconds per step; the i-th of both were taken in turn.
        steps: a sample is so many steps in a row.
        disagreement: the largest relative difference between the values they computed.
        agree: is it below the tolerance? If not, nothing was timed.
    """

    workload: str
    ours: str
    peer: str
    goal: float | None
    disagreement: float
    agree: bool
    steps: int = 0
    ours_seconds: tuple[float, ...] = ()
    peers_seconds: tuple[float, ...] = ()

    @property
    def comparison(self) -> Comparison:
        """How many times as fast ours is: the median of the ratios of the pairs."""
        names = (self.ours, self.peer)
        return compare_seconds(self.ours_seconds, self.peers_seconds, names=names)


class Process:
    """A contender's process, with every library in it limited to ``threads`` threads.

    It is used in a ``with``, at whose end it is told to stop.
    """

    def __init__(self, contender: Contender, threads: int) -> None:
        self.contender = contender
        settings = {
            "framework": contender.framework,
            "threads": threads,
            "options": dict(contender.options),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tt_bench.peers.worker", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))},
        )

    def ask(self, **order: Any) -> Any:
        """Give an order and wait for the answer.

        Raises:
            RuntimeError: the process ended; why is on stderr.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(
                f"the process of {self.contender.name} ended with code {self.process.wait()} when "
                f"told to {order}; its error stands above"
            )
        return json.loads(answer)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.process.kill()
        assert self.process.stdin is not None and self.process.stdout is not None
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def disagreement(a: Any, b: Any) -> float:
    """The largest relative difference |a - b| / max(|a|, |b|) of any number; inf if one is not
    finite.

    >>> disagreement([[1.0, 2.0]], [[1.0, 2.2]]) < 0.1
    True
    >>> disagreement([float("nan")], [1.0])
    inf
    """
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if x.shape != y.shape or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("inf")
    scale = np.maximum(np.maximum(np.abs(x), np.abs(y)), np.finfo(np.float64).tiny)
    return float(np.max(np.abs(x - y) / scale))


def contest(
    workload: Workload,
    processes: Sequence[Process],
    *,
    samples: int = 15,
    sample_seconds: float = 0.1,
    check_steps: int = 10,
    tolerance: float = 1e-3,
) -> list[Row]:
    """Our process, the first, against each of the others, on one workload.

    First all take ``check_steps`` steps; a peer whose values differ by more than ``tolerance`` is
    not timed. Then samples are taken in turns. Every sample has the same number of steps: as many
    as the fastest needs for ``sample_seconds``.
    """
    name = workload.name
    values = [p.ask(do="watch", workload=name, steps=check_steps) for p in processes]
    differences = [disagreement(values[0], other) for other in values]
    timed = [p for p, d in zip(processes, differences, strict=True) if d <= tolerance]
    seconds: dict[str, list[float]] = {p.contender.name: [] for p in timed}
    steps = 0
    if len(timed) > 1:
        ask = {p.contender.name: p.ask for p in timed}
        steps = max(p.ask(do="calibrate", workload=name, seconds=sample_seconds) for p in timed)
        for order in turns(list(ask), samples):
            for contender in order:
                total = ask[contender](do="time", workload=name, steps=steps)
                seconds[contender].append(total / steps)
    ours = processes[0].contender.name
    rows = []
    for process, difference in zip(processes[1:], differences[1:], strict=True):
        peer, agree = process.contender.name, process in timed and processes[0] in timed
        row = Row(
            workload=name,
            ours=ours,
            peer=peer,
            goal=None if process.contender.options else workload.goal,
            disagreement=difference,
            agree=agree,
            steps=steps,
            ours_seconds=tuple(seconds[ours]) if agree else (),
            peers_seconds=tuple(seconds[peer]) if agree else (),
        )
        rows.append(row)
    return rows

"""The contest: contenders take turns on one workload, of which only one works at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..benchmark import turns
from ..comparison import Comparison, compare_seconds
from .processes import Process
from .workloads import Workload

__all__ = ["Row", "Tell", "Terms", "contest", "disagreement", "silent"]

Tell = Callable[[str, float], None]
"""Is told what is being measured, and which fraction of the whole is done."""


def silent(text: str, done: float) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Terms:
    """How a contest is held.

    Attributes:
        check_steps: all take so many steps first, and must compute the same.
        tolerance: how far their values may differ.
        sample_seconds: the least length of a sample.
        samples: how many of each contender.
        least_samples, enough_seconds: once these are taken and this time is over, no more are.
        collecting: Python's cyclic garbage collector is on, as its user has it. What it finds in
            these processes is the contender's own garbage, so to collect it is the contender's own
            work.
    """

    check_steps: int = 5
    tolerance: float = 1e-3
    sample_seconds: float = 0.1
    samples: int = 15
    least_samples: int = 8
    enough_seconds: float = 60.0
    collecting: bool = True


@dataclass(frozen=True)
class Row:
    """One workload on two contenders.

    Attributes:
        ours, peer: names of the two.
        ours_seconds, peers_seconds: seconds per step; the i-th of both were taken in turn.
        ours_steps, peers_steps: a sample is so many steps in a row.
        disagreement: the largest relative difference between the values they computed.
        agree: is it below the tolerance? If not, nothing was timed.
    """

    workload: str
    ours: str
    peer: str
    goal: float | None
    disagreement: float
    agree: bool
    ours_steps: int = 0
    peers_steps: int = 0
    ours_seconds: tuple[float, ...] = ()
    peers_seconds: tuple[float, ...] = ()

    @property
    def comparison(self) -> Comparison:
        """How many times as fast ours is: the median of the ratios of the pairs."""
        names = (self.ours, self.peer)
        return compare_seconds(self.ours_seconds, self.peers_seconds, names=names)

    @property
    def reached(self) -> bool:
        """Is the ratio as high as we mean it to be?"""
        return self.goal is None or (self.agree and self.comparison.ratio >= self.goal)


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
    terms: Terms | None = None,
    tell: Tell = silent,
) -> list[Row]:
    """Our process, the first, against each of the others, on one workload.

    First all take a few steps; a peer whose values differ by more than the tolerance is not timed.
    Then samples are taken in turns, each of as many steps as the contender needs for
    ``terms.sample_seconds``.
    """
    terms = terms or Terms()
    values = []
    for process in processes:
        tell(f"{process.contender.name} computes", 0.0)
        values.append(process.ask(do="watch", workload=workload.name, steps=terms.check_steps))
    differences = [disagreement(values[0], other) for other in values]
    timed = [p for p, d in zip(processes, differences, strict=True) if d <= terms.tolerance]
    steps, seconds = _samples(workload, timed, terms, tell) if len(timed) > 1 else ({}, {})
    ours = processes[0].contender.name
    rows = []
    for process, difference in zip(processes[1:], differences[1:], strict=True):
        peer, agree = process.contender.name, process in timed and processes[0] in timed
        row = Row(
            workload=workload.name,
            ours=ours,
            peer=peer,
            goal=workload.goals.get(peer),
            disagreement=difference,
            agree=agree,
            ours_steps=steps[ours] if agree else 0,
            peers_steps=steps[peer] if agree else 0,
            ours_seconds=tuple(seconds[ours]) if agree else (),
            peers_seconds=tuple(seconds[peer]) if agree else (),
        )
        rows.append(row)
    return rows


def _samples(
    workload: Workload, processes: Sequence[Process], terms: Terms, tell: Tell
) -> tuple[dict[str, int], dict[str, list[float]]]:
    """Steps per sample, and the seconds per step of all samples, by contender."""
    ask = {p.contender.name: partial(p.ask, workload=workload.name) for p in processes}
    steps: dict[str, int] = {}
    for name in ask:
        tell(f"{name} warms up", 0.0)
        steps[name] = ask[name](do="calibrate", seconds=terms.sample_seconds)
    seconds: dict[str, list[float]] = {name: [] for name in ask}
    started = time.perf_counter()
    for i, order in enumerate(turns(list(ask), terms.samples)):
        late = time.perf_counter() - started > terms.enough_seconds
        if late and i >= terms.least_samples:
            break
        for name in order:
            tell(f"{name}, sample {i + 1}", i / terms.samples)
            total = ask[name](do="time", steps=steps[name], collecting=terms.collecting)
            seconds[name].append(total / steps[name])
    return steps, seconds

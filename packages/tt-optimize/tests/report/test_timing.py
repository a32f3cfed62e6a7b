"""Contenders take turns, a ratio is one of the same turn, and the clock leaves others out."""

from __future__ import annotations

import gc
import time

import pytest

from tt_optimize.report import timing
from tt_optimize.report.timing import Stopwatch, Times, by_turns, repeated


def test_contenders_take_turns_and_the_first_does_not_count() -> None:
    order: list[str] = []

    def contender(name: str) -> float:
        order.append(name)
        return float(len(order))

    times = by_turns({"a": lambda: contender("a"), "b": lambda: contender("b")}, turns=2)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert times.seconds == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_ratios_are_taken_turn_by_turn() -> None:
    # the machine becomes ten times slower; the ratio stays
    times = Times({"slow": [2.0, 4.0, 20.0], "fast": [1.0, 2.0, 10.0]})
    assert times.ratio("slow", "fast") == (2.0, 2.0, 2.0)
    assert times.median("slow") == 4.0


class Clocks:
    """Stands in for the module `time`: a wall clock and a processor's, moved by hand."""

    def __init__(self) -> None:
        self.wall = self.processor = 100.0

    def perf_counter(self) -> float:
        return self.wall

    def process_time(self) -> float:
        return self.processor

    def compute(self, seconds: float, threads: int = 1) -> None:
        self.wall += seconds
        self.processor += seconds * threads

    def wait(self, seconds: float) -> None:
        self.wall += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(timing, "time", clocks)
    return clocks


def test_the_stopwatch_does_not_count_waiting(clocks: Clocks) -> None:
    with Stopwatch() as watch:
        clocks.compute(2.0)
        clocks.wait(5.0)
    assert watch.seconds == 2.0


def test_work_of_two_threads_at_once_counts_once(clocks: Clocks) -> None:
    with Stopwatch() as watch:
        clocks.compute(2.0, threads=2)
    assert watch.seconds == 2.0


def test_of_repeated_calls_the_mean_counts(clocks: Clocks) -> None:
    lengths = iter([1.0, 2.0, 3.0, 6.0])
    assert repeated(lambda: clocks.compute(next(lengths)), 4)() == 3.0


def test_it_counts_computing_without_the_collector() -> None:
    collecting = []
    with Stopwatch() as watch:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            collecting.append(gc.isenabled())
    assert watch.seconds > 0.02 and not any(collecting) and gc.isenabled()

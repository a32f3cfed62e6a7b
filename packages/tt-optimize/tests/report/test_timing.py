"""Contenders take turns, a ratio is one of the same turn, and the clock leaves others out."""

from __future__ import annotations

import gc
import time

import pytest

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


def test_the_stopwatch_does_not_count_waiting() -> None:
    with Stopwatch() as watch:
        time.sleep(0.2)
    assert 0 <= watch.seconds < 0.1


def test_it_counts_computing_without_the_collector() -> None:
    collecting = []
    with Stopwatch() as watch:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            collecting.append(gc.isenabled())
    assert 0.02 < watch.seconds < 1 and not any(collecting) and gc.isenabled()


def test_of_repeated_calls_the_mean_counts() -> None:
    calls = []
    seconds = repeated(lambda: calls.append(sum(range(20_000))), 10)()
    assert len(calls) == 10
    with Stopwatch() as watch:
        sum(range(20_000))
    assert seconds == pytest.approx(watch.seconds, rel=5)

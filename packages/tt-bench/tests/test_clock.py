"""Samples: what the clocks show, without garbage collection, long enough to be told apart."""

import gc
import subprocess
import sys
import time

import pytest

from tt_bench.clock import WALL, calibrate, clock_resolution, time_calls


def test_the_resolution_is_the_smallest_step() -> None:
    readings = iter([0.0, 0.0, 0.5, 0.5, 0.75, 0.75, 1.75])
    assert clock_resolution(lambda: next(readings), steps=3) == 0.25


def test_a_clock_that_stands_still_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="stands still"):
        clock_resolution(lambda: 1.0)


def test_calls_are_timed_together(clock) -> None:
    assert time_calls(clock.takes(0.25), 4, (clock,)) == pytest.approx(1.0)


def test_the_least_of_several_clocks_counts(clock) -> None:
    assert time_calls(clock.takes(1.0), 3, (clock, lambda: clock.now / 10)) == pytest.approx(0.3)


def test_processor_time_leaves_waiting_out() -> None:
    def wait() -> None:
        time.sleep(0.03)

    assert time_calls(wait, 1, WALL) >= 0.03
    # In a process of its own: threads of a BLAS that wait busily would count as this one's work.
    waiting = "import time; from tt_bench.clock import LEAST, time_calls; "
    waiting += "print(time_calls(lambda: time.sleep(0.3), 1, LEAST))"
    printed = subprocess.run(
        [sys.executable, "-c", waiting], capture_output=True, text=True, check=True
    )
    assert float(printed.stdout) < 0.15


@pytest.mark.parametrize("collecting", [True, False])
def test_the_garbage_collector_rests_meanwhile(collecting: bool) -> None:
    seen = []

    def fail() -> None:
        seen.append(gc.isenabled())
        raise ZeroDivisionError

    before = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        with pytest.raises(ZeroDivisionError):
            time_calls(fail, 1)
        assert (seen, gc.isenabled()) == ([False], collecting)
    finally:
        (gc.enable if before else gc.disable)()


def test_calibration_finds_enough_calls(clock) -> None:
    assert calibrate(clock.takes(0.3), 1.0, (clock,)) == 4
    assert calibrate(clock.takes(5.0), 1.0, (clock,)) == 1


def test_one_interruption_does_not_end_the_calibration(clock) -> None:
    lengths = iter([2.0])
    assert calibrate(lambda: clock.work(next(lengths, 0.3)), 1.0, (clock,)) == 4

"""Reading clocks: how long one sample took, and how finely that can be told."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Callable, Sequence

__all__ = ["LEAST", "WALL", "Clock", "calibrate", "clock_resolution", "time_calls"]

Clock = Callable[[], float]

# Bound when this module is loaded, so a measured function cannot replace the clock it is timed by.
WALL: tuple[Clock, ...] = (time.perf_counter,)
# The least of wall time and the processor time of this process. On one thread the two agree on a
# quiet machine; on a busy one the second leaves out the time in which others were running.
LEAST: tuple[Clock, ...] = (time.perf_counter, time.process_time)


def clock_resolution(clock: Clock = time.perf_counter, steps: int = 10) -> float:
    """The smallest step that the clock is seen to make, in seconds.

    The clock is read until it shows another time, ``steps`` times; the smallest difference counts.
    It contains the time of reading the clock, which limits what can be told apart just as well.

    Raises:
        RuntimeError: the clock stands still for a million readings.

    >>> 0 < clock_resolution() < 0.1
    True
    """
    smallest = float("inf")
    for _ in range(steps):
        start = now = clock()
        for _ in range(1_000_000):
            now = clock()
            if now != start:
                break
        else:
            raise RuntimeError("the clock stands still: a million readings showed the same time")
        smallest = min(smallest, now - start)
    return smallest


def time_calls(
    function: Callable[[], object],
    calls: int,
    clocks: Sequence[Clock] = WALL,
    *,
    collecting: bool = False,
) -> float:
    """The seconds that ``calls`` calls in a row take: the least that any of the clocks shows.

    Python's cyclic garbage collector is switched off meanwhile (and on again, if it was on): whose
    garbage it would collect is a matter of chance. With ``collecting`` it stays as it is, for a
    process that holds no garbage but the function's own. The loop's own 10-20 ns a call are
    included.

    >>> time_calls(lambda: None, calls=1000) > 0
    True
    """
    enabled = gc.isenabled()
    if not collecting:
        gc.disable()
    try:
        starts = [clock() for clock in clocks]
        for _ in itertools.repeat(None, calls):
            function()
        ends = [clock() for clock in clocks]
    finally:
        if enabled:
            gc.enable()
    return min(end - start for start, end in zip(starts, ends, strict=True))


def calibrate(
    function: Callable[[], object], at_least_seconds: float, clocks: Sequence[Clock] = WALL
) -> int:
    """How many calls make a sample of at least that length: 1, 2, 4, 8, ...

    A number is taken when two samples in a row are long enough, so that one interruption of a short
    sample does not end the search.

    >>> import time
    >>> calibrate(lambda: time.sleep(0.001), at_least_seconds=0.0005)
    1
    """
    calls = 1
    while (
        time_calls(function, calls, clocks) < at_least_seconds
        or time_calls(function, calls, clocks) < at_least_seconds
    ):
        calls *= 2
    return calls

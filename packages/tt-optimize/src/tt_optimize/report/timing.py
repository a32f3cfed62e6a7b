"""Times that can be compared: contenders by turns, and ratios turn by turn."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

__all__ = ["Stopwatch", "Times", "by_turns", "repeated"]


class Stopwatch:
    """In a ``with``: how many seconds it took, without the cyclic garbage collector.

    That is the least of wall time and of this process's processor time. The two agree on a quiet
    machine; on a busy one the second leaves out the time in which others were running.

    >>> with Stopwatch() as watch:
    ...     total = sum(range(1000))
    >>> 0 < watch.seconds < 1
    True
    """

    seconds: float

    def __enter__(self) -> Self:
        gc.disable()
        self.wall, self.processor = time.perf_counter(), time.process_time()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wall, processor = time.perf_counter(), time.process_time()
        gc.enable()
        self.seconds = min(wall - self.wall, processor - self.processor)


@dataclass(frozen=True)
class Times:
    """Seconds of each contender, one for each turn.

    >>> times = Times({"slow": [2.0, 4.0, 6.0], "fast": [1.0, 1.0, 2.0]})
    >>> times.median("fast"), times.ratio("slow", "fast")
    (1.0, (3.0, 2.5, 3.5))
    """

    seconds: Mapping[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """The median of a contender's seconds."""
        return statistics.median(self.seconds[name])

    def ratio(self, slow: str, fast: str) -> tuple[float, float, float]:
        """How often ``fast`` fits into ``slow``: the median over the turns, and the quartiles.

        The two of a turn met the same state of the machine, so their ratio varies less than they.
        """
        ratios = [s / f for s, f in zip(self.seconds[slow], self.seconds[fast], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return middle, low, high


def repeated(call: Callable[[], object], calls: int) -> Callable[[], float]:
    """A contender for `by_turns`: the seconds of one call, from ``calls`` in a row."""

    def sample() -> float:
        with Stopwatch() as watch:
            for _ in range(calls):
                call()
        return watch.seconds / calls

    return sample


def by_turns(contenders: Mapping[str, Callable[[], float]], turns: int) -> Times:
    """Let A, B, C take a sample each, then A, B, C again: a busy moment meets all of them.

    Args:
        contenders: by name, what returns the seconds of one sample.
        turns: how many samples of each; one more comes first and does not count.
    """
    times = Times({name: [] for name in contenders})
    for turn in range(turns + 1):
        for name, sample in contenders.items():
            seconds = sample()
            if turn:
                times.seconds[name].append(seconds)
    return times

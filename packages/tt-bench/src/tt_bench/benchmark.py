"""The Benchmark: contenders take turns, sample by sample, under the same conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from secrets import token_hex

from threadpoolctl import threadpool_limits

from .clock import WALL, Clock, calibrate, clock_resolution, time_calls
from .comparison import CONFIDENCE
from .machine import Machine
from .resampling import bootstrap_ratio
from .result import BenchmarkResult

__all__ = ["Benchmark", "clock_name", "pinned_threads", "turns"]

Contender = Callable[[], object]

MOST = 10  # times as many samples as asked for, if they are needed to be precise


def pinned_threads(threads: int | None) -> AbstractContextManager[object]:
    """Limit BLAS and OpenMP to so many threads inside a ``with``; None leaves them alone."""
    if threads is None:
        return nullcontext()
    if threads < 1:
        raise ValueError(f"threads: expected at least 1 or None, got {threads}")
    limits: AbstractContextManager[object] = threadpool_limits(limits=threads)
    return limits


def turns(names: Sequence[str], rounds: int) -> list[tuple[str, ...]]:
    """The order of each round; every name takes every place in it equally often.

    >>> turns(["A", "B"], rounds=3)
    [('A', 'B'), ('B', 'A'), ('A', 'B')]
    """
    shifts = (i % len(names) for i in range(rounds))
    return [(*names[shift:], *names[:shift]) for shift in shifts]


def clock_name(clocks: Sequence[Clock]) -> str:
    """What a sample is: the name of the clock, or 'min(...)' of several."""
    names = [getattr(clock, "__name__", type(clock).__name__) for clock in clocks]
    return names[0] if len(names) == 1 else f"min({', '.join(names)})"


class Benchmark:
    """Time one function, or several against each other in one run.

    Each is called a few times to warm up. Then it is found out how many calls make a sample of
    ``sample_seconds``, or of 1000 steps of the clock if that is longer. Then samples are taken in
    turns, A B, B A, A B, ..., so that whatever else the machine does meets all of them alike.

    How many samples are enough depends on how unquiet the machine is. So after ``samples`` of each,
    more follow until the ratios to the first contender are known to ±``precision``, or until there
    are ten times as many. Only the width of the intervals decides when it ends, never which way
    they point: to stop when a winner shows would find winners among equals.

    Args:
        contenders: a function of no arguments, or several by name.
        name: what is measured.
        samples: how many of each, at least; 8 are needed to tell which of two is faster.
        precision: half the width of the 99 % confidence intervals of the ratios at which it ends;
            None takes exactly ``samples``.
        sample_seconds: how long a sample should at least take.
        warmup_calls: how often each is called before.
        threads: the limit for BLAS threads; None sets none.
        clocks: a sample is the least that these show. ``WALL`` is what a user waits for; ``LEAST``
            leaves out the time in which other processes were running, for work on one thread.

    >>> import numpy as np
    >>> x = np.ones((64, 64), np.float32)
    >>> results = Benchmark({"product": lambda: x @ x, "sum": lambda: x + x}, samples=6).run()
    >>> list(results)
    ['product', 'sum']
    >>> results["product"].median_seconds > 0
    True
    """

    def __init__(
        self,
        contenders: Contender | Mapping[str, Contender],
        name: str = "",
        *,
        samples: int = 30,
        precision: float | None = 0.02,
        sample_seconds: float = 0.005,
        warmup_calls: int = 2,
        threads: int | None = 1,
        clocks: Sequence[Clock] = WALL,
    ) -> None:
        if not isinstance(contenders, Mapping):
            name = name or getattr(contenders, "__name__", type(contenders).__name__)
            contenders = {name: contenders}
        if not contenders or not all(callable(function) for function in contenders.values()):
            raise TypeError(f"Benchmark: expected functions by name, got {contenders!r}")
        if samples < 1 or warmup_calls < 0 or sample_seconds < 0 or not clocks:
            raise ValueError(
                "Benchmark: expected samples >= 1, warmup_calls >= 0, sample_seconds >= 0 and a "
                f"clock, got {samples}, {warmup_calls}, {sample_seconds}, {clocks}"
            )
        if precision is not None and not precision > 0:
            raise ValueError(f"Benchmark: expected precision > 0 or None, got {precision}")
        self.contenders = dict(contenders)
        self.name = name or " against ".join(self.contenders)
        self.samples = samples
        self.precision = precision
        self.sample_seconds = sample_seconds
        self.warmup_calls = warmup_calls
        self.threads = threads
        self.clocks = tuple(clocks)

    def run(self) -> dict[str, BenchmarkResult]:
        """Measure all contenders; the results are in the order in which they were given."""
        machine, run = Machine.here(), token_hex(8)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        resolution = max(clock_resolution(clock) for clock in self.clocks)
        with pinned_threads(self.threads):
            calls = {name: self._prepare(name, resolution) for name in self.contenders}
            seconds: dict[str, list[float]] = {name: [] for name in self.contenders}
            enough = self.samples
            for done, order in enumerate(turns(list(self.contenders), MOST * self.samples)):
                if done == enough:
                    if self._is_precise(seconds):
                        break
                    enough += max(1, self.samples // 2)
                for name in order:
                    total = time_calls(self.contenders[name], calls[name], self.clocks)
                    seconds[name].append(total / calls[name])
        return {
            name: BenchmarkResult(
                name=name,
                samples_seconds=tuple(seconds[name]),
                calls_per_sample=calls[name],
                warmup_calls=self.warmup_calls,
                threads=self.threads,
                clock=clock_name(self.clocks),
                resolution_seconds=resolution,
                run=run,
                started=started,
                machine=machine,
            )
            for name in self.contenders
        }

    def _is_precise(self, seconds: Mapping[str, Sequence[float]]) -> bool:
        """Are the ratios to the first contender known well enough?"""
        first, *others = seconds.values()
        if self.precision is None or min(map(min, seconds.values())) <= 0:
            return True
        for other in others:
            _, (low, high) = bootstrap_ratio(other, first, True, CONFIDENCE)
            if high / low > (1 + self.precision) ** 2:
                return False
        return True

    def _prepare(self, name: str, resolution: float) -> int:
        """Warm a contender up and find how many of its calls make a sample."""
        function = self.contenders[name]
        for _ in range(self.warmup_calls):
            function()
        return calibrate(function, max(self.sample_seconds, 1000 * resolution), self.clocks)

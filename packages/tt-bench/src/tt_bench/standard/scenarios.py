"""Three ways in which queries arrive, and what is measured in each.

They are MLPerf Inference's (Reddi et al. 2020, §IV): a telephone asks one thing at a time, a
laboratory has everything ready at once, a server is asked whenever somebody happens to ask.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..clock import Clock

__all__ = ["Offline", "Server", "SingleStream", "offline", "server", "single_stream"]

Predict = Callable[[Any], Any]
WARMUP = 3


@dataclass(frozen=True)
class SingleStream:
    """One query after another: the next is asked when the last is answered.

    Attributes:
        latencies_seconds: of each query, in order.
    """

    latencies_seconds: tuple[float, ...]

    def percentile(self, percent: float) -> float:
        """So many of a hundred queries took at most this long, in seconds; between two of the
        latencies, as ``np.percentile`` puts it."""
        return float(np.percentile(self.latencies_seconds, percent))


@dataclass(frozen=True)
class Offline:
    """Everything at once, in batches of any size.

    Attributes:
        items: how many were answered.
        seconds: how long all of them took.
    """

    items: int
    seconds: float

    @property
    def throughput(self) -> float:
        """Items a second."""
        return self.items / self.seconds


@dataclass(frozen=True)
class Server:
    """Queries that arrive at random; one that finds the server busy waits.

    Attributes:
        rate: queries a second, on average; the times between two are exponentially distributed.
        latencies_seconds: from arrival to answer, waiting included.
    """

    rate: float
    latencies_seconds: tuple[float, ...]

    def percentile(self, percent: float) -> float:
        """So many of a hundred queries were answered within this time, in seconds; between two of
        the latencies, as ``np.percentile`` puts it."""
        return float(np.percentile(self.latencies_seconds, percent))


def single_stream(
    predict: Predict,
    queries: Sequence[Any],
    clock: Clock = time.perf_counter,
    *,
    warmup: Sequence[Any] | None = None,
) -> SingleStream:
    """Ask one query after another, after a few to warm up: the first three, or ``warmup``.

    >>> result = single_stream(len, ["one", "three"])
    >>> len(result.latencies_seconds), result.percentile(50) > 0
    (2, True)
    """
    for query in queries[:WARMUP] if warmup is None else warmup:
        predict(query)
    latencies = []
    for query in queries:
        start = clock()
        predict(query)
        latencies.append(clock() - start)
    return SingleStream(tuple(latencies))


def offline(
    predict: Predict,
    batches: Sequence[Any],
    clock: Clock = time.perf_counter,
    *,
    warmup: Sequence[Any] | None = None,
) -> Offline:
    """Ask batch after batch, after some to warm up: the first one, or ``warmup``.

    >>> offline(len, [["a", "b"], ["c"]]).items
    3
    """
    for batch in batches[:1] if warmup is None else warmup:
        predict(batch)
    start = clock()
    for batch in batches:
        predict(batch)
    return Offline(sum(map(len, batches)), clock() - start)


def server(
    predict: Predict,
    queries: Sequence[Any],
    rate: float,
    seed: int = 0,
    *,
    clock: Clock = time.perf_counter,
    sleep: Callable[[float], object] = time.sleep,
    warmup: Sequence[Any] | None = None,
) -> Server:
    """Let queries arrive as a Poisson process and answer them one by one, first come first served.

    A query's latency runs from its arrival, whether or not the server was still busy then. Asking
    goes on in real time: n queries take about n / rate seconds.

    Raises:
        ValueError: the rate is not above 0.

    >>> result = server(len, ["one", "three"] * 5, rate=1000.0)
    >>> len(result.latencies_seconds), result.rate
    (10, 1000.0)
    """
    if not rate > 0:
        raise ValueError(f"server: expected a rate above 0 queries a second, got {rate}")
    for query in queries[:WARMUP] if warmup is None else warmup:
        predict(query)
    arrivals = np.random.default_rng(seed).exponential(1 / rate, len(queries)).cumsum().tolist()
    latencies = []
    start = clock()
    for query, arrival in zip(queries, arrivals, strict=True):
        wait = start + arrival - clock()
        if wait > 0:
            sleep(wait)
        predict(query)
        latencies.append(clock() - start - arrival)
    return Server(rate, tuple(latencies))

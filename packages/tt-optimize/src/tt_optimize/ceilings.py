"""What this machine can do at best, measured: the two ceilings of the roofline.

No number from a data sheet: a product of matrices shows how many operations a second the BLAS
library reaches with the threads it has now, and sums of arrays larger than any cache how many bytes
a second come from memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from tt_tensor import ones

__all__ = ["Ceilings", "measure_ceilings"]

_MATRIX = 1024  # 12 MB for three; large enough for full speed
_LARGE = 1 << 24  # numbers: 64 MB, more than a core's share of any cache
_SMALL = 1 << 14  # numbers: three arrays of 64 kB stay in a core's own cache


@dataclass(frozen=True)
class Ceilings:
    """The best this machine did in one run.

    Attributes:
        flops_per_second: of float32 matrix products.
        bytes_per_second: read and written, of arrays in memory.
        cache_bytes_per_second: the same of arrays that fit into a core's own cache.
        call_seconds: of an operation on a single number: what any call takes.
    """

    flops_per_second: float
    bytes_per_second: float
    cache_bytes_per_second: float
    call_seconds: float

    @property
    def ridge(self) -> float:
        """FLOPs a byte at which both ceilings meet: below it memory limits, above it arithmetic."""
        return self.flops_per_second / self.bytes_per_second

    def roof(self, intensity: float) -> float:
        """The most FLOPs a second at so many FLOPs a byte: min(peak, intensity · bandwidth)."""
        return min(self.flops_per_second, intensity * self.bytes_per_second)


def best_seconds(run: Callable[[], object], budget: float) -> float:
    """The shortest of as many runs as fit into ``budget`` seconds, three at least."""
    best, until, runs = float("inf"), perf_counter() + budget, 0
    while runs < 3 or perf_counter() < until:
        start = perf_counter()
        run()
        best = min(best, perf_counter() - start)
        runs += 1
    return best


def measure_ceilings(seconds: float = 0.3) -> Ceilings:
    """Measure this machine's ceilings, for each at least so long; the best run counts.

    Takes about four times ``seconds``, and 200 MB of memory for a moment.

    >>> found = measure_ceilings(seconds=0.01)
    >>> found.flops_per_second > 1e9 and found.ridge > 0
    True
    """
    if not seconds > 0:
        raise ValueError(f"measure_ceilings: expected a positive time, got {seconds}")
    a, b, out = (np.ones((_MATRIX, _MATRIX), np.float32) for _ in range(3))
    product = best_seconds(lambda: np.matmul(a, b, out=out), seconds)
    number = ones(1)
    return Ceilings(
        flops_per_second=2 * _MATRIX**3 / product,
        bytes_per_second=_bandwidth(_LARGE, 1, seconds),
        cache_bytes_per_second=_bandwidth(_SMALL, 50, seconds),
        call_seconds=best_seconds(lambda: [number + number for _ in range(100)], seconds) / 100,
    )


def _bandwidth(size: int, times: int, seconds: float) -> float:
    """Bytes a second of a + b -> out: two arrays read, one written."""
    a, b, out = (np.ones(size, np.float32) for _ in range(3))

    def add() -> None:
        for _ in range(times):
            np.add(a, b, out=out)

    return 3 * a.nbytes * times / best_seconds(add, seconds)

"""Which range the integers should cover: measured on values as they come by.

An observer sees batch after batch and then names a range. The extremes are the safe choice, but one
outlier among thousands makes the steps of all others coarse; to cut it off may err less in all.

- `MinMaxObserver`: from the smallest to the largest value.
- `PercentileObserver`: leaves out the given share of outliers.
- `MSEObserver`: the range whose rounding and cutting errors together are smallest.

The latter two keep a histogram, not the values: memory does not grow with the data.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from tt_tensor import Tensor

__all__ = ["OBSERVERS", "MSEObserver", "MinMaxObserver", "Observer", "PercentileObserver"]

Array = Any
_BINS = 4096  # of the histograms, over both signs


class Observer(Protocol):
    """What calibration needs of an observer."""

    def observe(self, x: Tensor) -> None:
        """Take a batch of values into account."""

    def range(self) -> tuple[float, float]:
        """The range (low, high) to cover."""


def _finite(x: Tensor) -> Array:
    if not np.isfinite(x.array).all():
        raise ValueError("calibration met nan or inf: does the model work on these batches?")
    return x.array


class MinMaxObserver:
    """From the smallest to the largest value ever seen.

    >>> from tt_tensor import tensor
    >>> observer = MinMaxObserver()
    >>> observer.observe(tensor([1.0, -2.0]))
    >>> observer.observe(tensor([3.0]))
    >>> observer.range()
    (-2.0, 3.0)
    """

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf

    def observe(self, x: Tensor) -> None:
        """Widen the range to hold x."""
        values = _finite(x)
        if values.size:
            self.low = min(self.low, float(values.min()))
            self.high = max(self.high, float(values.max()))

    def range(self) -> tuple[float, float]:
        """The extremes; ValueError if no value was seen."""
        if self.low > self.high:
            raise ValueError("the observer has seen no values: no range can be given")
        return self.low, self.high


class _HistogramObserver:
    """Counts in equal bins from -limit to limit; limit is a power of two and grows with the data.

    When it doubles, bins are merged two by two, and no count is lost.
    """

    def __init__(self) -> None:
        self.extremes = MinMaxObserver()
        self.limit = 0.0
        self.counts = np.zeros(_BINS, np.int64)

    def observe(self, x: Tensor) -> None:
        """Count the values of x."""
        self.extremes.observe(x)
        values = x.array.reshape(-1).astype(np.float64)
        peak = float(np.abs(values).max(initial=0.0))
        if peak == 0.0 and not self.limit:
            self.limit = 2.0**-100  # so far only zeros
        while peak >= self.limit:
            self._widen(peak)
        step = 2 * self.limit / _BINS
        bins = np.floor((values + self.limit) / step).astype(np.int64)
        self.counts += np.bincount(np.minimum(bins, _BINS - 1), minlength=_BINS)

    def _widen(self, peak: float) -> None:
        if not self.counts.any() or not self.limit:
            self.limit = float(2.0 ** (np.floor(np.log2(peak)) + 1))
            return
        merged = self.counts.reshape(-1, 2).sum(1)
        self.counts[:] = 0
        self.counts[_BINS // 4 : _BINS // 4 * 3] = merged
        self.limit *= 2

    @property
    def centres(self) -> Array:
        """The middle of each bin."""
        step = 2 * self.limit / _BINS
        return -self.limit + step * (np.arange(_BINS) + 0.5)


class PercentileObserver(_HistogramObserver):
    """A range that leaves out the outliers on both sides.

    Args:
        percentile: how much of the values, in percent, lies below the range's upper end, and above
            its lower end.

    >>> from tt_tensor import arange
    >>> observer = PercentileObserver(90.0)
    >>> observer.observe(arange(1000).float())
    >>> low, high = observer.range()
    >>> abs(low - 100) < 2, abs(high - 900) < 2
    (True, True)
    """

    def __init__(self, percentile: float = 99.9) -> None:
        super().__init__()
        if not 50 < percentile <= 100:
            raise ValueError(f"percentile: expected above 50 to 100, got {percentile}")
        self.percentile = percentile

    def range(self) -> tuple[float, float]:
        """The percentiles, exact to the width of a bin."""
        low, high = self.extremes.range()
        beyond = (1 - self.percentile / 100) * self.counts.sum()
        step = 2 * self.limit / _BINS
        below, above = np.cumsum(self.counts), np.cumsum(self.counts[::-1])
        # the first bin that more than the outliers reach into, from either side
        first = -self.limit + step * int(np.argmax(below > beyond))
        last = self.limit - step * int(np.argmax(above > beyond))
        return float(max(low, first)), float(min(high, last))


class MSEObserver(_HistogramObserver):
    """The range with which int8 errs least, by the mean of (x - dequantized x)².

    Tried are the extremes, each side cut to 99 % ... 5 % of its length, one side after the other.

    >>> from tt_tensor import cat, randn, tensor
    >>> observer = MSEObserver()
    >>> observer.observe(cat([randn(200_000), tensor([15.0])]))
    >>> observer.range()[1] < 12  # one outlier is not worth the precision of all others
    True
    """

    def range(self) -> tuple[float, float]:
        """The best of the ranges tried."""
        low, high = self.extremes.range()
        ends = (min(low, 0.0), max(high, 0.0))
        shares = np.linspace(1.0, 0.05, 96).tolist()
        longer = int(ends[1] > -ends[0])
        for side in (longer, 1 - longer):  # the longer side first: there the outliers are
            cuts = [(1.0, share) if side else (share, 1.0) for share in shares]
            ends = min([(ends[0] * a, ends[1] * b) for a, b in cuts], key=self._error)
        return ends

    def _error(self, ends: tuple[float, float]) -> float:
        """Σ counts · (x - dequantized x)², with each bin's values at its centre."""
        low, high = ends
        if high <= low:
            return 0.0  # nothing but zeros
        used = self.counts > 0
        x, counts = self.centres[used], self.counts[used]
        scale = (high - low) / 255
        zero = np.clip(-128 - np.rint(low / scale), -128, 127)
        q = np.clip(np.rint(x / scale) + zero, -128, 127)
        return float(np.sum(counts * (x - (q - zero) * scale) ** 2))


OBSERVERS = {
    "minmax": MinMaxObserver,
    "percentile": PercentileObserver,
    "mse": MSEObserver,
}

"""The bootstrap: how far a median might have been off, asked of the samples themselves.

Times are skewed, have outliers and no known distribution, so no formula for a normal distribution
fits. The bootstrap needs none: it treats the samples as if they were the whole population, draws
from them again and again, and looks how much the statistic varies.

Source: Efron and Tibshirani 1993, *An Introduction to the Bootstrap*, chapters 6 and 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Interval",
    "bootstrap_median",
    "bootstrap_ratio",
    "fewest_samples",
    "outliers",
    "quartiles",
]

Array = np.ndarray[Any, np.dtype[np.float64]]


class Interval(NamedTuple):
    """From ``low`` to ``high``, both included."""

    low: float
    high: float


def _checked(values: Sequence[float]) -> Array:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise ValueError(f"expected a list of at least one finite number, got {values!r}")
    return array


def _resampled_medians(values: Array, resamples: int, generator: np.random.Generator) -> Array:
    """The median of each of ``resamples`` draws with replacement, each as large as ``values``.

    Shape: (n,) -> (resamples,)
    """
    chosen = generator.integers(0, len(values), (resamples, len(values)))
    return np.asarray(np.median(values[chosen], axis=1))


def _middle(statistics: Array, confidence: float) -> Interval:
    """The interval that leaves (1 - confidence) / 2 of the values out on each side."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
    outside = (1 - confidence) / 2
    low, high = np.quantile(statistics, [outside, 1 - outside])
    return Interval(float(low), float(high))


def bootstrap_median(
    values: Sequence[float], confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """A confidence interval of the median, by the percentile bootstrap.

    Of n values draw n with replacement and take their median; do so ``resamples`` times. The
    interval holds the middle ``confidence`` of these medians: it runs from their (1 - confidence) /
    2 quantile to their (1 + confidence) / 2 quantile. The same seed gives the same interval.

    >>> bootstrap_median([5.0, 5.0, 5.0])
    Interval(low=5.0, high=5.0)
    >>> low, high = bootstrap_median([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    >>> low < 5.0 < high
    True
    """
    generator = np.random.default_rng(seed)
    return _middle(_resampled_medians(_checked(values), resamples, generator), confidence)


def bootstrap_ratio(
    a: Sequence[float],
    b: Sequence[float],
    paired: bool,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, Interval]:
    """How many times b is as large as a, with a confidence interval.

    Paired, where a[i] and b[i] were measured one right after the other: the median of the ratios
    b[i] / a[i], with the ``bootstrap_median`` of these ratios. What slowed both down cancels.

    Not paired: median(b) / median(a); a and b are drawn from independently, and the interval holds
    the middle of the ratios of the drawn medians.

    Raises:
        ValueError: a number is not finite or not above 0; or lists of pairs differ in length.

    >>> bootstrap_ratio([1.0, 2.0, 4.0], [3.0, 6.0, 12.0], paired=True)
    (3.0, Interval(low=3.0, high=3.0))
    """
    first, second = _checked(a), _checked(b)
    if first.min() <= 0 or second.min() <= 0:
        raise ValueError("a ratio needs numbers above 0; time longer samples, with more calls each")
    if paired:
        if len(first) != len(second):
            raise ValueError(
                f"expected as many values in a as in b, got {len(first)}, {len(second)}"
            )
        ratios = second / first
        interval = bootstrap_median(ratios.tolist(), confidence, resamples, seed)
        return float(np.median(ratios)), interval
    generator = np.random.default_rng(seed)
    bottom = _resampled_medians(first, resamples, generator)
    top = _resampled_medians(second, resamples, generator)
    return float(np.median(second) / np.median(first)), _middle(top / bottom, confidence)


def fewest_samples(confidence: float = 0.95) -> int:
    """With fewer samples than this, no interval of the median has this confidence.

    n samples all lie on the same side of the true median with probability 2 · (1/2)ⁿ, and then even
    the interval from the smallest to the largest misses it. So 2 · (1/2)ⁿ <= 1 - confidence is
    needed.

    >>> fewest_samples(0.95), fewest_samples(0.99)
    (6, 8)
    """
    count = 1
    while 2 * 0.5**count > 1 - confidence:
        count += 1
    return count


def quartiles(values: Sequence[float]) -> Interval:
    """The first and the third quartile: half of the values lie between them.

    >>> quartiles([1.0, 2.0, 3.0, 4.0, 5.0])
    Interval(low=2.0, high=4.0)
    """
    low, high = np.quantile(_checked(values), [0.25, 0.75])
    return Interval(float(low), float(high))


def outliers(values: Sequence[float]) -> tuple[float, ...]:
    """The values further than 1.5 interquartile ranges outside the quartiles, in their order.

    They are to be shown, not removed: an interruption of the machine is part of what happened.

    Source: Tukey 1977, *Exploratory Data Analysis* ("outside" values).

    >>> outliers([10.0, 11.0, 10.5, 10.2, 31.0, 10.8])
    (31.0,)
    """
    low, high = quartiles(values)
    reach = 1.5 * (high - low)
    return tuple(float(v) for v in values if not low - reach <= v <= high + reach)

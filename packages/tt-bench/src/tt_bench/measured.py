"""What the judge measured of an entry, and why one was sent off."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .comparison import Comparison, compare_seconds
from .resampling import Interval, bootstrap_median

__all__ = ["Disqualification", "Measured"]


@dataclass(frozen=True)
class Disqualification:
    """An entry that is not ranked, and the reason."""

    entry: str
    reason: str


@dataclass(frozen=True)
class Measured:
    """One entry's accuracy, latency and memory on the held-out queries.

    Attributes:
        correct, graded: right answers, of so many.
        latencies_seconds: the wall time of each timed query, in the queries' order: the i-th of all
            entries belong to the same query, asked right after one another.
        held_bytes: the arrays that model and predict hold.
        working_bytes: the most that was allocated on top of that while it answered.
    """

    entry: str
    techniques: tuple[str, ...]
    correct: int
    graded: int
    latencies_seconds: tuple[float, ...]
    held_bytes: int
    working_bytes: int

    @property
    def accuracy(self) -> float:
        """The fraction of right answers."""
        return self.correct / self.graded

    @property
    def latency_seconds(self) -> float:
        """The median latency of a query."""
        return float(np.median(self.latencies_seconds))

    @property
    def latency_interval_seconds(self) -> Interval:
        """The 95 % confidence interval of the median latency."""
        return bootstrap_median(self.latencies_seconds)

    @property
    def latency_p95_seconds(self) -> float:
        """95 of 100 queries took at most this long."""
        return float(np.quantile(self.latencies_seconds, 0.95))

    @property
    def memory_bytes(self) -> int:
        """The footprint: held and working memory together."""
        return self.held_bytes + self.working_bytes

    def against(self, other: Measured) -> Comparison:
        """How many times as fast as another entry, query by query."""
        names = (self.entry, other.entry)
        return compare_seconds(self.latencies_seconds, other.latencies_seconds, names=names)

    def to_dict(self) -> dict[str, Any]:
        """All fields, and what was derived from them under "derived"."""
        low, high = self.latency_interval_seconds
        derived = {
            "accuracy": self.accuracy,
            "latency_seconds": self.latency_seconds,
            "latency_low_seconds": low,
            "latency_high_seconds": high,
            "latency_p95_seconds": self.latency_p95_seconds,
            "memory_bytes": self.memory_bytes,
        }
        return {**asdict(self), "derived": derived}

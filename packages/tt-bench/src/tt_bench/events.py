"""The five events of the TorchPerf Olympics: every rule and every threshold stands here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from .units import show_bytes, show_percent, show_seconds

__all__ = ["OlympicEvent", "Rules"]


@dataclass(frozen=True)
class Rules:
    """Who may take part in an event, and how a score comes about.

    With the baseline measured in the same run, write

    - S = baseline's median latency / entry's median latency (speed-up),
    - M = baseline's memory / entry's memory (memory reduction),
    - A = entry's accuracy / baseline's accuracy (the entry's own if the baseline has none right).

    Then score = S^speed · M^memory · A^accuracy, and the highest score wins. The baseline's own
    score is 1. Latency is per query; memory is what the entry holds plus the most it allocates
    while it answers. Whoever has no right answer is in no event.

    Attributes:
        speed, memory, accuracy: the three exponents.
        min_accuracy: the least fraction of right answers.
        max_latency_seconds: median latencies must be below this.
        max_memory_bytes: memory must be below this.
    """

    title: str
    goal: str
    speed: float = 0.0
    memory: float = 0.0
    accuracy: float = 0.0
    min_accuracy: float = 0.0
    max_latency_seconds: float | None = None
    max_memory_bytes: int | None = None

    def score(self, speed_up: float, memory_reduction: float, accuracy_ratio: float) -> float:
        """S^speed · M^memory · A^accuracy.

        >>> rules = OlympicEvent.ALL_AROUND.rules
        >>> round(rules.score(speed_up=8.0, memory_reduction=1.0, accuracy_ratio=1.0), 6)
        2.0
        """
        return float(
            speed_up**self.speed * memory_reduction**self.memory * accuracy_ratio**self.accuracy
        )

    def objection(self, accuracy: float, latency_seconds: float, memory_bytes: int) -> str:
        """Why an entry may not take part; empty if it may.

        >>> OlympicEvent.LATENCY_SPRINT.rules.objection(0.8, 0.001, 1000)
        'accuracy 80.0 % is below 85.0 %'
        """
        if accuracy == 0:
            return "it has no right answer"
        if accuracy < self.min_accuracy:
            return f"accuracy {show_percent(accuracy)} is below {show_percent(self.min_accuracy)}"
        if self.max_latency_seconds is not None and latency_seconds >= self.max_latency_seconds:
            limit = show_seconds(self.max_latency_seconds)
            return f"median latency {show_seconds(latency_seconds)} is not below {limit}"
        if self.max_memory_bytes is not None and memory_bytes >= self.max_memory_bytes:
            limit = show_bytes(self.max_memory_bytes)
            return f"memory {show_bytes(memory_bytes)} is not below {limit}"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """The rules as a dict for JSON."""
        return asdict(self)


class OlympicEvent(Enum):
    """The events. What they ask is in ``rules``.

    "Best balanced" in the All-Around is the geometric mean of speed-up, memory reduction and
    accuracy ratio: doubling any one of the three counts the same, and no one of them can be given
    up for free. "Most aggressive" in the Extreme Push is the product of speed-up and memory
    reduction, the accuracy being free above its threshold.

    >>> for event in OlympicEvent:
    ...     print(f"{event.rules.title}: {event.rules.goal}")
    Latency Sprint: fastest inference with accuracy of at least 85 %
    Memory Challenge: smallest footprint with accuracy of at least 85 %
    Accuracy Contest: highest accuracy with latency below 100 ms and memory below 10 MB
    All-Around: best balance: geometric mean of speed-up, memory reduction and accuracy ratio
    Extreme Push: largest speed-up × memory reduction with accuracy of at least 80 %
    """

    LATENCY_SPRINT = Rules(
        title="Latency Sprint",
        goal="fastest inference with accuracy of at least 85 %",
        speed=1.0,
        min_accuracy=0.85,
    )
    MEMORY_CHALLENGE = Rules(
        title="Memory Challenge",
        goal="smallest footprint with accuracy of at least 85 %",
        memory=1.0,
        min_accuracy=0.85,
    )
    ACCURACY_CONTEST = Rules(
        title="Accuracy Contest",
        goal="highest accuracy with latency below 100 ms and memory below 10 MB",
        accuracy=1.0,
        max_latency_seconds=0.100,
        max_memory_bytes=10_000_000,
    )
    ALL_AROUND = Rules(
        title="All-Around",
        goal="best balance: geometric mean of speed-up, memory reduction and accuracy ratio",
        speed=1 / 3,
        memory=1 / 3,
        accuracy=1 / 3,
    )
    EXTREME_PUSH = Rules(
        title="Extreme Push",
        goal="largest speed-up × memory reduction with accuracy of at least 80 %",
        speed=1.0,
        memory=1.0,
        min_accuracy=0.80,
    )

    @property
    def rules(self) -> Rules:
        """Who may take part, and how a score comes about."""
        return self.value

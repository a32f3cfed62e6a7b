"""Places and medals: who came where in an event, and who shares a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .events import OlympicEvent, Rules
from .measured import Measured

__all__ = ["MEDALS", "Standing", "rank"]

MEDALS = ("gold", "silver", "bronze")


@dataclass(frozen=True)
class Standing:
    """Where one entry came in one event.

    Attributes:
        place: 1 is the best; None if the entry may not take part.
        score: by the event's ``Rules``, relative to the baseline; None if it may not take part.
        objection: why it may not take part.
    """

    event: OlympicEvent
    entry: str
    place: int | None
    score: float | None
    objection: str = ""

    @property
    def medal(self) -> str:
        """gold, silver, bronze or nothing."""
        return MEDALS[self.place - 1] if self.place and self.place <= len(MEDALS) else ""


def rank(
    event: OlympicEvent, measured: Sequence[Measured], baseline: Measured
) -> tuple[Standing, ...]:
    """The standings of an event, best first, then those who may not take part.

    Entries are ordered by score. One shares the place of the first of those before it, unless it is
    shown to be worse: a difference in latency counts only where ``compare`` finds one. Whoever
    comes after two that share a place counts both: 1, 1, 3.
    """
    standings, allowed = [], []
    for one in measured:
        objection = event.rules.objection(one.accuracy, one.latency_seconds, one.memory_bytes)
        if objection:
            standings.append(Standing(event, one.entry, None, None, objection))
        else:
            allowed.append((_score(event.rules, one, baseline), one))
    allowed.sort(key=lambda scored: -scored[0])  # stable: equal scores stay in the order of entry

    ranked: list[Standing] = []
    leader = None  # the first of those who share a place
    for number, (score, one) in enumerate(allowed, 1):
        if leader is None or is_worse(event.rules, one, leader):
            leader, place = one, number
        ranked.append(Standing(event, one.entry, place, score))
    return (*ranked, *standings)


def is_worse(rules: Rules, one: Measured, leader: Measured) -> bool:
    """Does the leader's score exceed the other's, if only proven differences in latency count?

    Raised to the event's exponents, the ratios of speed, memory and accuracy between the two give
    the ratio of their scores. The speed ratio is 1 where ``compare`` finds no difference.
    """
    speed = one.against(leader)
    return (
        rules.score(
            1.0 if speed.verdict == "no difference found" else speed.ratio,
            leader.memory_bytes / one.memory_bytes,
            one.accuracy / leader.accuracy,
        )
        < 1 - 1e-12
    )


def _score(rules: Rules, one: Measured, baseline: Measured) -> float:
    return rules.score(
        baseline.latency_seconds / one.latency_seconds,
        baseline.memory_bytes / one.memory_bytes,
        one.accuracy / (baseline.accuracy or 1.0),
    )

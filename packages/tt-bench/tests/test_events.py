"""The five events: thresholds and scores."""

import pytest

from tt_bench import OlympicEvent

SPRINT, MEMORY, ACCURACY, ALL_AROUND, PUSH = OlympicEvent


def allowed(event: OlympicEvent, accuracy: float, latency: float, memory: int) -> bool:
    return not event.rules.objection(accuracy, latency, memory)


def test_there_are_five() -> None:
    assert [event.name for event in OlympicEvent] == [
        "LATENCY_SPRINT",
        "MEMORY_CHALLENGE",
        "ACCURACY_CONTEST",
        "ALL_AROUND",
        "EXTREME_PUSH",
    ]


@pytest.mark.parametrize(("event", "least"), [(SPRINT, 0.85), (MEMORY, 0.85), (PUSH, 0.80)])
def test_accuracy_has_to_reach_the_threshold(event: OlympicEvent, least: float) -> None:
    assert allowed(event, least, 1e6, 10**12)
    assert not allowed(event, least - 1e-9, 1e-6, 1)
    assert "accuracy" in event.rules.objection(least - 0.1, 1e-6, 1)


def test_the_accuracy_contest_limits_latency_and_memory() -> None:
    assert allowed(ACCURACY, 0.01, 0.0999, 9_999_999)
    assert not allowed(ACCURACY, 1.0, 0.1, 1)
    assert not allowed(ACCURACY, 1.0, 0.01, 10_000_000)
    assert ACCURACY.rules.objection(1.0, 0.25, 1) == "median latency 250 ms is not below 100 ms"
    assert ACCURACY.rules.objection(1.0, 0.01, 20_000_000) == "memory 20 MB is not below 10 MB"


def test_everyone_with_a_right_answer_may_enter_the_all_around() -> None:
    assert allowed(ALL_AROUND, 0.01, 1e6, 10**12)


@pytest.mark.parametrize("event", OlympicEvent)
def test_nobody_wins_without_a_right_answer(event: OlympicEvent) -> None:
    assert event.rules.objection(0.0, 1e-6, 1) == "it has no right answer"


@pytest.mark.parametrize(
    ("event", "score"),
    [(SPRINT, 4.0), (MEMORY, 2.0), (ACCURACY, 0.5), (ALL_AROUND, 4 ** (1 / 3)), (PUSH, 8.0)],
)
def test_scores(event: OlympicEvent, score: float) -> None:
    assert event.rules.score(4.0, 2.0, 0.5) == pytest.approx(score)
    assert event.rules.score(1.0, 1.0, 1.0) == 1.0

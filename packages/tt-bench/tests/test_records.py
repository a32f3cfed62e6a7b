"""Personal bests are kept between games, and only the better of two scores."""

import pytest

from tt_bench import (
    Machine,
    Measured,
    OlympicEvent,
    OlympicResults,
    keep_records,
    read_records,
    records_table,
)


def games(**latencies: float) -> OlympicResults:
    measured = [
        Measured(name, (), 95, 100, (seconds,) * 10, 1000, 0) for name, seconds in latencies.items()
    ]
    return OlympicResults(tuple(measured), (), Machine.here(), 13, 3, 1)


SPRINT = OlympicEvent.LATENCY_SPRINT


def test_the_first_games_are_all_bests(tmp_path) -> None:
    path = tmp_path / "bests.json"
    assert read_records(path) == {}
    new = keep_records(games(baseline=0.09, mine=0.045), path)
    assert len(new) == 2 * len(OlympicEvent)
    assert read_records(path)["mine", SPRINT].score == pytest.approx(2.0)
    assert all(best.before is None for best in new)


def test_only_better_scores_replace(tmp_path) -> None:
    path = tmp_path / "bests.json"
    keep_records(games(baseline=0.09, mine=0.045), path)
    assert keep_records(games(baseline=0.09, mine=0.08), path) == []
    assert read_records(path)["mine", SPRINT].score == pytest.approx(2.0)
    new = keep_records(games(baseline=0.09, mine=0.018), path)
    sprint = next(best for best in new if best.event is SPRINT)
    assert (sprint.entry, sprint.before) == ("mine", pytest.approx(2.0))
    assert sprint.score == pytest.approx(5.0)
    assert new[0].event in (SPRINT, OlympicEvent.EXTREME_PUSH)  # the largest gain comes first
    row = records_table([sprint]).rows[0]
    assert row == ("mine", "Latency Sprint", "5", "2")


def test_another_file_is_not_overwritten(tmp_path) -> None:
    path = tmp_path / "bests.json"
    path.write_text('{"schema": "something else", "version": 1}')
    with pytest.raises(ValueError, match="something else"):
        keep_records(games(baseline=0.09), path)
    assert "something else" in path.read_text()

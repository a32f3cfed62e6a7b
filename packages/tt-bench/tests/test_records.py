"""Personal bests are kept between games, and only the better of two scores."""

from concurrent.futures import ThreadPoolExecutor

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

BEST = (
    '{"schema": "tt-bench/personal-bests", "version": 1, "bests": '
    '[{"entry": "a", "event": %s, "score": %s, "date": "2026-01-01"}]}'
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


@pytest.mark.parametrize(
    "content",
    [
        "not JSON",
        "[]",
        '{"schema": "tt-bench/personal-bests", "version": 2, "bests": []}',
        '{"schema": "tt-bench/personal-bests", "version": 1}',
        '{"schema": "tt-bench/personal-bests", "version": 1, "bests": [7]}',
        BEST % ('"LONG_JUMP"', "1.5"),
        BEST % ('"LATENCY_SPRINT"', '"1.5"'),
        BEST % ('"LATENCY_SPRINT"', "Infinity"),
        BEST % ('"LATENCY_SPRINT"', "1e999"),
    ],
)
def test_damaged_files_are_named_and_kept(tmp_path, content: str) -> None:
    path = tmp_path / "bests.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"bests\.json has no personal bests: "):
        keep_records(games(baseline=0.09), path)
    assert path.read_text() == content


def test_games_that_end_together_lose_no_best(tmp_path) -> None:
    path = tmp_path / "bests.json"
    names = [f"entry{number}" for number in range(12)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: keep_records(games(**{name: 0.09}), path), names))
    assert {entry for entry, _ in read_records(path)} == set(names)
    assert {file.name for file in tmp_path.iterdir()} == {"bests.json", "bests.json.lock"}

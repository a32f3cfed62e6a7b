"""Places, medals and ties; tables, Markdown and JSON."""

import io
import json
from collections.abc import Sequence

import numpy as np
import pytest
from rich.console import Console

from tt_bench import Disqualification, Machine, Measured, OlympicEvent, OlympicResults, Standing

SPRINT, MEMORY, ACCURACY, ALL_AROUND, PUSH = OlympicEvent


def measured(
    entry: str, latency: float, correct: int, memory: int, techniques: tuple[str, ...] = ()
) -> Measured:
    """Of 100 queries; latencies differ from query to query, the same way for all entries."""
    latencies = tuple((latency * np.linspace(0.9, 1.1, 41)).tolist())
    return Measured(entry, techniques, correct, 100, latencies, memory, 0)


def results(*entries: Measured, off: Sequence[Disqualification] = ()) -> OlympicResults:
    return OlympicResults(entries, tuple(off), Machine.here(), 44, 3, 1)


BASELINE = measured("baseline", 0.080, 95, 4_000_000)
CACHED = measured("cached", 0.010, 95, 5_000_000, ("KV cache",))
SMALL = measured("small", 0.060, 86, 1_000_000, ("int8", "pruning"))
TINY = measured("tiny", 0.005, 82, 500_000)
GAMES = results(
    BASELINE, CACHED, SMALL, TINY, off=[Disqualification("cheat", "it changed its answer")]
)


def places(standings: Sequence[Standing]) -> dict[str, int | None]:
    return {standing.entry: standing.place for standing in standings}


def test_places_in_every_event() -> None:
    expected = {
        SPRINT: {"cached": 1, "small": 2, "baseline": 3, "tiny": None},
        MEMORY: {"small": 1, "baseline": 2, "cached": 3, "tiny": None},
        ACCURACY: {"baseline": 1, "cached": 1, "small": 3, "tiny": 4},
        ALL_AROUND: {"tiny": 1, "cached": 2, "small": 3, "baseline": 4},
        PUSH: {"tiny": 1, "cached": 2, "small": 3, "baseline": 4},
    }
    assert {event: places(GAMES.standings(event)) for event in OlympicEvent} == expected
    for event in OlympicEvent:
        assert list(places(GAMES.standings(event))) == list(expected[event])  # best first


def test_scores_are_relative_to_the_baseline() -> None:
    scores = {s.entry: s.score for s in GAMES.standings(ALL_AROUND)}
    assert scores["baseline"] == pytest.approx(1.0)
    assert scores["cached"] == pytest.approx((8 * 0.8 * 1) ** (1 / 3))
    assert scores["small"] == pytest.approx((80 / 60 * 4 * 86 / 95) ** (1 / 3))
    assert {s.entry: s.score for s in GAMES.standings(PUSH)}["tiny"] == pytest.approx(16 * 8)


def test_medals_and_objections() -> None:
    standings = {s.entry: s for s in GAMES.standings(SPRINT)}
    assert [standings[e].medal for e in ("cached", "small", "baseline", "tiny")] == [
        "gold", "silver", "bronze", "",
    ]  # fmt: skip
    assert standings["tiny"].objection == "accuracy 82.0 % is below 85.0 %"
    assert standings["tiny"].score is None
    assert GAMES.medals()["cached"] == ["gold", "bronze", "gold", "silver", "silver"]


def test_those_whose_difference_is_noise_share_a_place() -> None:
    generator = np.random.default_rng(0)
    noise = [generator.lognormal(0, 0.05, 41) for _ in range(2)]
    one, two = (
        Measured(name, (), 95, 100, tuple((0.01 * n).tolist()), 1000, 0)
        for name, n in zip("ab", noise, strict=True)
    )
    slower = measured("slower", 0.05, 95, 1000)
    standings = results(slower, one, two).standings(SPRINT)
    assert sorted(s.entry for s in standings[:2]) == ["a", "b"]
    assert [s.place for s in standings] == [1, 1, 3]
    assert [s.medal for s in standings] == ["gold", "gold", "bronze"]


def test_noise_in_latency_does_not_hide_a_difference_in_memory() -> None:
    one = measured("one", 0.0100, 95, 1000)
    two = measured("two", 0.01002, 95, 999)
    assert places(results(one, two).standings(SPRINT)) == {"one": 1, "two": 1}
    assert places(results(one, two).standings(MEMORY)) == {"two": 1, "one": 2}


def test_more_of_one_may_balance_less_of_another() -> None:
    one = measured("one", 0.010, 95, 2000)
    two = measured("two", 0.020, 95, 1000)
    assert places(results(one, two).standings(PUSH)) == {"one": 1, "two": 1}


def test_a_baseline_without_a_right_answer_is_no_accident() -> None:
    games = results(measured("baseline", 0.01, 0, 1000), measured("better", 0.01, 50, 1000))
    assert places(games.standings(ALL_AROUND)) == {"better": 1, "baseline": None}
    assert places(games.standings(SPRINT)) == {"baseline": None, "better": None}
    standings = json.loads(games.to_json())["events"]["ALL_AROUND"]["standings"]
    assert standings[0]["score"] == pytest.approx(0.5 ** (1 / 3))
    assert standings[1]["objection"] == "it has no right answer"


def test_what_is_derived_of_an_entry() -> None:
    assert CACHED.accuracy == 0.95
    assert CACHED.latency_seconds == pytest.approx(0.010)
    assert CACHED.latency_p95_seconds == pytest.approx(0.010 * 1.09)
    low, high = CACHED.latency_interval_seconds
    assert low < 0.010 < high
    assert CACHED.against(BASELINE).ratio == pytest.approx(8)
    assert Measured("x", (), 1, 1, (1.0,), 10, 5).memory_bytes == 15


def test_the_podium() -> None:
    rows = {row[0]: row[1:] for row in GAMES.podium().rows}
    assert rows["Latency Sprint"] == ("cached", "small", "baseline")
    assert rows["Accuracy Contest"] == ("baseline, cached", "–", "small")
    assert len(rows) == len(OlympicEvent)


def test_looking_up_an_entry() -> None:
    assert GAMES["cached"] is CACHED
    assert GAMES.baseline is BASELINE
    with pytest.raises(KeyError, match="disqualified: it changed its answer"):
        GAMES["cheat"]
    with pytest.raises(KeyError, match="no entry 'nobody'"):
        GAMES["nobody"]


def test_the_table_says_what_each_technique_bought() -> None:
    row = {row[0]: row for row in GAMES.measurements_table().rows}["cached"]
    assert row[1:4] == ("KV cache", "95.0 % (95/100)", "10 ms")
    assert row[6] == "8×"
    assert row[-1] == "1.25×"
    note = GAMES.measurements_table().note
    assert "44 held-out queries" in note and "41 of them" in note and "NumPy" in note


def test_printed_plainly_when_piped() -> None:
    file = io.StringIO()
    GAMES.print(Console(file=file))
    text = file.getvalue()
    assert "\x1b" not in text
    for event in OlympicEvent:
        assert f"{event.rules.title}: {event.rules.goal}\n" in text
    assert "it changed its answer" in text
    assert "accuracy 82.0 % is below 85.0 %" in text


def test_markdown_has_every_table() -> None:
    text = GAMES.to_markdown()
    assert text.count("\n### ") + 1 == len(GAMES.tables()) == 8
    assert "| cached | 1 | gold | 8 | 10 ms |" in text
    assert len(results(BASELINE).tables()) == 7


def test_json_has_everything() -> None:
    document = json.loads(GAMES.to_json())
    assert (document["schema"], document["version"]) == ("tt-bench/olympics", 1)
    assert document["baseline"] == "baseline"
    assert document["entries"][1]["latencies_seconds"] == list(CACHED.latencies_seconds)
    assert document["entries"][1]["derived"]["accuracy"] == 0.95
    assert document["disqualified"] == [{"entry": "cheat", "reason": "it changed its answer"}]
    sprint = document["events"]["LATENCY_SPRINT"]
    assert sprint["rules"]["min_accuracy"] == 0.85
    assert sprint["standings"][0]["medal"] == "gold"

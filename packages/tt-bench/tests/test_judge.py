"""The judge measures; entries that raise, change their answers or hide something are found out."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tt_bench import Entry, Limits, OlympicResults, Olympics, Queries, write_entry
from tt_nn import Linear
from tt_tensor import from_numpy

QUESTIONS = [f"{a}+{b}" for a in range(5) for b in range(4)]
ANSWERS = [str(int(q[0]) + int(q[2])) for q in QUESTIONS]
MODEL = np.zeros(1000, np.int8)


def add(question: str) -> str:
    return str(int(question[0]) + int(question[2]))


def judge(clock: Any, *entries: Entry, **options: Any) -> OlympicResults:
    """The entries against a baseline that takes 10 ms and makes no mistake."""
    baseline = Entry("baseline", lambda q: (clock.work(0.010), add(q))[1], MODEL)
    return Olympics(QUESTIONS, ANSWERS, clock=clock, **options).run(baseline, entries)


def reason(results: OlympicResults) -> str:
    """Why the only entry beside the baseline was disqualified."""
    assert [one.entry for one in results.measured] == ["baseline"]
    (off,) = results.disqualified
    return off.reason


def test_accuracy_and_latency_are_measured(clock) -> None:
    def guess(question: str) -> str:
        clock.work(0.002 if question.startswith("0") else 0.004)
        return "3" if question != "0+0" else "?"

    measured = judge(clock, Entry("guess", guess, MODEL[:500].copy()))["guess"]
    assert (measured.correct, measured.graded) == (ANSWERS.count("3"), 20)
    assert measured.latency_seconds == pytest.approx(0.004, rel=1e-3)
    assert len(measured.latencies_seconds) == 17  # 20 without those for warming up
    assert measured.held_bytes == 500


def test_the_order_of_queries_is_kept_and_all_are_asked(clock) -> None:
    asked: list[str] = []

    def note(question: str) -> str:
        asked.append(question)
        clock.work(1.0)
        return question

    judge(clock, Entry("note", note, MODEL))
    assert asked[:20] == QUESTIONS
    assert sorted(asked[20:40]) == sorted(QUESTIONS) and asked[20:40] != QUESTIONS
    assert len(asked) == 43


def test_entries_are_asked_in_turns(clock) -> None:
    asked: list[str] = []

    def entry(name: str) -> Entry:
        return Entry(name, lambda q: (asked.append(name), clock.work(1), q)[2], MODEL)

    judge(clock, entry("a"), entry("b"))
    assert all(set(asked[i : i + 2]) == {"a", "b"} for i in range(0, 40, 2))
    assert {asked[i] for i in range(0, 40, 2)} == {"a", "b"}


def test_remembering_answers_gains_nothing(clock) -> None:
    memory: dict[str, str] = {}

    def remember(question: str) -> str:
        if question not in memory:
            clock.work(0.010)
            memory[question] = add(question)
        clock.work(1e-6)
        return memory[question]

    measured = judge(clock, Entry("remember", remember, MODEL))["remember"]
    assert measured.latency_seconds == pytest.approx(0.010, rel=1e-3)


def test_an_entry_that_sleeps_is_slow(clock) -> None:
    sleeps = Entry("sleeps", lambda q: (clock.work(5.0), add(q))[1], MODEL)
    assert judge(clock, sleeps)["sleeps"].latency_seconds == pytest.approx(5.0)


def raises(at: str) -> Callable[[str], str]:
    def predict(question: str) -> str:
        if question == at:
            raise ZeroDivisionError("so it goes")
        return add(question)

    return predict


@pytest.mark.parametrize("at", [QUESTIONS[0], QUESTIONS[7], QUESTIONS[-1]])
def test_an_entry_that_raises_is_disqualified(clock, at: str) -> None:
    results = judge(clock, Entry("raises", raises(at), MODEL))
    assert reason(results) == "it raised ZeroDivisionError: so it goes"


def test_an_entry_that_exits_does_not_end_the_games(clock) -> None:
    def leave(question: str) -> str:
        raise SystemExit(3)

    assert reason(judge(clock, Entry("leaves", leave, MODEL))) == "it raised SystemExit: 3"


def test_answers_that_change_are_found(clock) -> None:
    count = iter(range(1000))
    by_order = Entry("by order", lambda q: ANSWERS[next(count) % 20], MODEL)
    assert reason(judge(clock, by_order)).startswith("it changed its answer to query ")


def test_an_entry_that_is_right_only_the_first_time_is_found(clock) -> None:
    seen: set[str] = set()

    def first_time(question: str) -> str:
        right = question not in seen
        seen.add(question)
        return add(question) if right else "?"

    assert "changed its answer" in reason(judge(clock, Entry("x", first_time, MODEL)))


@pytest.mark.parametrize("seconds", [float("nan"), -1.0, float("inf")])
def test_a_latency_is_a_number_above_zero(seconds: float) -> None:
    times = iter([0.0, 1.0] + [0.0, seconds] * 1000)
    entries = Entry("b", add, MODEL), Entry("x", add, MODEL)
    games = Olympics(["1+1"], ["2"], clock=lambda: next(times), warmup_queries=0)
    assert "its latency must be a finite number above 0" in reason(
        games.run(Entry("baseline", add, MODEL), entries[1:])
    )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (np.array([1.0, np.nan]), "ValueError: the answer contains NaN"),
        (None, "TypeError: an answer is a text or an array of numbers, got NoneType"),
        (object(), "TypeError: an answer is a text or an array of numbers, got object"),
    ],
)
def test_answers_are_texts_or_numbers(clock, answer: object, why: str) -> None:
    assert why in reason(judge(clock, Entry("x", lambda q: answer, MODEL)))


@pytest.mark.parametrize(
    "answer", ["7", np.array([7]), np.array([7.0, 7.0])], ids=["text", "number", "batch"]
)
def test_an_entry_that_never_looks_is_sent_off(clock, answer: object) -> None:
    results = judge(clock, Entry("x", lambda q: (clock.work(1), answer)[1], MODEL))
    assert reason(results) == f"it answers {answer!r} to every query"


def test_one_answer_to_all_is_right_if_there_is_one(clock) -> None:
    baseline = Entry("yes", lambda q: (clock.work(1), "yes")[1], MODEL)
    results = Olympics(QUESTIONS, ["yes"] * 20, clock=clock).run(baseline)
    assert results["yes"].accuracy == 1.0


def test_an_entry_that_knows_the_answers_fails_on_fresh_queries(clock) -> None:
    table = dict(zip(QUESTIONS, ANSWERS, strict=True))
    fresh = Queries([f"{a}+{b}" for a in range(5, 9) for b in range(5, 9)], [])
    fresh = Queries(fresh.inputs, [add(q) for q in fresh.inputs])
    known = Entry("table", lambda q: (clock.work(1), table.get(q, "?"))[1], MODEL)
    found = reason(judge(clock, known, fresh=fresh))
    assert "100.0 % of the queries rightly, and of fresh ones 0.0 %" in found


def test_fresh_queries_may_be_harder_for_all(clock) -> None:
    def fails_on_nines(question: str) -> str:
        clock.work(1)
        return "?" if "9" in question else add(question)

    entries = Entry("a", fails_on_nines, MODEL), Entry("b", fails_on_nines, MODEL)
    fresh = Queries(["9+1", "1+9"], ["10", "10"])
    results = Olympics(QUESTIONS, ANSWERS, fresh=fresh, clock=clock).run(entries[0], entries[1:])
    assert not results.disqualified


def test_a_text_that_claims_to_equal_everything_does_not(clock) -> None:
    class Agreeable(str):
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            return True

        def strip(self, *args: object) -> "Agreeable":
            return self

    measured = judge(clock, Entry("x", lambda q: (clock.work(1), Agreeable(q))[1], MODEL))["x"]
    assert measured.correct == 0


def test_a_model_must_be_named(clock) -> None:
    assert "holds no arrays" in reason(judge(clock, Entry("x", add, None)))


def test_weights_that_predict_holds_are_counted(clock) -> None:
    hidden = np.zeros(5000, np.int8)

    def predict(question: str) -> str:
        clock.work(len(hidden) * 1e-6)
        return add(question)

    measured = judge(clock, Entry("x", predict, MODEL))["x"]
    assert measured.held_bytes == 6000


def test_working_memory_is_counted(clock) -> None:
    def predict(question: str) -> str:
        clock.work(1)
        np.ones(2_000_000, np.int8)
        return add(question)

    results = judge(clock, Entry("x", predict, MODEL))
    assert 2_000_000 <= results["x"].working_bytes < 2_100_000
    assert results["x"].memory_bytes == 1000 + results["x"].working_bytes
    assert results["baseline"].working_bytes < 100_000


def test_a_classifier_of_batches() -> None:
    generator = np.random.default_rng(0)
    layer = Linear(6, 3)
    images = generator.normal(size=(12, 4, 6)).astype(np.float32)
    labels = [layer(from_numpy(batch)).argmax(-1).numpy() for batch in images]
    labels[0] = (labels[0] + 1) % 3  # 4 of 48 are now wrong

    def predict(batch: np.ndarray) -> np.ndarray:
        return layer(from_numpy(batch)).argmax(-1)

    measured = Olympics(images, labels).run(Entry("linear", predict, layer))["linear"]
    assert (measured.correct, measured.graded) == (44, 48)
    assert measured.held_bytes == 4 * (18 + 3)


def test_inputs_cannot_be_written() -> None:
    def vandal(batch: np.ndarray) -> np.ndarray:
        batch += 1
        return batch

    images = np.ones((5, 1))
    first = Entry("first", lambda x: x * 1, np.zeros(1))
    results = Olympics(images, images).run(first, [Entry("vandal", vandal, np.zeros(1))])
    assert "read-only" in reason_of(results, "vandal")
    assert (images == 1).all()


def reason_of(results: OlympicResults, entry: str) -> str:
    return {off.entry: off.reason for off in results.disqualified}[entry]


def test_an_answer_may_be_a_buffer_that_is_used_again(clock) -> None:
    buffer = np.zeros(1)

    def predict(x: np.ndarray) -> np.ndarray:
        return np.add(x, 1, out=buffer)

    images = np.arange(5.0).reshape(5, 1)
    measured = Olympics(images, images + 1).run(Entry("x", predict, buffer))["x"]
    assert measured.correct == 5


def test_without_a_baseline_there_is_nothing_to_compare(clock) -> None:
    with pytest.raises(RuntimeError, match="baseline 'b' is disqualified: it raised"):
        Olympics(QUESTIONS, ANSWERS, clock=clock).run(Entry("b", raises("0+0"), MODEL))


def test_names_are_given_once(clock) -> None:
    with pytest.raises(ValueError, match="a name of its own"):
        judge(clock, Entry("baseline", add, MODEL))


@pytest.mark.parametrize(
    ("count", "options"),
    [
        (19, {}),
        (20, {"warmup_queries": 20}),
        (20, {"memory_queries": 0}),
        (20, {"warmup_queries": -1}),
    ],
)
def test_impossible_settings_are_refused(count: int, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Olympics(QUESTIONS, ANSWERS[:count], **options)


def test_grading_may_be_ones_own(clock) -> None:
    results = judge(clock, grade=lambda answer, target: [answer in ("1", "2"), True])
    assert results["baseline"].graded == 40
    assert results["baseline"].correct == 20 + ANSWERS.count("1") + ANSWERS.count("2")


def test_progress_is_told(clock) -> None:
    told: list[tuple[int, int]] = []
    judge(clock, Entry("x", add, MODEL), progress=lambda done, total: told.append((done, total)))
    assert len(told) == 2 * 20 * 2
    assert max(told) == (80, 80)
    assert min(told) == (1, 80)


# --- entries in folders ---------------------------------------------------------------------------

HONEST = """
import numpy as np
weights = np.zeros(1000, np.int8)
def load(folder):
    return lambda q: str(int(q[0]) + int(q[2]))
"""
BY_ORDER = """
answers = [str(a + b) for a in range(5) for b in range(4)]
def load(folder):
    told = iter(answers * 10)
    return lambda q: next(told)
"""
FROM_A_FILE = """
import json, numpy as np
weights = np.zeros(1000, np.int8)
def load(folder):
    table = json.loads((folder / "labels.json").read_text())
    return lambda q: table.get(q, "?")
"""


def test_folders_are_judged_like_any_other(tmp_path) -> None:
    folder = write_entry(tmp_path / "a", "honest", HONEST, ("none",))
    sleepy = HONEST.replace("return lambda q: str", "import time\n    return lambda q: str")
    slow = write_entry(
        tmp_path / "b", "slow", sleepy.replace("str(int", "time.sleep(0.01) or str(int")
    )
    results = Olympics(QUESTIONS, ANSWERS, limits=Limits(query_seconds=2)).run(folder, [slow])
    assert not results.disqualified
    assert results["honest"].accuracy == results["slow"].accuracy == 1.0
    assert results["slow"].latency_seconds > 0.01 > results["honest"].latency_seconds
    assert 1000 <= results["honest"].held_bytes < 2000


def test_folders_that_cheat_are_sent_off(tmp_path) -> None:
    honest = write_entry(tmp_path / "a", "honest", HONEST)
    by_order = write_entry(tmp_path / "b", "by order", BY_ORDER)
    table = write_entry(tmp_path / "c", "table", FROM_A_FILE)
    labels = json.dumps(dict(zip(QUESTIONS, ANSWERS, strict=True)))
    (table.path / "labels.json").write_text(labels)
    broken = write_entry(tmp_path / "d", "broken", "import tt_data\ndef load(f): ...")
    fresh = Queries(["5+1", "1+7", "6+6"], ["6", "8", "12"])
    results = Olympics(QUESTIONS, ANSWERS, fresh=fresh).run(honest, [by_order, table, broken])
    assert "changed its answer" in reason_of(results, "by order")
    assert "it knows the answers, not the task" in reason_of(results, "table")
    assert reason_of(results, "broken") == "it imports tt_data, which has the test data"


LOOKUP = """
import numpy as np, time
table = {f"{a}+{b}": str(a + b) for a in range(5) for b in range(4)}
weights = np.zeros(1000, np.int8)
def think(q):
    time.sleep(0.02)
    return str(int(q[0]) + int(q[2]))
def load(folder):
    return lambda q: table[q] if q in table else think(q)
"""


def test_a_table_with_a_model_behind_it_is_found_by_its_times(tmp_path, clock) -> None:
    fresh = Queries([f"{a}+{b}" for a in range(5, 9) for b in range(5, 9)], [])
    fresh = Queries(fresh.inputs, [add(q) for q in fresh.inputs])
    table = dict(zip(QUESTIONS, ANSWERS, strict=True))

    def look_up(question: str) -> str:
        clock.work(0.001 if question in table else 0.010)
        return table.get(question) or add(question)

    found = reason(judge(clock, Entry("x", look_up, MODEL), fresh=fresh))
    assert "takes 1 ms for the queries, and for fresh ones at least 10 ms" in found
    honest = write_entry(tmp_path / "a", "honest", LOOKUP.replace("table[q] if", "think(q) if"))
    cheat = write_entry(tmp_path / "b", "cheat", LOOKUP)
    games = Olympics(QUESTIONS, ANSWERS, fresh=fresh).run(honest, [cheat])
    assert "it looks up what it should compute" in reason_of(games, "cheat")


def test_fresh_queries_may_take_all_longer(clock) -> None:
    def slow_on_nines(question: str) -> str:
        clock.work(0.010 if "9" in question else 0.001)
        return add(question)

    fresh = Queries([f"9+{b}" for b in range(9)], [str(9 + b) for b in range(9)])
    entries = Entry("a", slow_on_nines, MODEL), Entry("b", slow_on_nines, MODEL)
    games = Olympics(QUESTIONS, ANSWERS, fresh=fresh, clock=clock)
    assert not games.run(entries[0], entries[1:]).disqualified


def test_the_same_batch_of_answers_to_every_batch_is_one_answer() -> None:
    images = np.random.default_rng(0).normal(size=(12, 4, 3))
    labels = [batch.argmax(-1) for batch in images]
    first = Entry("first", lambda x: x.argmax(-1), np.zeros(1))
    same = Entry("same", lambda x: np.array([0, 1, 2, 0]), np.zeros(1))
    results = Olympics(images, labels).run(first, [same])
    assert reason_of(results, "same") == "it answers array([0, 1, 2, 0]) to every query"


def test_a_reason_is_one_line(clock) -> None:
    def shout(question: str) -> str:
        raise ValueError("\x1b[2Jone\ntwo" + "!" * 5000)

    found = reason(judge(clock, Entry("x", shout, MODEL)))
    assert found.startswith(r"it raised ValueError: \x1b[2Jone two!!!") and len(found) < 1100

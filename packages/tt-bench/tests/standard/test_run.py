"""The suite as a whole, with references that hardly learned and entries of a few lines."""

import json
import shutil

import pytest

from tt_bench import EntryFolder, Limits, write_entry
from tt_bench.standard import SuiteResults, find_task, run_suite
from tt_bench.standard.command import main

TASK = find_task("digits-mlp")
GUESS = """
import numpy as np
table = np.zeros(5000, np.int8)
def load(folder):
    return lambda images: (images.sum(axis=(1, 2, 3)) % 10).astype(int)
"""


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    return tmp_path_factory.mktemp("references")


@pytest.fixture(scope="module")
def results(references, tmp_path_factory) -> SuiteResults:
    folder = tmp_path_factory.mktemp("entries")
    guess = write_entry(folder / "g", "guess", GUESS)
    cheat = write_entry(folder / "c", "cheat", "import tt_data\ndef load(f): ...")
    entries: dict[EntryFolder, str] = {guess: "open", cheat: "closed"}
    reference = TASK.reference(references, quick=True)
    limits = Limits(load_seconds=30, query_seconds=5)
    return run_suite([(TASK, reference, entries)], queries=30, limits=limits, quick=True)


def test_the_reference_comes_first_and_keeps_its_own_quality(results) -> None:
    first = results.results[0]
    assert (first.entry, first.division, first.asked) == ("digits-mlp", "closed", 30)
    assert first.quality_target == pytest.approx(0.99 * first.accuracy)
    assert first.keeps_quality
    assert len(first.single.latencies_seconds) == len(first.server.latencies_seconds) == 30
    assert first.offline.items == 30
    weights = 4 * (64 * 128 + 128 + 128 * 10 + 10)
    assert weights <= first.held_bytes < weights + 50_000
    assert first.working_bytes > 0


def test_entries_are_measured_against_its_quality(results) -> None:
    _, guess, cheat = results.results
    assert guess.quality_target == results.results[0].quality_target
    assert guess.division == "open"
    assert not guess.keeps_quality and guess.single is not None
    assert cheat.reason == "it imports tt_data, which has the test data"
    assert cheat.single is None and not cheat.keeps_quality


def test_it_is_shown_and_written(results) -> None:
    rows = {row[1]: row for row in results.table().rows}
    assert rows["digits-mlp"][-1] == "kept"
    assert rows["guess"][-1].startswith("below ")
    assert rows["cheat"][-1].startswith("sent off: it imports tt_data")
    document = json.loads(results.to_json())
    assert (document["schema"], document["version"]) == ("tt-bench/standard-suite", 1)
    first = document["results"][0]
    assert len(first["single"]["latencies_seconds"]) == 30
    assert first["derived"]["keeps_quality"] is True


def test_divisions_are_two(references) -> None:
    reference = TASK.reference(references, quick=True)
    with pytest.raises(ValueError, match="one of closed, open; got 'middle'"):
        run_suite([(TASK, reference, {reference: "middle"})], queries=10)


def test_the_command(references, tmp_path, capsys) -> None:
    path = tmp_path / "suite.json"
    arguments = ["digits-mlp", "--quick", "--references", str(references), "--json", str(path)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "measuring digits-mlp" in out and "claims nothing" in out and "\x1b" not in out
    assert json.loads(path.read_text())["quick"] is True


def test_the_command_lists_and_refuses(capsys) -> None:
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.count("the reference reaches") == 4
    with pytest.raises(SystemExit):
        main(["chess"])
    assert "no task 'chess'; there are digits-mlp, " in capsys.readouterr().err


def test_entries_belong_to_one_task(tmp_path) -> None:
    write_entry(tmp_path / "g", "guess", GUESS)
    with pytest.raises(SystemExit, match="name the one task"):
        main(["--entry", str(tmp_path / "g")])


RIGHT_WHEN_ASKED_AGAIN = """
import numpy as np
from tt_models import MLP
from tt_nn import load as read_weights
from tt_tensor import from_numpy
def load(folder):
    model = MLP([64, 128, 10])
    model.load_state_dict(read_weights(folder / "weights.safetensors"))
    asked = set()
    def predict(images):
        if images.tobytes() not in asked:
            asked.add(images.tobytes())
            return np.full(len(images), 10)
        return model(from_numpy(images)).argmax(1).numpy()
    return predict
"""


def test_answers_that_are_timed_are_those_that_are_graded(references, tmp_path) -> None:
    reference = TASK.reference(references, quick=True)
    cheat = write_entry(tmp_path / "c", "cheat", RIGHT_WHEN_ASKED_AGAIN)
    shutil.copy(reference.path / "weights.safetensors", cheat.path)
    _, found = run_suite([(TASK, reference, {cheat: "closed"})], queries=20, quick=True).results
    assert not found.keeps_quality
    assert found.correct == 0


REMEMBERS = """
import numpy as np, time
table, answers = np.zeros(5000, np.int8), {}
def load(folder):
    def predict(images):
        key = images.tobytes()
        if key not in answers:
            time.sleep(0.02)
            answers[key] = (images.sum(axis=(1, 2, 3)) % 10).astype(int)
        return answers[key]
    return predict
"""


def test_remembering_answers_gains_nothing(references, tmp_path) -> None:
    reference = TASK.reference(references, quick=True)
    entry = write_entry(tmp_path / "r", "remembers", REMEMBERS)
    _, found = run_suite([(TASK, reference, {entry: "open"})], queries=20, quick=True).results
    assert min(found.single.latencies_seconds) > 0.02
    assert min(found.server.latencies_seconds) > 0.02
    assert found.offline.seconds > 0.02


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["digits-mlp", "--queries", "0"], "expected at least 3, got 0"),
        (["digits-mlp", "--entry", "nowhere"], "nowhere has no entry.toml"),
        (["digits-mlp", "--json", "nowhere/x.json"], "nowhere/x.json cannot be written"),
    ],
)
def test_the_command_refuses_before_it_measures(capsys, arguments: list[str], said: str) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert said in capsys.readouterr().err

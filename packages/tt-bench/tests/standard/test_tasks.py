"""The tasks: held-out queries, fresh ones beside them, references that can be trained."""

import numpy as np
import pytest

from tt_bench import EntryFolder
from tt_bench.standard import TASKS, Task, find_task
from tt_data import datasets
from tt_data.tinytalks import load_tinytalks

each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


@each_task
def test_queries_have_targets_and_repeat_nothing(task: Task) -> None:
    inputs, targets = task.queries(40)
    assert 30 <= len(inputs) == len(targets) <= 40
    keys = {x if isinstance(x, str) else x.tobytes() for x in inputs}
    assert len(keys) == len(inputs)
    again = task.queries(40)
    assert all(np.array_equal(a, b) for a, b in zip(inputs, again.inputs, strict=True))


@each_task
def test_fresh_queries_are_no_queries(task: Task) -> None:
    known = {x if isinstance(x, str) else x.tobytes() for x in task.queries(10_000).inputs}
    fresh = task.fresh(50)
    assert len(fresh.inputs) == len(fresh.targets) >= 30
    assert not known & {x if isinstance(x, str) else x.tobytes() for x in fresh.inputs}


def test_nothing_that_is_asked_was_trained_on() -> None:
    trained = {image.tobytes() for image in datasets.digits(train=True).tensors()[0].numpy()}
    for query in find_task("digits-cnn").queries(360).inputs:
        assert query[0].tobytes() not in trained
    asked = {turn.question for dialogue in load_tinytalks("train") for turn in dialogue.turns}
    for prompt in find_task("tinytalks-gpt").queries(200).inputs:
        question = prompt.removesuffix("\nA:").rpartition("Q: ")[2]
        assert question not in asked


def test_a_reference_is_trained_once_and_kept(tmp_path) -> None:
    task = find_task("digits-mlp")
    reference = task.reference(tmp_path, quick=True)
    assert isinstance(reference, EntryFolder)
    assert reference.name == "digits-mlp"
    weights = reference.path / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    assert task.reference(tmp_path, quick=True) == reference
    assert weights.stat().st_mtime_ns == before
    assert [path.name for path in tmp_path.iterdir()] == ["digits-mlp-quick"]


def test_a_training_that_breaks_off_leaves_nothing(tmp_path) -> None:
    def interrupted(folder, quick) -> None:
        (folder / "half").write_text("")
        raise KeyboardInterrupt

    task = find_task("digits-mlp")
    broken = Task(task.name, task.title, 0.9, task.queries, task.fresh, interrupted)
    with pytest.raises(KeyboardInterrupt):
        broken.reference(tmp_path)
    assert not (tmp_path / "digits-mlp").exists()
    assert task.reference(tmp_path, quick=True).path.name == "digits-mlp-quick"


def test_tasks_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match="no task 'chess'; there are digits-mlp, "):
        find_task("chess")

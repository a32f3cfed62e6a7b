"""Entries, queries and grading."""

import numpy as np
import pytest

from tt_bench import Entry, exact_match, in_batches
from tt_tensor import tensor


@pytest.mark.parametrize(
    ("answer", "target", "right"),
    [
        ("Paris.", "Paris.", [True]),
        (" Paris.\n", "Paris.", [True]),
        ("paris.", "Paris.", [False]),
        ("", "Paris.", [False]),
        (3, "3", [False]),
        (3, 3, [True]),
        (np.array([1, 2]), [1, 3], [True, False]),
        (np.array([1, 2, 3]), np.array([1, 2]), [False, False]),
        ("12", np.array([1, 2]), [False, False]),
        (np.zeros((0,)), np.zeros((0,)), []),
    ],
)
def test_exact_match(answer: object, target: object, right: list[bool]) -> None:
    assert exact_match(answer, target) == right


def test_tensors_are_arrays_to_the_grader() -> None:
    assert exact_match(tensor([1, 2]), tensor([1, 3])) == [True, False]


def test_batches_cover_everything_once() -> None:
    inputs, targets = np.arange(14).reshape(7, 2), np.arange(7)
    queries = in_batches(inputs, targets, batch_size=3)
    assert [batch.shape for batch in queries.inputs] == [(3, 2), (3, 2), (1, 2)]
    assert np.array_equal(np.concatenate(queries.inputs), inputs)
    assert np.array_equal(np.concatenate(queries.targets), targets)


@pytest.mark.parametrize(("count", "size"), [(6, 1), (7, 0)])
def test_impossible_batches_are_refused(count: int, size: int) -> None:
    with pytest.raises(ValueError, match="in_batches"):
        in_batches(np.zeros(7), np.zeros(count), size)


def test_an_entry_needs_something_to_call_and_a_list_of_techniques() -> None:
    with pytest.raises(TypeError, match="callable"):
        Entry("x", "predict", None)
    with pytest.raises(TypeError, match=r"did you mean \('int8',\)"):
        Entry("x", print, None, "int8")


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "\x1b[2J", "\u202eabc", "x" * 101, 3])
def test_a_name_can_stand_in_a_table(name: object) -> None:
    with pytest.raises(ValueError, match="the name of an entry must be"):
        Entry(name, len, None)

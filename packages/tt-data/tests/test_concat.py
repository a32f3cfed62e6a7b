"""Datasets one after the other."""

import pytest
from hypothesis import given, strategies as st

from tt_data import ConcatDataset, IterableDataset


@given(st.lists(st.text(), min_size=1))
def test_as_joined_strings(texts: list[str]) -> None:
    joined, both = "".join(texts), ConcatDataset(texts)
    assert len(both) == len(joined)
    for index in range(-len(joined), len(joined)):
        assert both[index] == joined[index]
    for index in (len(joined), -len(joined) - 1):
        with pytest.raises(IndexError, match="ConcatDataset: expected"):
            both[index]


def test_nothing_to_join() -> None:
    with pytest.raises(ValueError, match="at least one dataset"):
        ConcatDataset([])


def test_streams_have_no_numbers() -> None:
    with pytest.raises(TypeError, match=r"got IterableDataset.*itertools\.chain"):
        ConcatDataset(["ab", IterableDataset()])

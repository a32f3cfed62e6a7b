"""Tensors side by side."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_data import TensorDataset, default_collate
from tt_tensor import arange, equal, randn, tensor, zeros


def test_items_are_rows() -> None:
    data = TensorDataset(arange(6).reshape(3, 2), tensor([7, 8, 9]))
    assert len(data) == 3
    x, y = data[-1]
    assert (x.tolist(), y.item()) == ([4, 5], 9)
    assert [y.item() for _, y in data] == [7, 8, 9]


def test_a_slice_takes_several_rows() -> None:
    x, y = TensorDataset(arange(6).reshape(3, 2), tensor([7, 8, 9]))[1:]
    assert (x.tolist(), y.tolist()) == ([[2, 3], [4, 5]], [8, 9])


@given(st.lists(st.integers(-5, 4), min_size=1))
def test_gathering_equals_collating_items(indices: list[int]) -> None:
    data = TensorDataset(randn(5, 2, 3), arange(5))
    ours, theirs = data.gather(indices), default_collate([data[i] for i in indices])
    assert all(equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert not np.shares_memory(ours[0].array, data.tensors[0].array)


def test_lengths_must_agree() -> None:
    with pytest.raises(
        ValueError, match=r"expected .* same first dim.*got shapes \(3,\), \(4, 2\)"
    ):
        TensorDataset(zeros(3), zeros(4, 2))
    with pytest.raises(ValueError, match=r"one row for each item; got shapes \(\)"):
        TensorDataset(tensor(1.0))
    with pytest.raises(ValueError, match="at least one tensor"):
        TensorDataset()


def test_only_tensors() -> None:
    with pytest.raises(TypeError, match=r"expected Tensors, got ndarray.*tt_tensor\.tensor"):
        TensorDataset(np.zeros(3))


@pytest.mark.parametrize("index", [3, -4])
def test_index_out_of_range(index: int) -> None:
    with pytest.raises(IndexError, match=rf"expected an index from -3 to 2; got {index}"):
        TensorDataset(zeros(3))[index]


def test_index_into_an_empty_one() -> None:
    with pytest.raises(IndexError, match="expected no index, for it is empty; got 0"):
        TensorDataset(zeros(0, 2))[0]

"""Windows of a text, and the same windows one token later."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_tensor import tensor
from tt_text import CharTokenizer, TextDataset


def test_windows_and_targets() -> None:
    data = TextDataset(list(range(10)), block_size=3)
    assert len(data) == 3
    assert [(x.tolist(), y.tolist()) for x, y in data] == [
        ([0, 1, 2], [1, 2, 3]),
        ([3, 4, 5], [4, 5, 6]),
        ([6, 7, 8], [7, 8, 9]),
    ]


def test_a_stride_makes_windows_overlap_or_leaves_gaps() -> None:
    overlapping = TextDataset(list(range(6)), block_size=3, stride=1)
    assert [x.tolist() for x, _ in overlapping] == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    apart = TextDataset(list(range(10)), block_size=2, stride=5)
    assert [x.tolist() for x, _ in apart] == [[0, 1], [5, 6]]


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 40))
def test_as_many_windows_as_fit(block_size: int, stride: int, extra: int) -> None:
    length = block_size + 1 + extra
    data = TextDataset(list(range(length)), block_size, stride)
    starts = [start for start in range(0, length, stride) if start + block_size < length]
    assert len(data) == len(starts)
    for (x, y), start in zip(data, starts, strict=True):
        assert x.tolist() == list(range(start, start + block_size))
        assert y.tolist() == list(range(start + 1, start + block_size + 1))


def test_indices() -> None:
    data = TextDataset(list(range(10)), block_size=3)
    assert data[-1][0].tolist() == data[2][0].tolist()
    assert data[np.int64(1)][0].tolist() == [3, 4, 5]
    for bad in (3, -4):
        with pytest.raises(IndexError, match=f"index {bad} is out of range for 3 windows"):
            data[bad]


@pytest.mark.parametrize(
    "make", [list, tuple, np.array, tensor, lambda ids: np.array(ids, np.uint8)]
)
def test_ids_of_many_kinds(make: Any) -> None:
    x, y = TextDataset(make([1, 2, 3, 4]), 3)[0]
    assert x.dtype == y.dtype == np.int64
    assert (x.tolist(), y.tolist()) == ([1, 2, 3], [2, 3, 4])


def test_the_ids_are_the_datasets_own() -> None:
    ids = np.arange(5)
    data = TextDataset(ids, 4)
    ids[0] = 99
    assert data[0][0].tolist() == [0, 1, 2, 3]


def test_a_text_through_a_tokenizer() -> None:
    text = "to be or not to be"
    chars = CharTokenizer.train(text)
    data = TextDataset(chars.encode(text), block_size=len(text) - 1)
    ((x, y),) = data
    assert chars.decode(x.tolist()) == text[:-1] and chars.decode(y.tolist()) == text[1:]


def test_too_short() -> None:
    for length in (0, 1, 3):
        with pytest.raises(ValueError, match=f"{length} tokens are too few for windows of 3"):
            TextDataset(list(range(length)), 3)
    assert len(TextDataset([1, 2, 3, 4], 3)) == 1


def test_other_errors() -> None:
    for block_size, stride in ((0, None), (-1, None), (2, 0), (2, -1)):
        with pytest.raises(ValueError, match="positive block_size and stride"):
            TextDataset([1, 2, 3], block_size, stride)
    with pytest.raises(ValueError, match=r"flat list of ids.*ids of shape \(2, 2\)"):
        TextDataset([[1, 2], [3, 4]], 1)  # type: ignore[list-item]
    with pytest.raises(TypeError, match="expected integer ids, got float64"):
        TextDataset([1.5, 2.5, 3.5], 1)  # type: ignore[list-item]

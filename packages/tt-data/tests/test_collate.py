"""Many items become one batch."""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import pytest

from tt_data import default_collate, default_convert
from tt_tensor import Tensor, arange, float32, float64, int64, tensor, zeros


class Point(NamedTuple):
    x: float
    name: str


@pytest.mark.parametrize(
    ("items", "dtype"),
    [
        ([1, 2], "int64"),
        ([True, False], "bool"),
        ([0.1, 0.2], "float64"),
        ([np.float32(0.1), np.float32(0.2)], "float32"),
        ([np.float64(0.1), np.float64(0.2)], "float64"),
        ([np.int8(1), np.int8(2)], "int8"),
        ([np.bool_(True), np.bool_(False)], "bool"),
    ],
)
def test_numbers(items: list[object], dtype: str) -> None:
    batch = default_collate(items)
    assert (batch.dtype.name, batch.tolist()) == (dtype, [item + 0 for item in items])


def test_tensors_and_arrays_are_stacked_in_their_dtype() -> None:
    assert default_collate([zeros(2, 3), zeros(2, 3)]).shape == (2, 2, 3)
    batch = default_collate([np.ones(2, np.float16), np.zeros(2, np.float16)])
    assert isinstance(batch, Tensor)
    assert (batch.dtype.name, batch.tolist()) == ("float16", [[1, 1], [0, 0]])


def test_strings_and_bytes_stay() -> None:
    assert default_collate(["ab", "c"]) == ["ab", "c"]
    assert default_collate([b"x"]) == [b"x"]


def test_containers() -> None:
    batch = default_collate([{"x": 1, "y": ("a", [2.0])}, {"x": 3, "y": ("b", [4.0])}])
    assert batch["x"].tolist() == [1, 3]
    assert batch["y"][0] == ("a", "b")
    assert batch["y"][1][0].tolist() == [2.0, 4.0]
    assert type(batch["y"]) is list

    ordered = default_collate([OrderedDict(a=1), OrderedDict(a=2)])
    assert type(ordered) is OrderedDict

    point = default_collate([Point(1.0, "p"), Point(2.0, "q")])
    assert type(point) is Point
    assert (point.x.tolist(), point.name) == ([1.0, 2.0], ("p", "q"))


def test_unequal_shapes() -> None:
    with pytest.raises(
        RuntimeError,
        match=r"of one shape; got \(2,\) at place 0 .* \(3,\) at place 1.*collate_fn",
    ):
        default_collate([(zeros(2), 0), (zeros(3), 1)])


def test_unequal_lengths() -> None:
    with pytest.raises(
        RuntimeError, match=r"expected each item to have 2 elements.*got 3 at place 1"
    ):
        default_collate([(1, 2), (1, 2, 3)])


@pytest.mark.parametrize("item", [None, object(), {1}, np.array(["text"])])
def test_what_cannot_be_collated(item: object) -> None:
    with pytest.raises(TypeError, match=r"expected .*numbers|dtype"):
        default_collate([item, item])


def test_no_items() -> None:
    with pytest.raises(ValueError, match="at least one item"):
        default_collate([])


def test_convert_makes_tensors_of_arrays_only() -> None:
    item = default_convert((np.arange(2), np.float32(1), 3, "s", {"a": [np.ones(1)]}, arange(2)))
    assert [type(part) for part in item] == [Tensor, Tensor, int, str, dict, Tensor]
    assert isinstance(item[4]["a"][0], Tensor)
    assert [part.dtype for part in item[:2]] == [int64, float32]
    assert default_convert(Point(np.ones(1), "p")).x.dtype == float64
    assert default_convert(tensor([1])).tolist() == [1]

"""Making tensors."""

import numpy as np
import pytest

import tt_tensor as t
from tt_tensor import Tensor


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (1.5, t.float32, ()),
        (3, t.int64, ()),
        (True, t.bool, ()),
        ([1.0, 2], t.float32, (2,)),
        ([[1, 2], [3, 4]], t.int64, (2, 2)),
        ([True, False], t.bool, (2,)),
        ([], t.float32, (0,)),
        ([[], []], t.float32, (2, 0)),
        (np.arange(3.0), t.float64, (3,)),
        (np.arange(3, dtype=np.int32), t.int32, (3,)),
        (np.float64(1), t.float64, ()),
        ([np.float64(1), np.float64(2)], t.float64, (2,)),
        (range(4), t.int64, (4,)),
        ([t.ones(2), t.zeros(2)], t.float32, (2, 2)),
    ],
)
def test_what_a_tensor_is_made_of(data, dtype, shape) -> None:
    x = t.tensor(data)
    assert (x.dtype, x.shape) == (dtype, shape)
    np.testing.assert_array_equal(
        x.numpy(), np.array([v.tolist() for v in data] if shape == (2, 2) and dtype == t.float32
                            else data)
    )  # fmt: skip


def test_a_dtype_may_be_given() -> None:
    assert t.tensor([1.7, -1.7], dtype=t.int64).tolist() == [1, -1]
    assert t.tensor([0, 2], dtype=bool).tolist() == [False, True]
    assert t.tensor(np.arange(3.0), dtype=float).dtype == t.float32


def test_tensor_copies_and_others_share() -> None:
    array = np.zeros(3, np.float32)
    copied, shared, also = t.tensor(array), t.from_numpy(array), t.as_tensor(array)
    array[0] = 5
    assert copied[0].item() == 0 and shared[0].item() == 5 and also[0].item() == 5
    shared[1] = 7
    assert array[1] == 7
    assert t.as_tensor(shared) is shared
    assert t.as_tensor(array, dtype=t.float64).dtype == t.float64


def test_the_class_makes_float32() -> None:
    assert Tensor([1, 2]).dtype == t.float32
    assert Tensor([1, 2], dtype=t.int64).dtype == t.int64
    assert Tensor().shape == (0,)


@pytest.mark.parametrize("data", ["text", None, [None], [1, "a"], [object()], {}])
def test_only_numbers(data) -> None:
    with pytest.raises(TypeError, match=r"holds numbers only"):
        t.tensor(data)


def test_uneven_lists() -> None:
    with pytest.raises(ValueError, match=r"uneven lengths.*as long"):
        t.tensor([[1, 2], [3]])


def test_from_numpy_takes_arrays_of_known_dtypes() -> None:
    with pytest.raises(TypeError, match=r"got list; use tensor\(\)"):
        t.from_numpy([1])
    with pytest.raises(TypeError, match=r"complex128.*not supported"):
        t.from_numpy(np.zeros(2, complex))


@pytest.mark.parametrize(("make", "value"), [(t.zeros, 0), (t.ones, 1)])
def test_constants(make, value) -> None:
    for x in (make(2, 3), make((2, 3)), make([2, 3])):
        assert x.shape == (2, 3) and x.dtype == t.float32
        assert x.tolist() == [[value] * 3] * 2
    assert make(()).shape == () and make(2, dtype=t.int8).dtype == t.int8


def test_likes_take_shape_and_dtype() -> None:
    x = t.zeros(2, 3, dtype=t.int32)
    for y in (t.zeros_like(x), t.ones_like(x), t.empty_like(x), t.full_like(x, 7)):
        assert (y.shape, y.dtype) == ((2, 3), t.int32)
    assert t.full_like(x, 7).sum().item() == 42
    assert t.ones_like(x, dtype=t.float64).dtype == t.float64


def test_full_takes_the_dtype_of_the_value() -> None:
    assert t.full((2,), 7).dtype == t.int64
    assert t.full((2,), 7.0).dtype == t.float32
    assert t.full((2,), True).dtype == t.bool
    assert t.full((), 7, dtype=t.float64).item() == 7.0


@pytest.mark.parametrize(
    "arguments", [(5,), (2, 5), (0, 10, 3), (5, 0, -2), (0,), (0, 1, 0.25), (1.5, 4)]
)
def test_arange(arguments) -> None:
    x, expected = t.arange(*arguments), np.arange(*arguments)
    np.testing.assert_allclose(x.numpy(), expected)
    assert x.dtype == (t.int64 if expected.dtype.kind == "i" else t.float32)


def test_arange_must_lead_somewhere() -> None:
    with pytest.raises(ValueError, match=r"must not be 0"):
        t.arange(0, 5, 0)
    with pytest.raises(ValueError, match=r"-1 does not lead from 0 to 5"):
        t.arange(0, 5, -1)


def test_linspace_and_eye() -> None:
    assert t.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert t.linspace(0, 1, 0).shape == (0,)
    assert t.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert t.eye(2, dtype=t.bool).dtype == t.bool


def test_new_ones_of_the_same_dtype() -> None:
    x = t.zeros(1, dtype=t.int8)
    assert x.new_zeros(2, 3).shape == (2, 3)
    assert x.new_ones((2,)).tolist() == [1, 1]
    assert x.new_full((2,), 3).tolist() == [3, 3]
    assert x.new_tensor([1, 2]).dtype == t.int8


@pytest.mark.parametrize("make", [t.zeros, t.ones, t.empty])
def test_sizes_are_whole_and_not_negative(make) -> None:
    with pytest.raises((ValueError, TypeError)):
        make(-1)
    with pytest.raises((ValueError, TypeError)):
        make(2.5)

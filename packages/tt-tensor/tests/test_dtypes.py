"""Data types and their promotion."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tt_tensor as t
from tt_tensor.dtypes import canonical, promote, result_type

FLOATS = [t.float16, t.float32, t.float64]
INTEGERS = [t.uint8, t.int8, t.int16, t.int32, t.int64]
ALL = [t.bool, *INTEGERS, *FLOATS]
any_dtype = st.sampled_from(ALL)


@pytest.mark.parametrize(
    ("meant", "dtype"),
    [
        (float, t.float32),
        (int, t.int64),
        (bool, t.bool),
        ("float64", t.float64),
        (np.float16, t.float16),
        (np.dtype(">i4").newbyteorder("="), t.int32),
    ],
)
def test_what_a_dtype_may_be_called(meant, dtype) -> None:
    assert canonical(meant) == dtype


@pytest.mark.parametrize("meant", ["complex64", "text", object, "U3", "uint16", None.__class__])
def test_unknown_dtypes_are_named(meant) -> None:
    with pytest.raises(TypeError, match=r"not supported; use one of float16, float32"):
        canonical(meant)


def test_aliases() -> None:
    assert (t.float, t.double, t.half, t.long) == (t.float32, t.float64, t.float16, t.int64)


@given(any_dtype, any_dtype)
def test_promotion_is_symmetric_and_an_upper_bound(a, b) -> None:
    x, y = np.ones(1, a), np.ones(1, b)
    common = result_type(x, y)
    assert common == result_type(y, x)
    assert result_type(np.ones(1, common), x) == common
    if a.kind == b.kind:
        assert common == np.promote_types(a, b)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("integer", [t.bool, *INTEGERS])
def test_integers_do_not_widen_floats(dtype, integer) -> None:
    assert result_type(np.ones(2, dtype), np.ones(2, integer)) == dtype


@given(any_dtype, st.sampled_from([True, 3, 2.5]))
def test_python_numbers_promote_only_across_categories(dtype, number) -> None:
    category = {"b": 0, "i": 1, "u": 1, "f": 2}[dtype.kind]
    wanted = {bool: 0, int: 1, float: 2}[type(number)]
    expected = dtype if wanted <= category else {1: t.int64, 2: t.float32}[wanted]
    assert result_type(np.ones(2, dtype), number) == expected
    assert (t.ones(2, dtype=dtype) * number).dtype == expected


@given(any_dtype, any_dtype)
def test_tensors_without_dims_count_as_numbers(dtype, other) -> None:
    category = {"b": 0, "i": 1, "u": 1, "f": 2}
    expected = dtype if category[other.kind] <= category[dtype.kind] else other
    assert (t.ones(2, dtype=dtype) * t.tensor(1, dtype=other)).dtype == expected


def test_numpy_numbers_count_as_pythons() -> None:
    assert (t.ones(2) * np.float64(2)).dtype == t.float32
    assert (t.ones(()) * np.log(2)).dtype == t.float32
    assert (t.ones(2, dtype=t.int64) * np.float64(2)).dtype == t.float32
    assert (t.ones((), dtype=t.int8) + np.int64(2)).dtype == t.int8
    assert (np.float64(2) * t.ones(2)).dtype == t.float32


def test_operands_of_the_same_dtype_are_not_copied() -> None:
    x = np.ones(2, np.float32)
    assert promote(x, 2.0)[0] is x


@pytest.mark.parametrize("other", ["text", None, [1], {}])
def test_only_numbers_are_operands(other) -> None:
    with pytest.raises(TypeError, match=f"got {type(other).__name__}.*tensor"):
        t.ones(2) + other


@given(any_dtype, any_dtype)
def test_conversion(source, target) -> None:
    x = t.tensor([0, 1, 1], dtype=source).to(target)
    assert x.dtype == target and x.tolist() == [0, 1, 1]


def test_conversion_of_the_same_dtype_is_the_same_tensor() -> None:
    x = t.ones(2)
    assert x.to(t.float32) is x and x.float() is x and x.to("cpu") is x
    assert x.to(t.float32, copy=True) is not x


def test_every_short_name() -> None:
    x = t.tensor([1.5])
    names = ["double", "float", "half", "long", "int", "short", "char", "byte", "bool"]
    dtypes = [t.float64, t.float32, t.float16, t.int64, t.int32, t.int16, t.int8, t.uint8, t.bool]
    assert [getattr(x, name)().dtype for name in names] == dtypes


def test_other_devices_are_refused() -> None:
    for call in (
        lambda: t.ones(2).to("cuda"),
        lambda: t.ones(2, device="mps"),
        lambda: t.randn(2, device="cuda:0"),
        lambda: t.as_tensor([1], device="cuda"),
    ):
        with pytest.raises(RuntimeError, match='only device is "cpu"'):
            call()

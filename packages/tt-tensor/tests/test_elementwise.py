"""Elementwise functions agree with NumPy for every shape and dtype."""

import math
import operator

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tt_tensor as t

BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.true_divide,
    "floor_divide": np.floor_divide,
    "remainder": np.remainder,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "atan2": np.arctan2,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
UNARY = {
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "round": np.round,
    "floor": np.floor,
    "ceil": np.ceil,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "square": np.square,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "erf": np.vectorize(math.erf, otypes=[float]),
    "isnan": np.isnan,
    "isinf": np.isinf,
    "isfinite": np.isfinite,
    "logical_not": np.logical_not,
    "clone": np.array,
}
numbers = st.floats(-8, 8, width=16)
pairs = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3)


@st.composite
def two_arrays(draw):
    shapes = draw(pairs).input_shapes
    return [draw(hnp.arrays(np.float64, shape, elements=numbers)) for shape in shapes]


@pytest.mark.parametrize("name", BINARY)
@given(two_arrays())
def test_two_operands(name, operands) -> None:
    x, y = operands
    with np.errstate(all="ignore"):
        expected = BINARY[name](x, y)
    result = getattr(t, name)(t.from_numpy(x), t.from_numpy(y))
    assert result.shape == expected.shape and result.dtype == expected.dtype
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-12)
    method = getattr(t.from_numpy(x), name)(t.from_numpy(y))
    np.testing.assert_array_equal(method.numpy(), result.numpy())


@pytest.mark.parametrize("name", UNARY)
@given(data=st.data())
def test_one_operand(name, data, arrays) -> None:
    x = data.draw(arrays(max_dims=3))
    with np.errstate(all="ignore"):
        expected = UNARY[name](x)
    result = getattr(t, name)(t.from_numpy(x))
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(getattr(t.from_numpy(x), name)().numpy(), result.numpy())


@pytest.mark.parametrize("name", UNARY)
def test_float32_and_float16_are_kept(name) -> None:
    for dtype in (t.float32, t.float16):
        result = getattr(t.tensor([0.25, 0.5], dtype=dtype), name)()
        assert result.dtype in (dtype, t.bool)


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "tanh", "erf", "rsqrt", "acos"])
def test_functions_of_integers_are_float32(name) -> None:
    assert getattr(t.tensor([1, 1]), name)().dtype == t.float32
    assert getattr(t.tensor(True), name)().dtype == t.float32


@pytest.mark.parametrize(
    "operation",
    [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod],
)
@pytest.mark.parametrize("number", [2, 2.5, np.float64(2.5), np.float32(2.5)])
def test_float32_is_kept_with_numbers_on_either_side(operation, number) -> None:
    x = t.tensor([1.0, 2.0, -3.0])
    for left, right in ((x, number), (number, x)):
        result = operation(left, right)
        assert result.dtype == t.float32
        expected = operation(
            *(v.numpy() if isinstance(v, t.Tensor) else float(v) for v in (left, right))
        )
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)


def test_arrays_on_either_side() -> None:
    array = np.array([1.0, 2.0], np.float32)
    for result in (array + t.ones(2), t.ones(2) + array, array * t.ones(2), array @ t.ones(2)):
        assert isinstance(result, t.Tensor) and result.dtype == t.float32


def test_integer_division_is_float32() -> None:
    x = t.tensor([1, 2, 3])
    assert (x / 2).tolist() == [0.5, 1.0, 1.5] and (x / 2).dtype == t.float32
    assert (x / x).dtype == t.float32
    assert (x // 2).dtype == t.int64


def test_rounding_modes() -> None:
    x, y = t.tensor([7.0, -7.0]), t.tensor(2.0)
    assert x.div(y, rounding_mode="floor").tolist() == [3.0, -4.0]
    assert x.div(y, rounding_mode="trunc").tolist() == [3.0, -3.0]
    assert x.long().div(2, rounding_mode="trunc").tolist() == [3, -3]
    with pytest.raises(ValueError, match=r"'floor' or 'trunc', got 'up'"):
        x.div(y, rounding_mode="up")


def test_remainder_has_the_sign_of_the_divisor() -> None:
    assert (t.tensor([5, -5]) % 3).tolist() == [2, 1]
    assert (t.tensor([5.0, -5.0]) % -3).tolist() == [-1.0, -2.0]


@given(
    st.lists(numbers, min_size=1, max_size=4), st.sampled_from([-2, -1, 0, 1, 2, 3, 5, 0.5, 2.5])
)
def test_powers_of_numbers(values, exponent) -> None:
    x = np.array(values)
    with np.errstate(all="ignore"):
        expected = np.power(x, float(exponent))
    np.testing.assert_allclose((t.from_numpy(x) ** exponent).numpy(), expected, rtol=1e-12)


def test_powers_that_are_multiplied_out_do_not_share_memory() -> None:
    x = t.tensor([2.0, 3.0])
    y = x**1
    y[0] = 9.0
    assert x.tolist() == [2.0, 3.0]


def test_integer_powers() -> None:
    x = t.tensor([2, 3])
    assert (x**2).tolist() == [4, 9] and (x**2).dtype == t.int64
    assert (2**x).tolist() == [4, 8]
    assert (x**0.5).dtype == t.float32


def test_alpha() -> None:
    x = t.tensor([1.0, 2.0])
    assert x.add(x, alpha=2).tolist() == [3.0, 6.0]
    assert x.sub(x, alpha=2).tolist() == [-1.0, -2.0]


def test_bits_and_bools() -> None:
    x, y = t.tensor([6, 3]), t.tensor([3, 5])
    assert [(x & y).tolist(), (x | y).tolist(), (x ^ y).tolist()] == [[2, 1], [7, 7], [5, 6]]
    assert [(~x).tolist(), (x << 1).tolist(), (x >> 1).tolist()] == [[-7, -4], [12, 6], [3, 1]]
    b = t.tensor([True, False])
    assert [(~b).tolist(), (b & True).tolist(), (False | b).tolist()] == [
        [False, True],
        [True, False],
        [True, False],
    ]


@pytest.mark.parametrize(
    "call",
    [
        lambda b: b - b,
        lambda b: t.ones(2) - b,
        lambda b: b // b,
        lambda b: b % b,
        lambda b: b << b,
        lambda b: -b,
        lambda b: b.floor(),
    ],
)
def test_bools_are_not_numbers_everywhere(call) -> None:
    with pytest.raises(TypeError, match=r"bool"):
        call(t.tensor([True, False]))


def test_comparison_with_what_is_no_number() -> None:
    x = t.ones(2)
    assert (x == None) is False and (x != "a") is True  # noqa: E711
    assert len({x, x}) == 1


def test_division_by_zero_speaks_for_itself() -> None:
    x = t.tensor([1.0, 0.0, -1.0])
    assert (x / 0).tolist()[::2] == [float("inf"), float("-inf")]
    assert (x / 0).isnan().tolist() == [False, True, False]
    assert t.tensor([0.0, -1.0]).log().isfinite().tolist() == [False, False]
    assert (x * 100).exp().tolist()[0] == float("inf")


@pytest.mark.parametrize("value", [1e4, 1e30, -1e4, -1e30, 0.0])
def test_sigmoid_and_tanh_do_not_overflow(value) -> None:
    x = t.tensor(value)
    assert x.sigmoid().item() == (0.5 if value == 0 else float(value > 0))
    assert x.tanh().item() == (value > 0) - (value < 0)


@pytest.mark.parametrize(("dtype", "error"), [(t.float64, 1e-15), (t.float32, 1e-6)])
def test_erf(dtype, error) -> None:
    x = np.concatenate([np.linspace(-7, 7, 2001), [0.0, 1e-8, 1.9999999, 2.0, 6.0, 30.0, np.inf]])
    expected = np.array([math.erf(float(v)) for v in x.astype(dtype)])
    result = t.tensor(x, dtype=dtype).erf().numpy()
    np.testing.assert_allclose(result, expected, atol=error, rtol=error)
    assert t.tensor(float("nan"), dtype=dtype).erf().isnan().item()


@given(two_arrays(), st.floats(-3, 0), st.floats(0, 3))
def test_clamp(operands, low, high) -> None:
    x, y = (t.from_numpy(a) for a in operands)
    np.testing.assert_allclose(x.clamp(low, high).numpy(), np.clip(x.numpy(), low, high))
    np.testing.assert_allclose(x.clamp(max=high).numpy(), np.minimum(x.numpy(), high))
    np.testing.assert_allclose(x.clamp(y, y + 1).numpy(), np.clip(x.numpy(), y, y + 1))
    np.testing.assert_allclose(x.clamp(min=y).numpy(), np.maximum(x.numpy(), y))


def test_clamp_needs_a_bound() -> None:
    with pytest.raises(ValueError, match=r"min, max or both"):
        t.ones(2).clamp()


@given(two_arrays())
def test_where(operands) -> None:
    x, y = operands
    result = t.where(t.tensor(x > 0), t.from_numpy(x), t.from_numpy(y))
    np.testing.assert_array_equal(result.numpy(), np.where(x > 0, x, y))


def test_where_with_numbers() -> None:
    b = t.tensor([True, False])
    assert t.where(b, 1.5, 0.0).dtype == t.float32
    assert t.where(b, 1, 0).dtype == t.int64
    assert t.where(b, t.ones(2), 0).tolist() == [1.0, 0.0]
    with pytest.raises(TypeError, match=r"bool condition, got float32.*x != 0"):
        t.where(t.ones(2), 1, 0)


def test_masked_fill() -> None:
    x = t.zeros(2, 2)
    y = x.masked_fill(t.tensor([True, False]), 5)
    assert y.tolist() == [[5, 0], [5, 0]] and x.sum().item() == 0
    with pytest.raises(TypeError, match=r"mask must be bool"):
        x.masked_fill(x, 1)
    with pytest.raises(ValueError, match=r"one value"):
        x.masked_fill(x > 0, t.ones(2))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"add: got float32\(2, 3\), float32\(4,\)") as caught:
        t.ones(2, 3) + t.ones(4)
    assert "equal or one of them 1" in str(caught.value)
    assert "unsqueeze or transpose" in str(caught.value)


def test_dtypes_that_do_not_fit() -> None:
    with pytest.raises(TypeError, match=r"bitwise_and.*float32.*convert with .*long\(\)"):
        t.ones(2) & t.ones(2)


def test_division_of_small_integers_by_negative_numbers() -> None:
    assert (-1 / t.tensor([2], dtype=t.uint8)).tolist() == [-0.5]


@pytest.mark.parametrize("code", ["x // 0", "x % y", "x.div(y, rounding_mode='trunc')"])
def test_integers_are_not_divided_by_zero(code: str) -> None:
    x, y = t.tensor([1, 2]), t.tensor([1, 0])
    with pytest.raises(RuntimeError, match=r"integers cannot be divided by 0.*x\.float\(\)"):
        eval(code, {"x": x, "y": y})


def test_floats_are() -> None:
    assert (t.tensor([1.0, -1.0]) // 0).tolist() == [np.inf, -np.inf]


def test_negative_integer_powers_round_towards_zero() -> None:
    powers = t.tensor([4, 2, 1, -1, -1]) ** t.tensor([2, -1, -3, -3, -2])
    assert powers.tolist() == [16, 0, 1, -1, 1]


def test_bounds_beyond_the_integers_do_not_clamp() -> None:
    assert t.tensor([2, 9], dtype=t.uint8).clamp(-1, 300).tolist() == [2, 9]


def test_the_sign_of_nan_is_zero() -> None:
    assert t.tensor([np.nan, -2.0, 0.0, 3.0]).sign().tolist() == [0, -1, 0, 1]


def test_numbers_are_shifted_by_tensors() -> None:
    assert (1 << t.tensor([2])).tolist() == [4]
    assert (8 >> t.tensor([2])).tolist() == [2]


def test_constants_keep_their_sign_and_their_value() -> None:
    x = t.tensor([1.0, -1.0])
    for number in (0.0, -0.0, 0.5, 1e40, np.nan, 2, -3, 10**30):
        for _ in range(2):  # made, and met again
            ours = (x * number).numpy()
            with np.errstate(all="ignore"):
                theirs = x.numpy() * np.float32(number)
            assert ours.tobytes() == theirs.tobytes() and ours.dtype == np.float32

"""A float as an integer: rounding within the range, zero exact, a scale for each slice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_optimize import dequantize_tensor, quantize_tensor
from tt_optimize.quantize import scale_and_zero_point, symmetric_scale
from tt_optimize.quantize.affine import quantized_weight
from tt_tensor import int32, int64, randn, tensor, uint8, zeros

finite = st.floats(-1e4, 1e4, width=32)


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20), st.floats(0.01, 10))
def test_rounding_errs_by_half_a_step_within_the_range(values: list[float], scale: float) -> None:
    x = tensor(values)
    q = quantize_tensor(x, scale)
    assert q.dtype == np.int8
    back = dequantize_tensor(q, scale).numpy()
    inside = np.abs(x.numpy()) <= 127 * scale
    assert (np.abs(back - x.numpy())[inside] <= scale * 0.5001).all()
    assert (np.abs(back[~inside]) >= 126.9 * scale).all()


def test_affine_quantization_uses_the_zero_point() -> None:
    q = quantize_tensor(tensor([0.0, 0.5, 1.0]), scale=1 / 255, zero_point=0, dtype=uint8)
    assert q.dtype == np.uint8 and q.tolist() == [0, 128, 255]
    shifted = quantize_tensor(tensor([-1.0, 0.0, 1.0]), scale=1 / 127, zero_point=10)
    assert shifted.tolist() == [-117, 10, 127]
    assert dequantize_tensor(shifted, 1 / 127, 10).tolist() == pytest.approx([-1.0, 0.0, 117 / 127])


def test_a_scale_for_each_slice() -> None:
    x = tensor([[1.0, -2.0], [100.0, 50.0]])
    q = quantize_tensor(x, tensor([0.02, 1.0]), axis=0)
    assert q.tolist() == [[50, -100], [100, 50]]
    back = dequantize_tensor(q, tensor([0.02, 1.0]), axis=0).numpy()
    assert np.allclose(back, x.numpy())


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_must_be_positive(scale: float) -> None:
    with pytest.raises(ValueError, match=r"positive and finite"):
        quantize_tensor(tensor([1.0]), scale)


def test_values_must_be_finite_and_the_dtype_whole() -> None:
    with pytest.raises(ValueError, match=r"must be finite"):
        quantize_tensor(tensor([float("nan")]), 1.0)
    with pytest.raises(TypeError, match=r"integer dtype"):
        quantize_tensor(tensor([1.0]), 1.0, dtype="float32")


@given(finite, finite, st.booleans())
def test_a_range_is_covered_and_zero_is_exact(a: float, b: float, symmetric: bool) -> None:
    low, high = min(a, b), max(a, b)
    scale, zero = scale_and_zero_point(low, high, symmetric)
    assert scale.dtype == np.float32 and zero.dtype == np.int32
    assert -128 <= zero.item() <= 127 and (not symmetric or zero.item() == 0)
    ends = tensor([low, 0.0, high])
    back = dequantize_tensor(quantize_tensor(ends, scale, zero), scale, zero).numpy()
    assert back[1] == 0.0
    # the ends may be cut by the rounding of the zero point: half a step, and half for rounding
    assert (np.abs(back - ends.numpy()) <= 1.001 * scale.item() + 1e-37).all()


def test_ranges_in_an_array_and_of_nothing_but_zero() -> None:
    scale, zero = scale_and_zero_point(np.array([-1.0, 0.0]), np.array([1.0, 0.0]))
    assert scale.tolist() == pytest.approx([2 / 255, 1.0])
    assert zero.shape == (2,)


@pytest.mark.parametrize("ends", [(1.0, -1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_a_range_must_be_one(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"finite ranges with low <= high"):
        scale_and_zero_point(*ends)


def test_the_symmetric_scale_of_rows() -> None:
    scale = symmetric_scale(tensor([[1.0, -2.54], [0.0, 0.0]]))
    assert scale.tolist() == pytest.approx([0.02, 1.0])


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("symmetric", [True, False])
def test_a_weight_errs_by_half_a_step(per_channel: bool, symmetric: bool) -> None:
    weight = randn(6, 4, 3, 3) * tensor([0.01, 0.1, 1.0, 5.0, 9.0, 100.0]).reshape(6, 1, 1, 1)
    q, scale, zero = quantized_weight(weight, per_channel, symmetric)
    assert q.shape == weight.shape and scale.shape == ((6,) if per_channel else ())
    assert (zero is None) == symmetric
    back = dequantize_tensor(q, scale, 0 if zero is None else zero, axis=0).numpy()
    step = scale.numpy().reshape(-1, 1, 1, 1)
    # affine: the zero point is rounded too, which may cut an end by half a step more
    assert (np.abs(back - weight.numpy()) <= step * (0.501 if symmetric else 1.001)).all()


def test_per_channel_serves_small_rows_better() -> None:
    weight = randn(2, 50) * tensor([[0.01], [1.0]])
    error = []
    for per_channel in (True, False):
        q, scale, _ = quantized_weight(weight, per_channel)
        back = dequantize_tensor(q, scale, axis=0).numpy()
        error.append(np.abs(back - weight.numpy())[0].max())
    assert error[0] < error[1] / 20


def test_weights_without_numbers() -> None:
    assert quantized_weight(zeros(0, 3))[0].shape == (0, 3)


def test_wide_integers() -> None:
    """The limits of int32 are no float32; those of int64 are not even a float64."""
    x = tensor([3e38, -3e38, 2147483520.0])
    assert quantize_tensor(x, 1.0, dtype=int32).tolist() == [2**31 - 1, -(2**31), 2147483520]
    with pytest.raises(TypeError, match="at most 32 bits, got int64"):
        quantize_tensor(x, 1.0, dtype=int64)

"""Products of int8 are right to the last digit, however long the sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tt_nn import functional as F
from tt_optimize import flops, int8_matmul
from tt_optimize.quantize import int8_conv2d
from tt_optimize.quantize.integer import EXACT
from tt_tensor import Tensor, from_numpy, zeros


def int8(*shape: int, seed: int = 0) -> Tensor:
    drawn = np.random.default_rng(seed).integers(-128, 128, shape)
    return from_numpy(drawn.astype(np.int8))


@settings(deadline=None)
@given(st.integers(0, 5), st.integers(0, 2500), st.integers(1, 5), st.integers(0, 9))
def test_it_is_the_product_in_int64(m: int, k: int, n: int, seed: int) -> None:
    a, b = int8(m, k, seed=seed), int8(k, n, seed=seed + 1)
    got = int8_matmul(a, b)
    assert got.dtype == np.int32 and got.shape == (m, n)
    assert np.array_equal(got.numpy(), a.numpy().astype(np.int64) @ b.numpy().astype(np.int64))


@pytest.mark.parametrize("k", [EXACT - 1, EXACT, EXACT + 1, 3 * EXACT + 7, 131_071])
@pytest.mark.parametrize("value", [-128, 127])
def test_the_worst_sums_are_exact(k: int, value: int) -> None:
    a, b = np.full((2, k), -128, np.int8), np.full((k, 3), value, np.int8)
    b[0] = 1  # an odd number in the sum, which rounding would lose
    exact = (k - 1) * -128 * value - 128
    assert (int8_matmul(from_numpy(a), from_numpy(b)).numpy() == exact).all()


def test_plain_float32_would_not_be_exact() -> None:
    """Why sums are cut: beyond 2²⁴ float32 steps over odd numbers."""
    a, b = np.full((1, 4 * EXACT), -128, np.int8), np.full((4 * EXACT, 1), -128, np.int8)
    b[0] = a[0, 0] = 1
    exact = (4 * EXACT - 1) * 128 * 128 + 1
    assert int((a.astype(np.float32) @ b.astype(np.float32)).item()) != exact
    assert int8_matmul(from_numpy(a), from_numpy(b)).item() == exact


def test_stacks_and_views() -> None:
    a, b = int8(2, 3, 4, 5), int8(2, 1, 6, 5, seed=1)
    got = int8_matmul(a, b.transpose(-1, -2)).numpy()
    exact = a.numpy().astype(np.int64) @ b.numpy().astype(np.int64).swapaxes(-1, -2)
    assert np.array_equal(got, exact)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(4, 5\)"):
        int8_matmul(int8(2, 3), int8(4, 5))
    with pytest.raises(TypeError, match=r"int8 and int8, got float32 and int8"):
        int8_matmul(zeros(2, 3), int8(3, 2))
    with pytest.raises(ValueError, match=r"131072 products"):
        int8_matmul(int8(1, 131_072), int8(131_072, 1))


def test_its_work_is_counted() -> None:
    assert flops(int8_matmul, int8(2, 3), int8(3, 5)) == 2 * 3 * 10


@pytest.mark.parametrize(
    ("channels", "groups", "stride", "dilation"),
    [
        (3, 1, (1, 1), (1, 1)),
        (4, 2, (2, 1), (1, 2)),
        (6, 6, (1, 1), (1, 1)),
        (300, 1, (2, 2), (1, 1)),
        (600, 2, (1, 1), (1, 1)),
    ],
)
def test_convolution_is_that_of_float64(
    channels: int, groups: int, stride: tuple[int, int], dilation: tuple[int, int]
) -> None:
    x, weight = int8(2, channels, 7, 6), int8(groups * 2, channels // groups, 3, 3, seed=1)
    got = int8_conv2d(x, weight, stride, dilation, groups)
    exact = F.conv2d(x.double(), weight.double(), None, stride, 0, dilation, groups)
    assert got.dtype == np.int32
    assert np.array_equal(got.numpy(), exact.numpy())


def test_the_worst_convolution_is_exact() -> None:
    x = from_numpy(np.full((1, 600, 3, 3), -128, np.int8))
    assert (
        int8_conv2d(x, from_numpy(np.full((1, 600, 3, 3), -128, np.int8))).item() == 600 * 9 << 14
    )


def test_convolution_refuses_floats_and_sums_that_might_overflow() -> None:
    with pytest.raises(TypeError, match=r"int8_conv2d: expected int8"):
        int8_conv2d(zeros(1, 1, 3, 3), int8(1, 1, 3, 3))
    with pytest.raises(ValueError, match=r"might not fit into int32"):
        int8_conv2d(int8(1, 14_564, 3, 3), int8(1, 14_564, 3, 3))
    with pytest.raises(ValueError, match=r"more than 1024 places"):
        int8_conv2d(int8(1, 1, 40, 40), int8(1, 1, 40, 40))

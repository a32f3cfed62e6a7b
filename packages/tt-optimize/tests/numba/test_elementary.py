"""The exponential that is vectorised, against float64."""

from typing import Any

import numpy as np
import pytest

from tt_optimize.accelerate.numba.elementary import exp, kernel, largest, sigmoid


@kernel
def exp_of(x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = exp(x[i])


@kernel
def sigmoid_of(x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = sigmoid(x[i])


def computed(function: Any, x: Any) -> Any:
    x = np.asarray(x, np.float32)
    y = np.empty_like(x)
    function(x, y)
    return y


def test_exp_is_within_one_unit_in_the_last_place() -> None:
    """Over its whole range, a million numbers."""
    x = np.linspace(-87.3, 88.7, 1_000_001, dtype=np.float32)
    exact = np.exp(x.astype(np.float64))
    error = np.abs(computed(exp_of, x) - exact) / exact
    assert error.max() < 2**-23


def test_sigmoid_is_within_two() -> None:
    x = np.linspace(-87, 87, 1_000_001, dtype=np.float32)
    exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    error = np.abs(computed(sigmoid_of, x) - exact) / exact
    assert error.max() < 2 * 2**-23


def test_beyond_the_range_and_not_numbers() -> None:
    ends = computed(exp_of, [-np.inf, -200, 0, 200, np.inf, np.nan])
    assert 0 < ends[0] == ends[1] < 1.3e-38 and ends[2] == 1
    assert 3e38 < ends[3] == ends[4] < np.inf and np.isnan(ends[5])
    ends = computed(sigmoid_of, [-np.inf, 0, np.inf, np.nan])
    assert ends[0] < 1e-38 and ends[1] == 0.5 and ends[2] == 1 and np.isnan(ends[3])


@pytest.mark.parametrize("size", [0, 1, 7, 33])
def test_every_length(size: int) -> None:
    x = np.linspace(-3, 3, size, dtype=np.float32)
    np.testing.assert_allclose(computed(exp_of, x), np.exp(x), 3e-7)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 31, 64])
def test_the_largest_wherever_it_is(size: int) -> None:
    x = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    for place in range(size):
        row = x.copy()
        row[place] = 9
        assert largest(row) == 9 and largest(-row) == (-row).max()

"""The bootstrap, on distributions whose median is known."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_bench.resampling import (
    bootstrap_median,
    bootstrap_ratio,
    fewest_samples,
    outliers,
    quartiles,
)

times = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=40)


def test_the_interval_covers_the_true_median_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    hits = 0
    for seed in range(400):
        low, high = bootstrap_median(generator.exponential(1.0, 30).tolist(), seed=seed)
        hits += low <= np.log(2) <= high  # the median of an exponential distribution
    assert 0.90 <= hits / 400 <= 0.99


def test_more_confidence_needs_a_wider_interval() -> None:
    values = np.random.default_rng(2).normal(10, 1, 50).tolist()
    narrow, wide = bootstrap_median(values, 0.5), bootstrap_median(values, 0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_more_samples_make_it_narrower() -> None:
    values = np.random.default_rng(3).normal(10, 1, (32, 50))
    few = [high - low for low, high in map(bootstrap_median, values.tolist())]
    low, high = bootstrap_median(values.ravel().tolist())
    # the width falls with the square root of the number
    assert np.mean(few) / (high - low) == pytest.approx(np.sqrt(32), rel=0.3)


@given(times)
def test_it_lies_within_the_samples_and_is_repeatable(values: list[float]) -> None:
    low, high = bootstrap_median(values, resamples=50)
    assert min(values) <= low <= high <= max(values)
    assert bootstrap_median(values, resamples=50) == (low, high)


@given(times, st.floats(0.1, 10))
def test_the_ratio_of_scaled_pairs_is_the_scale(values: list[float], scale: float) -> None:
    ratio, (low, high) = bootstrap_ratio(values, [scale * v for v in values], True, resamples=50)
    assert [ratio, low, high] == pytest.approx([scale] * 3)


def test_pairs_cancel_what_slows_both_down() -> None:
    generator = np.random.default_rng(4)
    slow_down = generator.lognormal(0, 1, 30)
    a, b = slow_down * generator.normal(1, 0.01, 30), 1.1 * slow_down
    ratio, (low, high) = bootstrap_ratio(a.tolist(), b.tolist(), paired=True)
    assert 1.08 < low < ratio < high < 1.12
    _, apart = bootstrap_ratio(a.tolist(), b.tolist(), paired=False)
    assert apart.high - apart.low > 10 * (high - low)


def test_lists_that_are_not_paired_may_differ_in_length() -> None:
    ratio, (low, high) = bootstrap_ratio([2.0] * 7, [3.0] * 9, paired=False)
    assert (ratio, low, high) == (1.5, 1.5, 1.5)
    with pytest.raises(ValueError, match="as many values"):
        bootstrap_ratio([2.0] * 7, [3.0] * 9, paired=True)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [[1.0, 2.0]], [float("inf")]])
def test_what_is_no_list_of_numbers_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one finite number"):
        bootstrap_median(values)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_confidence_is_a_fraction(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        bootstrap_median([1.0], confidence)


def test_ratios_need_numbers_above_zero() -> None:
    with pytest.raises(ValueError, match="above 0"):
        bootstrap_ratio([0.0], [1.0], paired=True)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_fewest_samples_is_where_the_extremes_suffice(confidence: float) -> None:
    n = fewest_samples(confidence)
    assert 1 - 2 * 0.5**n >= confidence > 1 - 2 * 0.5 ** (n - 1)


def test_quartiles_and_outliers() -> None:
    values = [float(v) for v in range(101)]
    assert quartiles(values) == (25.0, 75.0)
    assert outliers(values) == ()
    assert outliers([*values, 200.0, -60.0]) == (200.0, -60.0)

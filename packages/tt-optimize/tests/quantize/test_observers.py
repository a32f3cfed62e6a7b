"""Observers name the range of what they have seen, whatever the order and the batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_optimize import dequantize_tensor, quantize_tensor
from tt_optimize.quantize import (
    MinMaxObserver,
    MSEObserver,
    PercentileObserver,
    scale_and_zero_point,
)
from tt_optimize.quantize.observers import OBSERVERS
from tt_tensor import Tensor, cat, from_numpy, ones, randn, tensor, zeros


def error(x: Tensor, ends: tuple[float, float]) -> float:
    scale, zero = scale_and_zero_point(*ends)
    back = dequantize_tensor(quantize_tensor(x, scale, zero), scale, zero)
    return float(((back - x) ** 2).mean().item())


@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1), min_size=1, max_size=4))
def test_minmax_is_the_extremes(batches: list[list[float]]) -> None:
    observer = MinMaxObserver()
    for batch in batches:
        observer.observe(tensor(batch))
    everything = np.float32([x for batch in batches for x in batch])
    assert observer.range() == (everything.min(), everything.max())


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("kind", ["percentile", "mse"])
def test_histograms_do_not_depend_on_the_order_of_batches(kind: str, scale: float) -> None:
    batches = [randn(500) * scale * size for size in (0.01, 3.0, 0.5, 40.0, 1.0)]
    forwards, backwards = OBSERVERS[kind](), OBSERVERS[kind]()
    for one, other in zip(batches, reversed(batches), strict=True):
        forwards.observe(one)
        backwards.observe(other)
    assert forwards.counts.sum() == backwards.counts.sum() == 2500
    assert forwards.range() == pytest.approx(backwards.range(), rel=1e-2)


def test_a_percentile_is_numpys_to_the_width_of_a_bin() -> None:
    x, observer = randn(20_000), PercentileObserver(99.0)
    for part in x.chunk(7):
        observer.observe(part)
    low, high = observer.range()
    width = 2 * observer.limit / 4096
    assert abs(low - np.percentile(x.numpy(), 1)) <= 2 * width
    assert abs(high - np.percentile(x.numpy(), 99)) <= 2 * width


def test_a_percentile_of_100_leaves_nothing_out() -> None:
    x, observer = randn(1000), PercentileObserver(100.0)
    observer.observe(x)
    assert observer.range() == (x.numpy().min(), x.numpy().max())
    with pytest.raises(ValueError, match=r"above 50 to 100, got 10"):
        PercentileObserver(10)


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(lambda: randn(20_000), id="normal"),
        pytest.param(lambda: cat([randn(20_000), ones(3) * 60]), id="outliers above"),
        pytest.param(lambda: cat([randn(20_000).clamp(min=0), ones(1) * -30]), id="one below"),
        pytest.param(lambda: randn(20_000).clamp(min=0) ** 3, id="long tail"),
    ],
)
def test_the_mse_range_errs_least(x: object) -> None:
    values, observer, extremes = x(), MSEObserver(), MinMaxObserver()  # type: ignore[operator]
    observer.observe(values)
    extremes.observe(values)
    ours = error(values, observer.range())
    assert ours <= error(values, extremes.range()) * 1.02
    low, high = observer.range()
    for share in (0.8, 0.9, 1.1, 1.2):  # near by there is nothing much better
        assert ours <= error(values, (low * share, high * share)) * 1.05


@pytest.mark.parametrize("kind", list(OBSERVERS))
def test_zeros_nothing_and_nan(kind: str) -> None:
    observer = OBSERVERS[kind]()
    with pytest.raises(ValueError, match=r"no values"):
        observer.range()
    observer.observe(zeros(0))
    observer.observe(zeros(5))
    assert observer.range() == (0.0, 0.0)
    observer.observe(ones(5))
    assert observer.range()[1] == pytest.approx(1.0, rel=1e-2)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"nan or inf"):
            observer.observe(from_numpy(np.float32([1.0, bad])))

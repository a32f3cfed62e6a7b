"""What broadcasting repeated is summed."""

from __future__ import annotations

import numpy as np
import pytest

from tt_autograd.broadcasting import sum_to, unbroadcast


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 4), (3, 4), (1, 3, 1), (2, 3, 4)])
def test_each_place_receives_the_sum_of_its_copies(shape: tuple[int, ...]) -> None:
    g = np.arange(24.0).reshape(2, 3, 4)
    places = np.broadcast_to(np.arange(np.prod(shape)).reshape(shape), g.shape).astype(int)
    expected = np.bincount(places.ravel(), g.ravel()).reshape(shape)
    assert np.array_equal(sum_to(g, shape), expected)


def test_the_inputs_dtype_is_restored() -> None:
    g = np.ones((2, 3))
    assert unbroadcast(g, (3,), np.dtype("float32")).dtype == np.float32
    assert unbroadcast(g, (2, 3), None) is g

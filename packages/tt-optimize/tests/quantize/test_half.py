"""float16 becomes float32 exactly, by moving bits."""

from __future__ import annotations

import numpy as np
import pytest

from tt_optimize.quantize.half import half_to_float, half_weight
from tt_tensor import ones


def test_every_finite_float16_is_exact() -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    exact, got = finite.astype(np.float32), half_to_float(finite)
    assert np.array_equal(got.view(np.uint32), exact.view(np.uint32))  # -0.0 and subnormals too


def test_it_writes_where_it_is_told() -> None:
    memory = np.empty((2, 3), np.float32)
    assert half_to_float(np.ones((2, 3), np.float16), memory) is memory
    assert (memory == 1).all()


def test_what_float16_cannot_hold_is_refused() -> None:
    assert half_weight(ones(2) * 65_504).tolist() == [65_504.0] * 2
    with pytest.raises(ValueError, match=r"65,504"):
        half_weight(ones(2) * 70_000)

"""Arrays to test with, and what must hold for all of them."""

from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("brief", settings.get_profile("house"), max_examples=25)
settings.load_profile("brief")


def _arrays(
    dtype: Any = np.float64, min_dims: int = 0, max_dims: int = 4, min_side: int = 0
) -> Any:
    """Arrays of any shape with numbers that do not overflow; some not contiguous."""
    elements = {
        "f": st.floats(-8, 8, width=16),
        "i": st.integers(-8, 8),
        "u": st.integers(0, 16),
        "b": st.booleans(),
    }[np.dtype(dtype).kind]
    shapes = hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=4)
    plain = hnp.arrays(dtype, shapes, elements=elements)
    return st.one_of(plain, plain.map(lambda a: a.T), plain.map(lambda a: np.asarray(np.flip(a))))


@pytest.fixture(scope="session")
def arrays() -> Any:
    return _arrays

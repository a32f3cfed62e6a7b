"""What the tests here share: a fixed seed, and numbers to compute with."""

from collections.abc import Callable

import numpy as np
import pytest

from tt_tensor import Tensor, from_numpy, manual_seed


@pytest.fixture(autouse=True)
def _seeded() -> None:
    manual_seed(0)


@pytest.fixture
def leaf() -> Callable[..., Tensor]:
    """Make float64 tensors that require grad, each with numbers of its own."""
    draw = np.random.default_rng(0)
    return lambda *shape: from_numpy(draw.standard_normal(shape)).requires_grad_()

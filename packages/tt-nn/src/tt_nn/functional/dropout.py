"""Dropping activations at random, so that no unit can rely on another."""

from __future__ import annotations

import numpy as np
from tt_tensor import Tensor
from tt_tensor.random import numpy_generator
from tt_tensor.tensor import wrap

__all__ = ["dropout"]


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Each element is zeroed with probability p and the rest divided by 1 - p; x itself unless training.

    Source: Srivastava et al. 2014.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: the probability must lie in 0 to 1, got {p}")
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0.0
    kept = numpy_generator().random(input.shape, np.float32) >= np.float32(p)
    mask = kept.astype(input.dtype)
    mask *= input.dtype.type(1 / (1 - p))
    return input * wrap(mask)

"""Dropping activations at random, so that no unit can rely on another."""

from __future__ import annotations

import numpy as np

from tt_tensor import Tensor, zeros
from tt_tensor.random import numpy_generator
from tt_tensor.tensor import wrap

from .checks import floating

__all__ = ["dropout"]


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element is zeroed with probability p and the rest divided by 1 - p.

    Unless training, x itself.

    Source: Srivastava et al. 2014.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: the probability must lie in 0 to 1, got {p}")
    if not training or p == 0:
        return input
    floating("dropout", input)
    mask = zeros(dtype=input.dtype) if p == 1 else _mask(input, p)
    return input.mul_(mask) if inplace else input * mask


def _mask(x: Tensor, p: float) -> Tensor:
    """0 with probability p and 1/(1 - p) otherwise, in the shape of x."""
    kept = numpy_generator().random(x.shape, np.float32) >= np.float32(p)
    mask = kept.astype(x.dtype)
    mask *= x.dtype.type(1 / (1 - p))
    return wrap(mask)

"""Padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tt_tensor import Tensor, cat
from tt_tensor.tensor import wrap

__all__ = ["pad"]


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """Elements added around the last dims: (left, right) of the last, then of the one before...

    Negative amounts cut off.

    >>> from tt_tensor import ones
    >>> pad(ones(1, 2), (1, 0))
    tensor([[0., 1., 1.]])
    """
    if mode != "constant":
        raise ValueError(f"pad: mode must be 'constant', got {mode!r}")
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(
            f"pad: expected one (left, right) pair per dim from the last, got {tuple(pad)} for "
            f"shape {input.shape}"
        )
    x = input
    for i in range(len(pad) // 2):
        dim = x.ndim - 1 - i
        left, right = pad[2 * i], pad[2 * i + 1]
        size = x.shape[dim]
        if size + left + right < 0:
            raise ValueError(f"pad: cannot cut {-left - right} off dim {dim} of shape {x.shape}")
        kept = slice(max(0, -left), size - max(0, -right))
        parts = [x[(slice(None),) * dim + (kept,)]]
        for amount, position in ((left, 0), (right, 1)):
            if amount > 0:
                shape = (*x.shape[:dim], amount, *x.shape[dim + 1 :])
                parts.insert(position * len(parts), wrap(np.full(shape, value, x.dtype)))
        x = cat(parts, dim) if len(parts) > 1 else parts[0]
    return x

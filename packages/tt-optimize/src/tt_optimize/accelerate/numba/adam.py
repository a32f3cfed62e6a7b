"""Adam's step in one pass over memory: four arrays are read, three of them written."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementary import kernel

__all__ = ["adam_kernel"]

Array = Any


@kernel
def adam_kernel(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    size: Any,
    floor: Any,
    new_m: Any,
    new_v: Any,
    added: Any,
    kept: Any,
) -> None:
    """``tt_nn.optim.adam_update`` on flat arrays, with the numbers of all steps worked out.

    Args:
        size, floor: lr · √(1 - β₂ᵗ) / (1 - β₁ᵗ) and eps · √(1 - β₂ᵗ): the bias corrections.
        new_m, new_v: 1 - β₁ and 1 - β₂.
        added: Adam's weight decay λ, or 0; ``kept``: AdamW's 1 - lr · λ, or 1.
    """
    for i in range(p.size):
        grad = g[i] + added * p[i]
        mean = m[i] + new_m * (grad - m[i])
        square = v[i] + new_v * (grad * grad - v[i])
        p[i] = kept * p[i] - size * mean / (np.sqrt(square) + floor)
        m[i] = mean
        v[i] = square

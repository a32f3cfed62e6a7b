"""Padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tt_tensor import Tensor, cat, from_numpy
from tt_tensor.tensor import wrap

__all__ = ["pad"]

Array = Any


# which place of a dim of ``size`` is found at position i, which may lie outside
_PLACES: dict[str, Callable[[Array, int], Array]] = {
    "reflect": lambda i, size: (size - 1) - np.abs((size - 1) - np.abs(i)),
    "replicate": lambda i, size: np.clip(i, 0, size - 1),
    "circular": lambda i, size: i % size,
}


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Elements added around the last dims: (left, right) of the last, then of the one before...

    Negative amounts cut off.

    Args:
        mode: what is added: "constant" the value (0 if None), "reflect" the neighbours mirrored at
            the edge, "replicate" the edge itself, "circular" the other end. All but the first pad
            the last 1, 2 or 3 dims of an input with one or two dims more.

    >>> from tt_tensor import ones
    >>> pad(ones(1, 2), (1, 0))
    tensor([[0., 1., 1.]])
    """
    if mode != "constant" and mode not in _PLACES:
        raise ValueError(f"pad: mode must be 'constant' or one of {[*_PLACES]}, got {mode!r}")
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(
            f"pad: expected one (left, right) pair per dim from the last, got {tuple(pad)} for "
            f"shape {input.shape}"
        )
    if mode != "constant":
        return _repeating(input, pad, mode)
    fill = 0.0 if value is None else value
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
                parts.insert(position * len(parts), wrap(np.full(shape, fill, x.dtype)))
        x = cat(parts, dim) if len(parts) > 1 else parts[0]
    return x


def _repeating(x: Tensor, pad: Sequence[int], mode: str) -> Tensor:
    """Padding with elements of x itself: along each dim, a selection of its places."""
    dims = len(pad) // 2
    if not 1 <= dims <= 3 or x.ndim not in (dims + 1, dims + 2):
        raise ValueError(
            f"pad: mode {mode!r} pads the last 1, 2 or 3 dims of an input with one or two dims "
            f"more (channels and batch); got {tuple(pad)} for shape {x.shape}"
        )
    for i in range(dims):
        dim = x.ndim - 1 - i
        left, right = pad[2 * i], pad[2 * i + 1]
        size = x.shape[dim]
        most = {"reflect": size - 1, "circular": size, "replicate": max(left, right)}[mode]
        if max(left, right) > most or size + left + right < 1 or not size:
            raise ValueError(
                f"pad: mode {mode!r} can add at most {most} to dim {dim} of shape {x.shape}, and "
                f"must leave something; got ({left}, {right})"
            )
        places = _PLACES[mode](np.arange(-left, size + right), size)
        x = x.index_select(dim, from_numpy(places))
    return x

"""Undoing broadcasting: what was repeated on the way forward is summed on the way back."""

from __future__ import annotations

from typing import Any

__all__ = ["sum_to", "unbroadcast"]


def sum_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a gradient over the dims along which something of this shape was stretched.

    Those are the leading dims it does not have, and those it has as 1 and the gradient does not.
    """
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    stretched = tuple(
        i for i in range(g.ndim) if i < extra or (shape[i - extra] == 1 and g.shape[i] != 1)
    )
    return (g.sum(axis=stretched, keepdims=True) if stretched else g).reshape(shape)


def unbroadcast(g: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """``sum_to`` the shape of an input, in its dtype (None: as it is)."""
    g = sum_to(g, shape)
    return g if dtype is None or g.dtype == dtype else g.astype(dtype)

"""Rotary positions: each query and key is turned by an angle that grows with its position."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_autograd import vjp
from tt_autograd.rules.either import either
from tt_tensor import Op, Tensor, apply
from tt_tensor.ops.index import check_index

from ..module import Module

__all__ = ["RotaryEmbedding"]

Array = Any


def rotate_forward(x: Array, cos: Array, sin: Array, *, interleaved: bool) -> Array:
    """Each pair (a, b) of x becomes (a cos - b sin, b cos + a sin).

    Shape: x (..., T, D) -> the same; cos and sin (..., T, D/2)
    """
    half = x.shape[-1] // 2
    out = np.empty_like(x)
    if interleaved:
        a, b, first, second = x[..., 0::2], x[..., 1::2], out[..., 0::2], out[..., 1::2]
    else:
        a, b, first, second = x[..., :half], x[..., half:], out[..., :half], out[..., half:]
    np.multiply(a, cos, out=first)
    first -= b * sin
    np.multiply(b, cos, out=second)
    second += a * sin
    return out


def rotate_vjp(g: Array, _: None, x: None, cos: Array, sin: Array, *, interleaved: bool) -> Array:
    """The gradient is turned back, by the opposite angle."""
    return _rotate(g, cos, -sin, interleaved=interleaved)


_rotary = Op("rotary", rotate_forward)
_rotate = either(_rotary)
vjp(_rotary, rotate_vjp, None, None)


class RotaryEmbedding(Module):
    """Position t turns the pair i of x by the angle t · theta^(-2i / dim).

    The product of a query at t and a key at s then depends on their contents and on t - s alone.
    There is nothing to learn.

    Args:
        dim: the size of a head; even.
        max_seq_len: how many positions there are.
        theta: the base of the angles; larger ones suit longer texts.
        interleaved: pair neighbours (0, 1), (2, 3), ... as in the paper; otherwise each number of
            the first half with the one as far along in the second, as Llama's weights expect.

    Shape: x (B, H, T, D) -> the same; positions (T,) or (B, T) of integers, 0 to T - 1 if None

    Raises:
        IndexError: a position lies outside 0 to max_seq_len - 1.

    >>> from tt_tensor import ones, tensor
    >>> rotary = RotaryEmbedding(2, max_seq_len=8)
    >>> rotary(ones(1, 1, 1, 2), tensor([0])).tolist()  # position 0 is not turned
    [[[[1.0, 1.0]]]]

    Source: Su et al. 2021, §3.4.2.
    """

    def __init__(
        self, dim: int, max_seq_len: int, theta: float = 10000.0, interleaved: bool = False
    ) -> None:
        super().__init__()
        if dim < 2 or dim % 2 or max_seq_len < 1 or theta <= 0:
            raise ValueError(
                "RotaryEmbedding: expected an even dim of at least 2, a positive max_seq_len and a "
                f"positive theta; got {dim}, {max_seq_len} and {theta}"
            )
        self.dim, self.max_seq_len = dim, max_seq_len
        self.theta, self.interleaved = theta, interleaved
        self._tables: dict[Any, tuple[Array, Array]] = {}

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """x with each pair turned by the angle of its position."""
        if x.ndim < 2 or x.shape[-1] != self.dim or not x.is_floating_point():
            raise ValueError(
                f"RotaryEmbedding: expected a floating x of shape (B, H, T, {self.dim}), got "
                f"{x.dtype}{x.shape}"
            )
        length = x.shape[-2]
        if positions is None:
            if length > self.max_seq_len:
                raise IndexError(
                    f"RotaryEmbedding: {length} positions are more than max_seq_len="
                    f"{self.max_seq_len}"
                )
            cos, sin = self.turns(length, x.dtype)
            cos, sin = cos[:length], sin[:length]
        else:
            index = self._checked(positions, x)
            cos, sin = self.turns(int(index.max(initial=-1)) + 1, x.dtype)
            cos, sin = cos[index], sin[index]  # (T, D/2) or (B, 1, T, D/2)
        return apply(_rotary, x, cos, sin, interleaved=self.interleaved)

    def _checked(self, positions: Tensor, x: Tensor) -> Array:
        """The positions as an array that broadcasts over the heads."""
        index = positions.array
        batched = (x.shape[0], x.shape[-2])
        if index.shape != batched[1:] and not (x.ndim == 4 and index.shape == batched):
            raise ValueError(
                f"RotaryEmbedding: for x {x.shape} expected positions of shape {batched[1:]} or "
                f"{batched}, got {index.shape}"
            )
        check_index(index, self.max_seq_len, "RotaryEmbedding: ")
        return index if index.ndim == 1 else index[:, None]

    def turns(self, length: int, dtype: Any) -> tuple[Array, Array]:
        """The cosines and sines of the first positions, at least so many: (T, D/2) each.

        They are computed when first needed, not for all of max_seq_len: models name windows of
        100,000 positions and more, of which a text fills few.
        """
        key = (dtype, self.dim, self.theta)
        known = len(self._tables[key][0]) if key in self._tables else 0
        if key not in self._tables or length > known:
            rows = min(max(length, 2 * known), self.max_seq_len)
            frequencies = self.theta ** (-np.arange(0, self.dim, 2) / self.dim)
            angles = np.outer(np.arange(rows), frequencies)  # in float64, then rounded once
            self._tables[key] = (np.cos(angles).astype(dtype), np.sin(angles).astype(dtype))
        return self._tables[key]

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.dim}, max_seq_len={self.max_seq_len}, theta={self.theta}, "
            f"interleaved={self.interleaved}"
        )

"""Telling a model where in the text each token stands."""

from __future__ import annotations

import math

import numpy as np

from tt_nn import Embedding, Module
from tt_tensor import Tensor, arange
from tt_tensor.tensor import wrap

__all__ = ["LearnedPositionalEmbedding", "SinusoidalPositionalEncoding", "sinusoids"]


def sinusoids(length: int, dim: int) -> Tensor:
    """Waves of geometrically growing length: a fingerprint for each position.

    PE[t, 2i] = sin(t / 10000^(2i/dim)),  PE[t, 2i+1] = cos(t / 10000^(2i/dim))

    Shape: (length, dim), float32; dim must be even

    Source: Vaswani et al. 2017, §3.5.
    """
    if dim <= 0 or dim % 2 or length < 0:
        raise ValueError(
            f"sinusoids: dim must be even and positive, length not negative; got {dim}, {length}"
        )
    time = np.arange(length)[:, None]
    rate = np.exp(np.arange(0, dim, 2) * (-math.log(10000.0) / dim))
    table = np.empty((length, dim), np.float32)
    table[:, 0::2] = np.sin(time * rate)
    table[:, 1::2] = np.cos(time * rate)
    return wrap(table)


class SinusoidalPositionalEncoding(Module):
    """x + the fixed waves of ``sinusoids``: nothing is learned.

    Shape: x (B, T, dim) or (T, dim) with T <= max_len -> the same
    """

    def __init__(self, dim: int, max_len: int = 5000) -> None:
        super().__init__()
        self.max_len = max_len
        self.table: Tensor
        self.register_buffer("table", sinusoids(max_len, dim), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x with its positions marked."""
        dim = self.table.shape[1]
        if x.ndim < 2 or x.shape[-1] != dim:
            raise ValueError(f"expected x of shape (..., T, {dim}), got {x.shape}")
        length = x.shape[-2]
        if length > self.max_len:
            raise ValueError(f"{length} positions are more than max_len = {self.max_len}")
        return x + self.table[:length].to(x.dtype)


class LearnedPositionalEmbedding(Embedding):
    """A learned vector for each position.

    Shape: positions (T,) or (B, T) of integers, or a length T -> (..., dim)

    >>> LearnedPositionalEmbedding(16, 4)(8).shape
    (8, 4)
    """

    def __init__(self, max_len: int, dim: int) -> None:
        super().__init__(max_len, dim)

    def forward(self, positions: Tensor | int) -> Tensor:
        """The vectors of the positions; of 0 to T - 1 for a number T."""
        if isinstance(positions, int):
            positions = arange(positions)
        return super().forward(positions)

"""A table of vectors as int8."""

from __future__ import annotations

from tt_tensor import Tensor
from tt_tensor.tensor import wrap

from .int8 import Int8Layer
from .parts import checked_ids

__all__ = ["QuantizedEmbedding"]


class QuantizedEmbedding(Int8Layer):
    """An Embedding whose table is int8, one scale for each row: only the rows asked for are floats.

    Shape: x (...) of integers, or a length T for 0 to T - 1 -> (..., embedding_dim)
    """

    def __init__(self, weight: Tensor, scale: Tensor, zero_point: Tensor | None = None) -> None:
        super().__init__(weight, scale, None, zero_point)
        self.num_embeddings, self.embedding_dim = weight.shape

    def forward(self, x: Tensor | int) -> Tensor:
        """The rows of x, as floats."""
        ids = checked_ids(x, self.num_embeddings)
        scale = self.scale.array
        return wrap(self.rows(ids) * (scale if scale.ndim == 0 else scale[ids][..., None]))

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.num_embeddings}, {self.embedding_dim}, int8"

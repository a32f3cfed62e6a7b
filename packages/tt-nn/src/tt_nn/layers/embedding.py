"""A table of learned vectors."""

from __future__ import annotations

from typing import Any

from tt_autograd import no_grad
from tt_tensor import Tensor, empty

from .. import functional as F, init
from ..module import Module
from ..parameter import Parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """A vector for each of num_embeddings indices, drawn from N(0, 1) at first.

    Args:
        padding_idx: an index whose vector is 0 and stays so.

    Shape: x (...) of integers -> (..., embedding_dim); weight (num_embeddings, embedding_dim)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _checked(padding_idx, num_embeddings)
        self.weight = Parameter(empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None
    ) -> Embedding:
        """An embedding on a given table (num_embeddings, embedding_dim), whose memory it shares."""
        if embeddings.ndim != 2:
            raise ValueError(f"expected embeddings of 2 dims, got shape {embeddings.shape}")
        layer = cls.__new__(cls)
        Module.__init__(layer)
        layer.num_embeddings, layer.embedding_dim = embeddings.shape
        layer.padding_idx = _checked(padding_idx, layer.num_embeddings)
        layer.weight = Parameter(embeddings, requires_grad=not freeze)
        return layer

    def forward(self, input: Tensor) -> Tensor:
        """weight[x]."""
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


def _checked(padding_idx: int | None, rows: int) -> int | None:
    """padding_idx counted from the start."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ValueError(f"padding_idx must be one of the {rows} embeddings, got {padding_idx}")
    return padding_idx % rows

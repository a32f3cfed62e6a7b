"""The gated feed-forward network of Llama."""

from __future__ import annotations

from tt_tensor import Tensor

from .. import functional as F
from ..module import Module
from .linear import Linear

__all__ = ["SwiGLU"]


class SwiGLU(Module):
    """w2(silu(w1 x) · w3 x): one half of the hidden units opens and closes the other.

    Args:
        d_model: the size of input and output.
        d_ff: how many hidden units there are.
        bias: whether the three linear maps add a bias.

    Shape: x (..., d_model) -> the same

    >>> from tt_tensor import ones
    >>> SwiGLU(4, 8)(ones(2, 4)).shape
    (2, 4)

    Source: Shazeer 2020.
    """

    def __init__(self, d_model: int, d_ff: int, bias: bool = False) -> None:
        super().__init__()
        self.w1 = Linear(d_model, d_ff, bias=bias)
        self.w2 = Linear(d_ff, d_model, bias=bias)
        self.w3 = Linear(d_model, d_ff, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """w2(silu(w1 x) · w3 x)."""
        return self.w2(F.silu(self.w1(x)) * self.w3(x))  # type: ignore[no-any-return]

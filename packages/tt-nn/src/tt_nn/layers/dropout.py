"""The dropout layers."""

from __future__ import annotations

from tt_tensor import Tensor

from .. import functional as F
from ..module import Module

__all__ = ["Dropout", "Dropout2d"]


class Dropout(Module):
    """In training each element is zeroed with probability p and the rest divided by 1 - p."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: the probability must lie in 0 to 1, got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """x with elements dropped while training, x itself otherwise."""
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout2d(Dropout):
    """In training each channel of each image is zeroed with probability p, the rest over 1 - p.

    Shape: x (N, C, H, W) -> the same
    """

    def forward(self, x: Tensor) -> Tensor:
        """x with channels dropped while training, x itself otherwise."""
        return F.dropout2d(x, self.p, self.training, self.inplace)

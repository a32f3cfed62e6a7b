"""Layers that normalise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tt_tensor import Tensor, ones, zeros

from .. import functional as F
from ..module import Module
from ..parameter import Parameter

__all__ = ["LayerNorm", "RMSNorm"]


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or math.prod(shape) <= 0:
        raise ValueError(f"normalized_shape must have positive sizes, got {shape}")
    return shape


class LayerNorm(Module):
    """(x - mean)/√(var + ε) · weight + bias over the last dims.

    Shape: x (..., *normalized_shape) -> the same

    Source: Ba, Kiros and Hinton 2016.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape, kind = self.normalized_shape, {"device": device, "dtype": dtype}
        self.weight = Parameter(ones(shape, **kind)) if elementwise_affine else None
        self.bias = Parameter(zeros(shape, **kind)) if elementwise_affine and bias else None

    def forward(self, input: Tensor) -> Tensor:
        """The normalised x."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / √(mean(x²) + ε) · weight over the last dims.

    Shape: x (..., *normalized_shape) -> the same

    Source: Zhang and Sennrich 2019.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape, kind = self.normalized_shape, {"device": device, "dtype": dtype}
        self.weight = Parameter(ones(shape, **kind)) if elementwise_affine else None

    def forward(self, input: Tensor) -> Tensor:
        """The normalised x."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )

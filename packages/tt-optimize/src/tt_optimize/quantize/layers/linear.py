"""The affine map with int8 weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_nn import Parameter
from tt_tensor import Tensor
from tt_tensor.tensor import wrap

from ..integer import int8_matmul
from .int8 import Int8Layer
from .parts import linear_in_blocks

__all__ = ["QuantizedLinear"]


class QuantizedLinear(Int8Layer):
    """A Linear whose weight is int8: y = (x (q - zero_point)ᵀ) · scale + b.

    Weight-only, the integers are turned into floats for the product, block by block: this saves
    memory, not time. Dynamic or static, the product is one of integers, exactly, and what is left
    to floats is one multiplication for each number of the result.

    Shape: x (..., in_features) -> (..., out_features)
    """

    def __init__(
        self,
        weight: Tensor,
        scale: Tensor,
        bias: Parameter | None = None,
        zero_point: Tensor | None = None,
        **inputs: Any,
    ) -> None:
        super().__init__(weight, scale, bias, zero_point, **inputs)
        self.out_features, self.in_features = weight.shape

    def forward(self, x: Tensor) -> Tensor:
        """The affine map with the stored integers."""
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(
                f"QuantizedLinear: expected x of shape (..., {self.in_features}), got {x.shape}"
            )
        y = self._with_floats(x) if self.scheme == "weight_only" else self._with_integers(x)
        return y if self.bias is None else y + self.bias

    def _with_floats(self, x: Tensor) -> Tensor:
        y = linear_in_blocks(x, self.rows, self.out_features, self.in_features)
        return y * self.scale

    def _with_integers(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, self.in_features)
        q, step, zero = self.integers_of(rows, 1)
        sums = int8_matmul(q, wrap(self.weight_int8.array.T)).array
        affine = self.zero_point is not None
        row_sums = q.array.sum(1, keepdims=True, dtype=np.int32) if affine else 0
        exact = wrap(self.corrected(sums, zero, row_sums, self.in_features).astype(np.float32))
        return (exact * wrap(np.asarray(step * self.scale.array))).reshape(
            *x.shape[:-1], self.out_features
        )

    def extra_repr(self) -> str:
        """The sizes, and how it holds its weight."""
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, {super().extra_repr()}"

"""The affine layer and its neighbours."""

from __future__ import annotations

import math
from typing import Any

from tt_tensor import Tensor, empty

from .. import functional as F, init
from ..module import Module
from ..parameter import Parameter

__all__ = ["Flatten", "Identity", "Linear"]


class Linear(Module):
    """Affine map y = x Wᵀ + b.

    Weight and bias start out even in ±1/√in_features, as in PyTorch.

    Shape: x (..., in_features) -> (..., out_features); weight (out_features, in_features)

    >>> from tt_tensor import ones
    >>> Linear(3, 2)(ones(5, 3)).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in_features < 0 or out_features < 0:
            raise ValueError(
                f"Linear: sizes must not be negative, got {in_features}, {out_features}"
            )
        self.in_features = in_features
        self.out_features = out_features
        kind = {"device": device, "dtype": dtype}
        self.weight = Parameter(empty(out_features, in_features, **kind))
        self.bias = Parameter(empty(out_features, **kind)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """x Wᵀ + b."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Identity(Module):
    """y = x, whatever arguments it is given."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """x itself."""
        return input


class Flatten(Module):
    """The dims from start_dim to end_dim merged into one: (B, 1, 28, 28) -> (B, 784)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """The flattened x."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The dims."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"

"""What several functions demand of their input."""

from __future__ import annotations

from typing import Any

from tt_tensor import Tensor

__all__ = ["floating", "tensors"]


def tensors(name: str, *values: Any) -> None:
    """Raise unless all are Tensors."""
    for value in values:
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise TypeError(f"{name}: expected Tensors, got {kind}; wrap it first: tensor(value)")


def floating(name: str, x: Tensor) -> Tensor:
    """x itself; raises unless it is a floating Tensor."""
    tensors(name, x)
    if not x.is_floating_point():
        raise TypeError(f"{name} needs a floating dtype, got {x.dtype}; convert first: x.float()")
    return x

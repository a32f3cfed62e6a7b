"""What several functions demand of their input."""

from __future__ import annotations

from tt_tensor import Tensor

__all__ = ["floating"]


def floating(name: str, x: Tensor) -> Tensor:
    """x itself; raises unless it is floating."""
    if not x.is_floating_point():
        raise TypeError(f"{name} needs a floating dtype, got {x.dtype}; convert first: x.float()")
    return x

"""What can go wrong in training."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_tensor import Tensor

__all__ = ["NonFiniteLossError", "has_nonfinite"]


class NonFiniteLossError(RuntimeError):
    """The loss or the gradients became nan or infinite. The step was not taken.

    Attributes:
        epoch, step: where, both from 1; the weights are those after step - 1.
        value: the loss, or the norm of the gradients.
    """

    def __init__(self, message: str, epoch: int, step: int, value: float) -> None:
        super().__init__(message)
        self.epoch, self.step, self.value = epoch, step, value


def has_nonfinite(batch: Any) -> bool:
    """Whether a batch, nested at will, holds nan or infinite numbers."""
    if isinstance(batch, Tensor):
        batch = batch.array
    if isinstance(batch, np.ndarray):
        return batch.dtype.kind == "f" and not bool(np.isfinite(batch).all())
    if isinstance(batch, dict):
        batch = list(batch.values())
    return isinstance(batch, (list, tuple)) and any(has_nonfinite(part) for part in batch)

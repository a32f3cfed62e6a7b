"""What happens to gradients between the backward pass and the step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tt_tensor import Tensor, ledger

from ..utils import clip_grad_norm_
from .errors import NonFiniteLossError, has_nonfinite

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["average_gradients", "check_finite", "limit_gradients", "samples"]


def average_gradients(parameters: list[Tensor], count: int) -> None:
    """Turn the sum of ``count`` batches' gradients into their mean, in place."""
    for p in parameters if count > 1 else ():
        if p.grad is not None:
            np.divide(p.grad.array, count, out=p.grad.array)
            ledger.written(p.grad.array)


def limit_gradients(parameters: list[Tensor], max_norm: float | None) -> float:
    """Scale the gradients down to ``max_norm`` if their norm is larger; return the norm before."""
    return float(clip_grad_norm_(parameters, math.inf if max_norm is None else max_norm))


def check_finite(trainer: Trainer, name: str, value: float, batches: list[Any]) -> float:
    """The value, if it is a finite number; otherwise the step under way is undone.

    Raises:
        NonFiniteLossError: saying where, what to try, and what is safe.
    """
    if math.isfinite(value):
        return value
    step, epoch = trainer.step + 1, trainer.epoch
    trainer.go_back()
    trainer.optimizer.zero_grad()
    lr = trainer.optimizer.param_groups[0]["lr"]
    if has_nonfinite(batches):
        advice = "the batch itself holds nan or infinite numbers: look at the data"
    else:
        clip = "" if trainer.clip_norm else ", clip_norm=1.0"
        advice = f"try a lower learning rate (now {lr:.3g}){clip}, and look for log(0) and x / 0"
    kept = f"the weights are those after step {step - 1}"
    if trainer.checkpoint is not None and trainer.checkpoint.last_file.exists():
        kept += f", and {trainer.checkpoint.last_file} is as it was"
    message = f"expected a finite {name}, got {value} in epoch {epoch}, step {step}"
    raise NonFiniteLossError(
        f"{message}. help: {advice}. Nothing is lost: {kept}", epoch, step, value
    )


def samples(batch: Any) -> int:
    """How many samples a batch holds: the first dim of the first tensor in it."""
    if isinstance(batch, dict):
        batch = list(batch.values())
    if isinstance(batch, (list, tuple)):
        return samples(batch[0]) if batch else 1
    shape = getattr(batch, "shape", ())
    return int(shape[0]) if shape else 1

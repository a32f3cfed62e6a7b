"""What may be compressed by rewriting its floats, and what is refused, by name."""

from __future__ import annotations

import numpy as np

from tt_nn import Module

__all__ = ["check_amount", "check_floats"]


def check_floats(model: Module, technique: str) -> None:
    """Refuse a model whose weights are not plain finite floats.

    Raises:
        TypeError: it is no Module, or another technique of this package has made its layers
            already: int8 weights and accelerated layers can no longer be taken apart.
        ValueError: a parameter has values that are not finite; the message names it.
    """
    if not isinstance(model, Module):
        raise TypeError(f"{technique}: expected a Module, got {type(model).__name__}")
    for name, module in model.named_modules():
        if type(module).__module__.startswith("tt_optimize."):
            where = f"layer {name!r}" if name else "the model"
            raise TypeError(
                f"{technique}: {where} is a {type(module).__name__}, which can no longer be taken "
                "apart. help: keep this order: prune, low_rank, quantize, accelerate"
            )
    for name, parameter in model.named_parameters():
        if not np.isfinite(parameter.array).all():
            raise ValueError(
                f"{technique}: {name} has values that are nan or infinite, so it cannot be said "
                "which weights matter. help: go back to a checkpoint from before training diverged"
            )


def check_amount(amount: float) -> None:
    """Refuse a share that is not in [0, 1)."""
    if isinstance(amount, bool) or not 0 <= amount < 1:
        raise ValueError(
            f"prune: amount is the share to remove, from 0 up to but not 1; got {amount!r}. "
            "Nothing would be left of the model at 1: for half of it, pass 0.5"
        )

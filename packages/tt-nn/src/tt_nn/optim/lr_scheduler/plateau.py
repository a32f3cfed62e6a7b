"""The schedule that watches a metric."""

from __future__ import annotations

import math
from typing import Any, Literal

from ..optimizer import Optimizer
from .base import LRScheduler, per_group, require_optimizer

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """lr · factor when a metric has not improved for more than ``patience`` epochs.

    Args:
        mode: "min" if the metric is to fall, "max" if it is to rise.
        factor: below 1.
        patience: how many epochs without improvement are put up with.
        threshold: how much better counts as improvement: a fraction of the best value ("rel"), or
            as much as that ("abs").
        cooldown: for how many epochs after a reduction no epoch counts as bad.
        min_lr: the lowest learning rate, for all groups or for each.
        eps: smaller changes of the learning rate are not made.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        require_optimizer(optimizer)
        if factor >= 1.0:
            raise ValueError(f"factor: expected a number below 1, got {factor}")
        if mode not in ("min", "max"):
            raise ValueError(f'mode: expected "min" or "max", got {mode!r}')
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f'threshold_mode: expected "rel" or "abs", got {threshold_mode!r}')
        self.optimizer = optimizer
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        per_group("min_lr", min_lr, optimizer)  # raises if there are too few or too many
        self.min_lr = min_lr
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self.last_epoch = 0
        self._last_lr = self.current()

    @property
    def in_cooldown(self) -> bool:
        """Whether the last reduction was fewer than ``cooldown`` epochs ago."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """One epoch has passed with this value of the metric (a number or a one-element Tensor)."""
        current = float(metrics)
        self.last_epoch += 1
        if self.is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.reduce_lr()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self.current()

    def is_better(self, value: float) -> bool:
        """Whether the value beats the best one by more than the threshold."""
        margin = self.threshold if self.threshold_mode == "abs" else 0.0
        scale = self.threshold if self.threshold_mode == "rel" else 0.0
        if self.mode == "min":
            return value < self.best * (1.0 - scale) - margin
        return value > self.best * (1.0 + scale) + margin

    def reduce_lr(self) -> None:
        """lr · factor, but not below min_lr, in every group."""
        lows = per_group("min_lr", self.min_lr, self.optimizer)
        for group, lowest in zip(self.optimizer.param_groups, lows, strict=True):
            lr = max(group["lr"] * self.factor, lowest)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr

"""Schedules that multiply the initial learning rate by a factor of the epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..optimizer import Optimizer
from .base import LRScheduler, per_group

__all__ = ["ConstantLR", "LambdaLR", "LinearLR"]


class LambdaLR(LRScheduler):
    """initial lr · lr_lambda(epoch): any schedule in one function.

    Args:
        lr_lambda: one function for all groups, or a list with one for each. Functions are not saved
            by ``state_dict``.
    """

    not_saved = ("optimizer", "lr_lambdas")

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = per_group("lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """initial lr · lr_lambda(epoch)."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [lr * factor(self.last_epoch) for lr, factor in pairs]


class ConstantLR(LRScheduler):
    """lr · factor until epoch ``total_iters``, then lr."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"factor: expected a number from 0 to 1, got {factor}")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """lr · factor at epoch 0, lr / factor at epoch ``total_iters``, lr at others."""
        if self.last_epoch == 0:
            return [lr * self.factor for lr in self.current()]
        if self.last_epoch == self.total_iters:
            return [lr * (1.0 / self.factor) for lr in self.current()]
        return self.current()


class LinearLR(LRScheduler):
    """lr · a factor that goes from ``start_factor`` to ``end_factor`` in ``total_iters`` epochs.

    With the default values a warm-up.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"start_factor: expected above 0 and at most 1, got {start_factor}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"end_factor: expected a number from 0 to 1, got {end_factor}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """lr · f(epoch) / f(epoch - 1), where f rises linearly; at epoch 0, lr · f(0).

        f(t) = start_factor + (end_factor - start_factor) · t / total_iters, up to t = total_iters.
        """
        if self.last_epoch == 0:
            return [lr * self.start_factor for lr in self.current()]
        if self.last_epoch > self.total_iters:
            return self.current()
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return [lr * (1.0 + rise / before) for lr in self.current()]

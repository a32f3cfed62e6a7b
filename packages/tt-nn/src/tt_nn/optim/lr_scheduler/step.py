"""Schedules that multiply the learning rate by gamma now and then."""

from __future__ import annotations

from collections.abc import Iterable

from ..optimizer import Optimizer
from .base import LRScheduler

__all__ = ["ExponentialLR", "MultiStepLR", "StepLR"]


class StepLR(LRScheduler):
    """lr · gamma every ``step_size`` epochs.

    >>> from tt_nn.optim import SGD
    >>> from tt_tensor import ones
    >>> sgd = SGD([ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = StepLR(sgd, step_size=2, gamma=0.5)
    >>> for epoch in range(4):
    ...     sgd.step()
    ...     print(epoch, schedule.get_last_lr())
    ...     schedule.step()
    0 [1.0]
    1 [1.0]
    2 [0.5]
    3 [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR: step_size must be at least 1, got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """lr · gamma if the epoch is a multiple of step_size (but not 0), else lr."""
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma if due else lr for lr in self.current()]


class MultiStepLR(LRScheduler):
    """lr · gamma at each of the given epochs; one given twice counts twice."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """lr · gammaⁿ, where n is how often the epoch is among the milestones."""
        times = self.milestones.count(self.last_epoch)
        return [lr * self.gamma**times if times else lr for lr in self.current()]


class ExponentialLR(LRScheduler):
    """lr · gamma every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """lr · gamma, from epoch 1 on."""
        return [lr * self.gamma if self.last_epoch > 0 else lr for lr in self.current()]

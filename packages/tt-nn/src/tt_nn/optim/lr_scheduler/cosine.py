"""The cosine schedule."""

from __future__ import annotations

import math

from ..optimizer import Optimizer
from .base import LRScheduler

__all__ = ["CosineAnnealingLR"]


class CosineAnnealingLR(LRScheduler):
    """From the initial lr down to ``eta_min`` in ``T_max`` epochs, along half a cosine.

    lr(t) = eta_min + (lr(0) - eta_min) · (1 + cos(π · t / T_max)) / 2; after T_max it rises again.

    >>> from tt_nn.optim import SGD
    >>> from tt_tensor import ones
    >>> sgd = SGD([ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = CosineAnnealingLR(sgd, T_max=2)
    >>> for epoch in range(3):
    ...     sgd.step()
    ...     print(epoch, f"{schedule.get_last_lr()[0]:.2f}")
    ...     schedule.step()
    0 1.00
    1 0.50
    2 0.00

    Source: Loshchilov and Hutter 2017 (without the restarts).
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """eta_min + (lr - eta_min) · h(t) / h(t - 1), where h(t) = 1 + cos(π · t / T_max).

        At epoch 0 it is lr; where h(t - 1) is 0 (at t = T_max + 1 and every 2 · T_max from there)
        it is lr + (initial lr - eta_min) · (1 - cos(π / T_max)) / 2.
        """
        t, T = self.last_epoch, self.T_max
        if t == 0:
            return self.current()
        if (t - 1 - T) % (2 * T) == 0:
            rise = (1 - math.cos(math.pi / T)) / 2
            pairs = zip(self.current(), self.base_lrs, strict=True)
            return [lr + (base - self.eta_min) * rise for lr, base in pairs]
        ratio = (1 + math.cos(math.pi * t / T)) / (1 + math.cos(math.pi * (t - 1) / T))
        return [ratio * (lr - self.eta_min) + self.eta_min for lr in self.current()]

"""Schedules one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, require_optimizer
from .plateau import ReduceLROnPlateau

__all__ = ["SequentialLR"]


class SequentialLR(LRScheduler):
    """One schedule until each milestone, then the next, which begins at its own epoch 0.

    Args:
        schedulers: of the same optimizer.
        milestones: the epochs at which the next takes over; one fewer than the schedulers.

    >>> from tt_nn.optim import SGD
    >>> from tt_nn.optim.lr_scheduler import CosineAnnealingLR, LinearLR
    >>> from tt_tensor import ones
    >>> sgd = SGD([ones(1, requires_grad=True)], lr=1.0)
    >>> warmup = LinearLR(sgd, start_factor=0.5, total_iters=2)
    >>> schedule = SequentialLR(sgd, [warmup, CosineAnnealingLR(sgd, T_max=2)], milestones=[2])
    >>> for epoch in range(5):
    ...     sgd.step()
    ...     print(epoch, f"{schedule.get_last_lr()[0]:.2f}")
    ...     schedule.step()
    0 0.50
    1 0.75
    2 1.00
    3 0.50
    4 0.00
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        require_optimizer(optimizer)
        for i, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"scheduler {i} is a ReduceLROnPlateau, whose step() needs a metric, so it "
                    "cannot be one of a sequence"
                )
            if getattr(scheduler, "optimizer", None) is not optimizer:
                raise ValueError(f"scheduler {i} belongs to another optimizer; build all on one")
        if not schedulers or len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "expected schedulers and one milestone fewer; got "
                f"{len(schedulers)} schedulers and {len(milestones)} milestones"
            )
        self.optimizer, self._schedulers, self._milestones = optimizer, schedulers, milestones
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        if last_epoch == -1:
            self.restart()
        else:
            self._last_lr = self.current()

    def _advance(self) -> None:
        """Count one epoch and let the schedule whose turn it is set the learning rates."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        if self.last_epoch == (self._milestones[turn - 1] if turn else 0):
            scheduler.restart()
        else:
            scheduler._advance()
        self._last_lr = scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """The state of this schedule and of all in it."""
        own = {k: v for k, v in vars(self).items() if k not in ("optimizer", "_schedulers")}
        return own | {"_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state that ``state_dict`` returned."""
        states = state_dict["_schedulers"]
        if len(states) != len(self._schedulers):
            raise ValueError(f"expected {len(self._schedulers)} schedulers, got {len(states)}")
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for scheduler, state in zip(self._schedulers, states, strict=True):
            scheduler.load_state_dict(state)

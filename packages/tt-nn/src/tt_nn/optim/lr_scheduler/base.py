"""What all schedules share: the count of epochs and the way into the optimizer's groups."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import Any

from ..optimizer import Optimizer

__all__ = ["LRScheduler", "per_group", "require_optimizer"]


class LRScheduler:
    """Sets the learning rate of an optimizer's groups, epoch by epoch. Subclasses write ``get_lr``.

    Schedules change the rate they find, so several can work on one optimizer at the same time.

    Args:
        optimizer: whose ``param_groups`` get a new ``lr`` at each step, and keep ``initial_lr``.
        last_epoch: -1 to begin; otherwise the epoch that a loaded optimizer has reached.

    Attributes:
        last_epoch: how many times ``step()`` was called.
        base_lrs: each group's learning rate at the beginning.
    """

    not_saved: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        require_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"last_epoch={last_epoch} expects 'initial_lr' in param_groups[{i}], got "
                    f"{sorted(group)}. Load the optimizer's state first, or leave last_epoch at -1"
                )
        self.optimizer = optimizer
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._advance()

    def get_lr(self) -> list[float]:
        """The learning rate of each group for epoch ``last_epoch``, from those there are now."""
        raise NotImplementedError(f"{type(self).__name__} needs a method get_lr()")

    def step(self) -> None:
        """One epoch (or whatever is counted) has passed: set the learning rates of the next."""
        if self.last_epoch == 0 and _never_stepped(self.optimizer):
            warnings.warn(
                "lr_scheduler.step() was called before optimizer.step(), which skips the first "
                "learning rate. Call optimizer.step() first",
                UserWarning,
                stacklevel=2,
            )
        self._advance()

    def _advance(self) -> None:
        """Count one epoch and set its learning rates."""
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._last_lr: list[float] = self.current()

    def restart(self) -> None:
        """Begin anew at epoch 0, from the initial learning rates."""
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = lr
        self.last_epoch = -1
        self._advance()

    def current(self) -> list[float]:
        """The learning rates that are in the groups now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group that this schedule set last."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, fit for a checkpoint."""
        return {k: copy.deepcopy(v) for k, v in vars(self).items() if k not in self.not_saved}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state that ``state_dict`` returned.

        The learning rates themselves are in the optimizer's state.
        """
        vars(self).update(copy.deepcopy(dict(state_dict)))


def require_optimizer(optimizer: Any) -> None:
    """Raise TypeError unless it is one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"a schedule expects an Optimizer, got {type(optimizer).__name__}")


def per_group(name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """One value for each parameter group, from one for all or a list."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name}: expected one or {groups} (one for each group), got {len(value)}")
    return list(value)


def _never_stepped(optimizer: Optimizer) -> bool:
    """Whether it surely has not taken a step: a subclass's own ``step`` need not tell."""
    return type(optimizer).step is Optimizer.step and not optimizer.has_stepped

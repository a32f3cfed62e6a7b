"""The 1cycle policy."""

from __future__ import annotations

import math
from typing import Any, Literal

from ..optimizer import Optimizer
from .base import LRScheduler, per_group, require_optimizer

__all__ = ["OneCycleLR"]


class OneCycleLR(LRScheduler):
    """Up to ``max_lr`` and down again within ``total_steps``; the momentum goes the other way.

    Step it after every batch. The learning rate begins at max_lr / div_factor, reaches max_lr after
    ``pct_start`` of the steps and ends at max_lr / div_factor / final_div_factor.

    Args:
        total_steps: of the whole training; or give ``epochs`` and ``steps_per_epoch``.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: move momentum (β₁ of Adam) from max_momentum to base_momentum and back.
        three_phase: go down as slowly as up, then to the end.

    Source: Smith and Topin 2018.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        require_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start: expected a float from 0 to 1, got {pct_start!r}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f'anneal_strategy: expected "cos" or "linear", got {anneal_strategy!r}'
            )
        self.pct_start, self.three_phase = pct_start, three_phase
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError(
                "cycle_momentum=True expects an optimizer with momentum or betas, got "
                f"{type(optimizer).__name__}. Pass cycle_momentum=False"
            )
        highest = per_group("max_lr", max_lr, optimizer)
        bases = per_group("base_momentum", base_momentum, optimizer)
        tops = per_group("max_momentum", max_momentum, optimizer)
        if last_epoch == -1:
            for group, lr, base, top in zip(
                optimizer.param_groups, highest, bases, tops, strict=True
            ):
                group["initial_lr"], group["max_lr"] = lr / div_factor, lr
                group["min_lr"] = lr / div_factor / final_div_factor
                if cycle_momentum:
                    group["base_momentum"], group["max_momentum"] = base, top
        super().__init__(optimizer, last_epoch)

    def phases(self) -> list[tuple[float, str, str, str, str]]:
        """(last step, lr from, lr to, momentum from, momentum to), by their names in the groups."""
        peak, end = self.pct_start * self.total_steps - 1, self.total_steps - 1
        up = (peak, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        if not self.three_phase:
            return [up, (end, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        down = 2 * self.pct_start * self.total_steps - 2
        return [
            up,
            (down, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
            (end, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
        ]

    def get_lr(self) -> list[float]:
        """The learning rates of step ``last_epoch``; sets the momenta on the way."""
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"OneCycleLR was made for {self.total_steps} steps, this is step "
                f"{self.last_epoch}. Pass the total_steps of the whole training"
            )
        start, phases = 0.0, self.phases()
        while len(phases) > 1 and self.last_epoch > phases[0][0]:
            start = phases.pop(0)[0]
        end, lr0, lr1, momentum0, momentum1 = phases[0]
        part = (self.last_epoch - start) / (end - start)
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            _set_momentum(group, self.anneal(group[momentum0], group[momentum1], part))
        return [self.anneal(g[lr0], g[lr1], part) for g in self.optimizer.param_groups]

    def anneal(self, start: float, end: float, part: float) -> float:
        """From start (part 0) to end (part 1), along half a cosine or a line."""
        if self.anneal_strategy == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)


def _total_steps(total: int | None, epochs: int | None, per_epoch: int | None) -> int:
    if total is None:
        if epochs is None or per_epoch is None:
            raise ValueError("expected total_steps, or epochs and steps_per_epoch")
        total = epochs * per_epoch
    if not isinstance(total, int) or total <= 0:
        raise ValueError(f"total_steps: expected an int above 0, got {total!r}")
    return total


def _set_momentum(group: dict[str, Any], momentum: float) -> None:
    """Momentum, or Adam's β₁."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum

"""What can be hooked into training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["Callback", "is_better", "monitored"]


class Callback:
    """Something that is told how training goes: override the methods of interest.

    Every method gets the Trainer, whose attributes say where it is: ``epoch`` (from 1) of
    ``epochs``, ``step`` (optimizer steps taken), ``loss`` (of the last step), ``history``,
    ``model``, ``optimizer``. ``trainer.stop("why")`` ends training.

    What a callback remembers belongs into ``state_dict``, so that a resumed training goes on as if
    it had never been interrupted.

    >>> class PrintLoss(Callback):
    ...     def on_epoch_end(self, trainer):
    ...         print(trainer.epoch, trainer.history.epochs[-1]["loss"])
    """

    def on_train_begin(self, trainer: Trainer) -> None:
        """Training begins or is resumed."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """An epoch begins (not called where a resumed training is within one)."""

    def on_batch_end(self, trainer: Trainer) -> None:
        """The optimizer has taken a step: after every batch, or every ``accumulate`` batches."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """An epoch and its validation are over; ``trainer.history.epochs[-1]`` describes it."""

    def on_train_end(self, trainer: Trainer) -> None:
        """Training is over; ``trainer.status`` says whether it finished."""

    def state_dict(self) -> dict[str, Any]:
        """What this callback remembers, for the checkpoint."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Remember again what ``state_dict`` returned."""


def monitored(trainer: Trainer, name: str | None) -> float:
    """The last epoch's value of this name; None means val_loss if there is one, else loss.

    Raises:
        ValueError: there is no value of this name.
    """
    values = trainer.history.epochs[-1]
    if name is None:
        name = "val_loss" if "val_loss" in values else "loss"
    if name not in values:
        raise ValueError(
            f"expected monitor to be one of {', '.join(values)}; got {name!r}. "
            "Values of the validation need fit(..., val=batches)"
        )
    return values[name]


def is_better(value: float, best: float, mode: str, min_delta: float = 0.0) -> bool:
    """Whether the value beats the best one by more than min_delta; nan never does."""
    if math.isnan(best):
        return not math.isnan(value)
    return value < best - min_delta if mode == "min" else value > best + min_delta

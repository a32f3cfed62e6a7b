"""Stopping when it no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from tt_tensor import Tensor

from .callback import Callback, is_better, monitored

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """Ends training when a value has not improved for ``patience`` epochs in a row.

    Args:
        monitor: a name in ``history.epochs[-1]``; by default val_loss if there is one, else loss.
        patience: how many epochs without improvement end training.
        min_delta: how much better counts as improvement.
        mode: "min" if the value is to fall, "max" if it is to rise.
        restore_best: at the end, give the model the weights of its best epoch.

    Attributes:
        best, best_epoch: the best value so far and its epoch.
        bad_epochs: how many epochs have passed since.
    """

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 5,
        min_delta: float = 0.0,
        mode: Literal["min", "max"] = "min",
        restore_best: bool = False,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f'mode: expected "min" or "max", got {mode!r}')
        if patience < 1:
            raise ValueError(f"patience: expected at least 1 epoch, got {patience}")
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.mode, self.restore_best = mode, restore_best
        self.best, self.best_epoch, self.bad_epochs = math.nan, 0, 0
        self.best_weights: dict[str, Tensor] | None = None

    def on_train_begin(self, trainer: Trainer) -> None:
        """Begin anew; a resumed training that had ended here ends here again."""
        if not trainer.history.epochs:
            self.best, self.best_epoch, self.bad_epochs = math.nan, 0, 0
            self.best_weights = None
        self._stop_if_due(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Compare with the best epoch; after ``patience`` worse ones, stop."""
        value = monitored(trainer, self.monitor)
        if is_better(value, self.best, self.mode, self.min_delta):
            self.best, self.best_epoch, self.bad_epochs = value, trainer.epoch, 0
            if self.restore_best:
                state = trainer.model.state_dict()
                self.best_weights = {name: x.detach().clone() for name, x in state.items()}
        else:
            self.bad_epochs += 1
        self._stop_if_due(trainer)

    def on_train_end(self, trainer: Trainer) -> None:
        """Give back the best weights, unless training broke off."""
        if self.best_weights is not None and trainer.status == "finished":
            trainer.model.load_state_dict(self.best_weights)

    def _stop_if_due(self, trainer: Trainer) -> None:
        if self.bad_epochs >= self.patience:
            name = self.monitor or "the loss"
            trainer.stop(f"{name} was best in epoch {self.best_epoch} ({self.best:.4g})")

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far."""
        names = ("best", "best_epoch", "bad_epochs", "best_weights")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there."""
        vars(self).update(state_dict)

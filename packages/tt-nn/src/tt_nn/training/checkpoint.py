"""Files from which training can be resumed, and the best weights."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..serialization import save
from .callback import Callback, is_better, monitored

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["Checkpoint"]


class Checkpoint(Callback):
    """Writes two safetensors files into a folder.

    ``last.safetensors`` is written after every epoch and on Ctrl-C; ``fit(..., resume=True)`` goes
    on from it, bit for bit. ``best.safetensors`` is the model's ``state_dict`` of the best epoch:
    ``model.load_state_dict(tt_nn.load(...))``. A file is replaced only when the new one is
    completely on the disk.

    Args:
        folder: is made when the first file is written.
        monitor: what decides which epoch is best: a name in ``history.epochs[-1]``; by default
            val_loss if there is one, else loss.
        mode: "min" if that value is to fall, "max" if it is to rise.
        every: write ``last.safetensors`` after every so many steps, too.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        monitor: str | None = None,
        mode: Literal["min", "max"] = "min",
        every: int | None = None,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f'mode: expected "min" or "max", got {mode!r}')
        self.folder = Path(folder)
        self.monitor, self.mode, self.every = monitor, mode, every
        self.best, self.best_epoch = math.nan, 0

    @property
    def last_file(self) -> Path:
        """Where training can be resumed from."""
        return self.folder / "last.safetensors"

    @property
    def best_file(self) -> Path:
        """The weights of the best epoch."""
        return self.folder / "best.safetensors"

    def write(self, trainer: Trainer) -> None:
        """Write ``last.safetensors``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        save(trainer.state_dict(), self.last_file)

    def on_train_begin(self, trainer: Trainer) -> None:
        """A training from the beginning has no best epoch yet."""
        if not trainer.history.epochs:
            self.best, self.best_epoch = math.nan, 0

    def on_batch_end(self, trainer: Trainer) -> None:
        """Write after every ``every`` steps."""
        if self.every and trainer.step % self.every == 0:
            self.write(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Write the best weights if this epoch's are, and the checkpoint."""
        value = monitored(trainer, self.monitor)
        if is_better(value, self.best, self.mode):
            self.best, self.best_epoch = value, trainer.epoch
            self.folder.mkdir(parents=True, exist_ok=True)
            save(trainer.model.state_dict(), self.best_file)
        self.write(trainer)

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.best, self.best_epoch = state_dict["best"], state_dict["best_epoch"]

"""What happened in training, as plain data."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tt_tensor import float64, tensor

__all__ = ["History"]


@dataclass
class History:
    """The record of a training.

    Attributes:
        epochs: for each epoch a dict with ``epoch``, ``step`` (at its end), ``loss`` (mean over the
            samples), ``lr``, ``grad_norm`` (mean over the steps, before clipping), ``seconds`` and,
            if there was a validation, ``val_loss`` and ``val_`` with the name of each metric.
        losses: the loss of every step.
        grad_norms: the norm of the gradients of every step, before clipping.
        interrupted: training was stopped by Ctrl-C.
        stopped: why training ended before its last epoch; empty if it did not.

    >>> history = History(epochs=[{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}])
    >>> history["loss"]
    [2.0, 1.0]
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    grad_norms: list[float] = field(default_factory=list)
    interrupted: bool = False
    stopped: str = ""

    def __getitem__(self, name: str) -> list[float]:
        """The values of one name, epoch by epoch."""
        found = [values[name] for values in self.epochs if name in values]
        if self.epochs and not found:
            raise KeyError(f"{name!r} is not in the history; got {', '.join(self.epochs[0])}")
        return found

    def to_json(self, indent: int | None = None) -> str:
        """The history as JSON text."""
        return json.dumps(asdict(self), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> History:
        """The history that ``to_json`` wrote."""
        return cls(**json.loads(text))

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the loss of every step and, over it, training and validation loss of every epoch.

        Args:
            path: the picture's file; its suffix says the format (.png, .svg, .pdf).

        Raises:
            ImportError: matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise ImportError(
                "History.plot needs the package matplotlib: pip install matplotlib"
            ) from None
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        axes.plot(range(1, len(self.losses) + 1), self.losses, alpha=0.3, label="loss of each step")
        for name in ("loss", "val_loss"):
            if any(name in values for values in self.epochs):
                ends = [values["step"] for values in self.epochs if name in values]
                axes.plot(ends, self[name], marker=".", label=f"{name} of each epoch")
        axes.set(xlabel="step", ylabel="loss")
        axes.legend()
        figure.savefig(path)

    def state_dict(self) -> dict[str, Any]:
        """The record so far, for the checkpoint; long lists as tensors."""
        return {
            "epochs": [dict(values) for values in self.epochs],
            "losses": tensor(self.losses, dtype=float64),
            "grad_norms": tensor(self.grad_norms, dtype=float64),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on with the record that ``state_dict`` returned."""
        self.epochs = [dict(values) for values in state_dict["epochs"]]
        self.losses = state_dict["losses"].tolist()
        self.grad_norms = state_dict["grad_norms"].tolist()

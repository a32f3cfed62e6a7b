"""Where training is: enough, with the weights, to go on from there bit for bit."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tt_tensor import Tensor, get_rng_state, ledger, set_rng_state

__all__ = ["Boundary", "EpochStart", "Position", "buffers_of"]


@dataclass
class Position:
    """Counts and sums of the epoch under way.

    Attributes:
        epochs: finished.
        batches: used up in the epoch under way.
        step: optimizer steps taken since the beginning.
        steps: optimizer steps taken in this epoch.
        loss_sum, samples: of this epoch, for the mean of the loss.
        norm_sum: of the gradients' norms of this epoch.
        seconds: that this epoch has taken so far.
    """

    epochs: int = 0
    batches: int = 0
    step: int = 0
    steps: int = 0
    loss_sum: float = 0.0
    samples: int = 0
    norm_sum: float = 0.0
    seconds: float = 0.0

    def after_step(self, batches: int, samples: int, loss: float, norm: float) -> Position:
        """The position after one more step, of so many batches and samples."""
        return Position(
            epochs=self.epochs,
            batches=self.batches + batches,
            step=self.step + 1,
            steps=self.steps + 1,
            loss_sum=self.loss_sum + loss * samples,
            samples=self.samples + samples,
            norm_sum=self.norm_sum + norm,
            seconds=self.seconds,
        )

    def next_epoch(self) -> Position:
        """The beginning of the epoch after this one."""
        return Position(epochs=self.epochs + 1, step=self.step)


@dataclass
class EpochStart:
    """What decides the order of an epoch's batches: random state and loader before the first."""

    rng: Tensor
    loader: Any

    @classmethod
    def of(cls, loader: Any) -> EpochStart:
        """The present state."""
        keeps = hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict")
        return cls(get_rng_state(), copy.deepcopy(loader.state_dict()) if keeps else None)

    def replay(self, loader: Any) -> Iterator[Any]:
        """The epoch's batches from the first, in the same order."""
        set_rng_state(self.rng)
        if self.loader is not None:
            loader.load_state_dict(copy.deepcopy(self.loader))
        return iter(loader)


@dataclass
class Boundary:
    """The state between two steps, apart from the weights, which only the optimizer changes."""

    position: Position
    start: EpochStart
    rng: Tensor
    buffers: list[Tensor] = field(default_factory=list)

    @classmethod
    def here(cls, position: Position, start: EpochStart, buffers: list[Tensor]) -> Boundary:
        """The present state."""
        kept = [buffer.detach().clone() for buffer in buffers]
        return cls(copy.copy(position), start, get_rng_state(), kept)

    def go_back(self, buffers: list[Tensor]) -> None:
        """Undo what a step that was broken off has changed: random state and buffers."""
        set_rng_state(self.rng)
        for buffer, before in zip(buffers, self.buffers, strict=True):
            buffer.array[...] = before.array
            ledger.written(buffer.array)


def buffers_of(model: Any) -> list[Tensor]:
    """What a forward pass may change: running means and the like."""
    return list(model.buffers()) if hasattr(model, "buffers") else []

"""Where a loader is in its epoch: enough to begin again there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any

from tt_tensor import Generator, Tensor

__all__ = ["EpochPosition"]


@dataclass(slots=True)
class EpochPosition:
    """How many batches have been handed out, and what drew their order.

    Attributes:
        batches: handed out in this epoch so far; 0 before the first.
        start: the state of the random generator from which the order of this epoch was drawn.
    """

    batches: int = 0
    start: Tensor | None = None

    def state_dict(self) -> dict[str, Any]:
        """As numbers and tensors, fit for a checkpoint.

        >>> EpochPosition().state_dict()
        {'batches': 0}
        """
        if self.batches == 0 or self.start is None:
            return {"batches": 0}
        return {"batches": self.batches, "start": self.start}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> EpochPosition:
        """The position that `state_dict` described.

        Raises:
            ValueError: if it is not one.
        """
        batches, start = state.get("batches"), state.get("start")
        if (
            not isinstance(batches, int)
            or batches < 0
            or (batches > 0 and not isinstance(start, Tensor))
        ):
            raise ValueError(
                "expected the state that DataLoader.state_dict() returned, with an int 'batches' "
                f"and, in the middle of an epoch, a tensor 'start'; got the keys {sorted(state)}"
            )
        return cls(batches, start)

    def seed(self, number: int) -> int:
        """The seed of batch `number` of this epoch: a hash of the two, so that neighbours have
        nothing in common."""
        start = b"" if self.start is None else self.start.array.tobytes()
        return int.from_bytes(sha256(start + b"/%d" % number).digest()[:8], "big")

    def replay(self, order: Iterator[Any], generator: Generator) -> None:
        """Skip what has been handed out of an order that is drawn from the generator.

        It is drawn again from the state at the start of the epoch; afterwards the generator is in
        the state it is in now, for it may have drawn other things since.

        Raises:
            ValueError: if the order is too short.
        """
        now = generator.get_state()
        if self.start is not None:
            generator.set_state(self.start)
        skipped = sum(1 for _ in islice(order, self.batches))
        generator.set_state(now)
        if skipped < self.batches:
            raise ValueError(
                f"DataLoader: the saved position is after batch {self.batches}, but this epoch has "
                f"{skipped}. Make the loader with the same dataset and options"
            )

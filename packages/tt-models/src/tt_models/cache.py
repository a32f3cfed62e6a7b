"""What a GPT asks of a cache for keys and values. Any object that can do this will do."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tt_tensor import Tensor

__all__ = ["Cache"]


@runtime_checkable
class Cache(Protocol):
    """The keys and values of the positions seen so far, layer by layer.

    A model that is given a cache computes only the new positions: it asks for ``length``, hands
    each layer's new keys and values to ``update`` and attends to what comes back, and calls
    ``advance`` once all layers are done.
    """

    @property
    def length(self) -> int:
        """The number of positions seen."""
        ...

    @property
    def window(self) -> int | None:
        """How many positions back each one looks, itself included; all of them if None."""
        ...

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store a layer's new keys and values after the others and return all of them.

        Shape: (B, H, T, D) -> (B, H, length + T, D); with a window only those that one of the new
        positions may look at, window - 1 before the first of them at most
        """
        ...

    def advance(self, count: int) -> None:
        """``count`` positions are complete in all layers."""
        ...

    def reset(self) -> None:
        """Forget everything."""
        ...

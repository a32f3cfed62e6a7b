"""Transforms made of others, and of your own functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Compose", "Lambda"]


class Compose:
    """One transform after the other.

    >>> Compose([str.strip, str.upper])(" a ")
    'A'
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    @property
    def takes_batches(self) -> bool:
        """Whether each of them takes a whole batch at once."""
        return all(getattr(transform, "takes_batches", False) for transform in self.transforms)

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"Compose({lines}\n)"


class Lambda:
    """Your own function as a transform. It gets images one by one, never a batch.

    Raises:
        TypeError: if it cannot be called.

    >>> Lambda(lambda x: 1 - x)(0.25)
    0.75
    """

    takes_batches = False

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Lambda: expected a function, got {type(lambd).__name__}")
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)

    def __repr__(self) -> str:
        return "Lambda()"

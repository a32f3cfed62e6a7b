"""Datasets one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from .dataset import Dataset, IterableDataset, position

__all__ = ["ConcatDataset"]


class ConcatDataset(Dataset[Any]):
    """The items of the first dataset, then those of the second, and so on.

    Attributes:
        cumulative_sizes: how many items there are up to the end of each dataset.

    Raises:
        ValueError: if there is no dataset.
        TypeError: if one is an IterableDataset, whose items have no numbers.

    >>> both = ConcatDataset(["abc", "de"])
    >>> both.cumulative_sizes, both[3], both[-1]
    ([3, 5], 'd', 'e')
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expected at least one dataset, got none")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise TypeError(
                    "ConcatDataset: expected datasets with numbered items, got "
                    f"{type(dataset).__name__}, an IterableDataset. itertools.chain joins streams"
                )
        self.cumulative_sizes = list(accumulate(map(len, self.datasets)))

    def __getitem__(self, index: int) -> Any:
        index = position(index, len(self), "ConcatDataset")
        which = bisect_right(self.cumulative_sizes, index)  # the first that ends after index
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - before]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

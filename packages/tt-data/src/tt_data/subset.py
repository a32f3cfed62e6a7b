"""A part of a dataset, and the cutting of a dataset into random parts."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from tt_tensor import Generator, default_generator, randperm

from .dataset import Dataset, T_co, position

__all__ = ["Subset", "random_split"]


class Subset(Dataset[T_co]):
    """The items of `dataset` with these numbers, in this order.

    >>> list(Subset("abcdef", [4, 0]))
    ['e', 'a']
    """

    def __init__(self, dataset: Dataset[T_co] | Sequence[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: int) -> T_co:
        return self.dataset[self.indices[position(index, len(self), "Subset")]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any,
    lengths: Sequence[float],
    generator: Generator | None = default_generator,
) -> list[Subset[Any]]:
    """Deal the items to parts at random: no item is in two parts, none is left out.

    Args:
        lengths: how many items each part gets, or, if they sum to 1, which fraction.
        generator: decides the order; seed it to get the same parts again.

    Raises:
        ValueError: if a length is negative, or they do not sum to the length of the dataset.

    >>> train, val = random_split(range(10), [0.8, 0.2], Generator().manual_seed(0))
    >>> len(train), len(val), sorted([*train, *val]) == list(range(10))
    (8, 2, True)
    """
    sizes = part_sizes(len(dataset), lengths)
    order: list[int] = randperm(len(dataset), generator=generator).tolist()
    ends = list(accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def part_sizes(n: int, lengths: Sequence[float]) -> list[int]:
    """How many of n items each part gets, by PyTorch's rule.

    Lengths that sum to 1 are fractions: each part gets floor(n · fraction) items, and what remains
    goes one by one to the first parts.

    >>> part_sizes(10, [7, 3]), part_sizes(10, [0.45, 0.45, 0.1])
    ([7, 3], [5, 4, 1])
    """
    if any(length < 0 for length in lengths):
        raise ValueError(f"random_split: expected no negative length; got {list(lengths)}")
    if math.isclose(sum(lengths), 1):
        sizes = [math.floor(n * fraction) for fraction in lengths]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, size in enumerate(sizes):
            if size == 0:
                warnings.warn(
                    f"random_split: part {i} of {list(lengths)} gets none of {n} items",
                    stacklevel=3,
                )
        return sizes
    if sum(lengths) != n or any(length != int(length) for length in lengths):
        raise ValueError(
            f"random_split: expected whole lengths that sum to len(dataset) = {n}, or fractions "
            f"that sum to 1; got {list(lengths)}, which sum to {sum(lengths)}"
        )
    return [int(length) for length in lengths]

"""What a dataset is: something with items, by number (`Dataset`) or in a stream."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from .concat import ConcatDataset

__all__ = ["Dataset", "IterableDataset", "position"]

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Items by number: write `__getitem__(index)` and `__len__()`.

    An item may be whatever the collate function of the DataLoader can make batches of: a tensor, a
    number, or tuples and dicts of these. `a + b` puts two datasets one after the other.

    >>> class Squares(Dataset[int]):
    ...     def __len__(self):
    ...         return 4
    ...
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> Squares()[3]
    9
    """

    def __getitem__(self, index: int) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} needs a method __getitem__(self, index)")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        from .concat import ConcatDataset  # which is a Dataset itself

        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Items in the order in which they come, from a file or a socket: write `__iter__()`.

    It has no numbers to shuffle, and a length only if you write `__len__()`.

    >>> class Countdown(IterableDataset[int]):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> list(Countdown())
    [3, 2, 1]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} needs a method __iter__(self)")


def position(index: int, length: int, name: str) -> int:
    """The place from 0 to length - 1 that `index` means; -1 means the last.

    Raises:
        IndexError: if `name`, which has `length` items, has none there.

    >>> position(-1, 5, "five")
    4
    """
    index = operator.index(index)
    if not -length <= index < length:
        wanted = (
            f"an index from {-length} to {length - 1}" if length else "no index, for it is empty"
        )
        raise IndexError(f"{name}: expected {wanted}; got {index}. Its len() is {length}")
    return index + length if index < 0 else index

"""Samplers: in which order the items of a dataset are taken, and how many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import Any, Generic

from tt_tensor import Generator, randint, randperm

from .dataset import T_co

__all__ = ["BatchSampler", "RandomSampler", "Sampler", "SequentialSampler"]


class Sampler(Generic[T_co]):
    """Numbers of items, in some order: write `__iter__()`, and `__len__()` if it is known.

    A sampler that shuffles draws from its attribute `generator`, or from tt_tensor's default
    generator if that is None or absent; so a DataLoader can save and restore its order.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} needs a method __iter__(self)")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... to the end.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Numbers in random order: each once, or drawn anew each time (`replacement=True`).

    Args:
        num_samples: how many to draw, by default as many as there are items. Without replacement,
            those beyond the last item come from another shuffle of all.
        generator: draws them; tt_tensor's default generator if None.

    Raises:
        ValueError: if there is nothing to draw.

    >>> order = RandomSampler("abcde", generator=Generator().manual_seed(0))
    >>> sorted(order)
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"RandomSampler: expected replacement True or False; got {replacement!r}"
            )
        if not len(data_source):
            raise ValueError(
                "RandomSampler: expected a dataset with at least one item to shuffle; got an empty "
                "one"
            )
        check_positive("RandomSampler: num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many numbers are drawn."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, wanted = len(self.data_source), self.num_samples
        if self.replacement:
            yield from randint(n, (wanted,), generator=self.generator).tolist()
            return
        while wanted > 0:
            yield from randperm(n, generator=self.generator).tolist()[:wanted]
            wanted -= n

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The numbers of another sampler in lists of `batch_size`; the last may be shorter.

    Args:
        sampler: a Sampler, or anything else to iterate over.
        drop_last: leave a shorter last list out.

    Raises:
        ValueError: if batch_size is not a positive int.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        check_positive("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last: expected True or False; got {drop_last!r}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        return in_batches(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        # a sampler that is only iterable has no len(), and says so
        return count_batches(len(self.sampler), self.batch_size, self.drop_last)  # type: ignore[arg-type]


def in_batches(items: Iterable[Any], batch_size: int, drop_last: bool) -> Iterator[list[Any]]:
    """Lists of `batch_size` items; a shorter last one is left out if `drop_last`.

    >>> list(in_batches("abcde", 2, drop_last=True))
    [['a', 'b'], ['c', 'd']]
    """
    stream = iter(items)
    while batch := list(islice(stream, batch_size)):
        if len(batch) == batch_size or not drop_last:
            yield batch


def count_batches(n: int, batch_size: int, drop_last: bool) -> int:
    """How many batches n items make: n / batch_size, rounded down if `drop_last`, up if not."""
    return n // batch_size if drop_last else -(-n // batch_size)


def check_positive(name: str, value: object) -> None:
    """Raise a ValueError unless the value is an int above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name}: expected an int of at least 1; got {value!r}")

"""How one batch is made: the items are fetched, then collated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .collate import default_collate
from .datasets.images import ImageDataset
from .randomness import BatchRandomness, drawing
from .subset import Subset
from .tensor_dataset import TensorDataset

__all__ = [
    "BatchMaker",
    "SubsetGather",
    "fetch_batch",
    "fetch_item",
    "fetch_items",
    "gather_function",
]

Gather = Callable[[list[int]], Any]


@dataclass(frozen=True, slots=True)
class BatchMaker:
    """Makes the batches of a loader: all that a worker has to know.

    Attributes:
        jobs: what a job is: "batches", the indices of one batch; "items", the index of one item;
            or "streamed", the items themselves.
    """

    dataset: Any
    collate: Callable[[Any], Any]
    jobs: str

    def __call__(self, seed: int, job: Any) -> tuple[Any, bool]:
        """The batch, drawn from a generator with this seed, and whether it drew anything."""
        source = BatchRandomness(seed)
        with drawing(source):
            if self.jobs == "batches":
                batch = fetch_batch(self.dataset, job, self.collate)
            elif self.jobs == "items":
                batch = self.collate(fetch_item(self.dataset, job))
            else:
                batch = self.collate(job)
        return batch, source.used


def fetch_item(dataset: Any, index: int) -> Any:
    """`dataset[index]`; an error passes as it is, with a note that tells the index.

    >>> try:
    ...     fetch_item({1: "a"}, 2)
    ... except KeyError as error:
    ...     print(error.__notes__)
    ['while fetching item 2 of dict']
    """
    try:
        return dataset[index]
    except Exception as error:
        error.add_note(f"while fetching item {index} of {type(dataset).__name__}")
        raise


def fetch_items(dataset: Any, indices: list[int]) -> list[Any]:
    """The items with these indices; a dataset with `__getitems__` is asked for all at once."""
    if not hasattr(dataset, "__getitems__"):
        return [fetch_item(dataset, index) for index in indices]
    try:
        items: list[Any] = dataset.__getitems__(indices)
    except Exception as error:
        error.add_note(f"while fetching items {indices} of {type(dataset).__name__}")
        raise
    return items


def fetch_batch(dataset: Any, indices: list[int], collate: Callable[[Any], Any]) -> Any:
    """The batch that `collate` makes of these items.

    >>> from tt_tensor import tensor
    >>> fetch_batch(TensorDataset(tensor([10, 11, 12])), [2, 0], default_collate)
    [tensor([12, 10])]
    """
    gather = gather_function(dataset, collate)
    if gather is not None:
        return gather(indices)
    items = fetch_items(dataset, indices)
    try:
        return collate(items)
    except Exception as error:
        error.add_note(f"while collating items {indices} of {type(dataset).__name__}")
        raise


def gather_function(dataset: Any, collate: Callable[[Any], Any]) -> Gather | None:
    """A function from indices to a whole batch, or None if items must be made one by one.

    Tensors in memory need no items: one indexing operation copies all rows of a batch.
    Measured for shuffled batches of 64 images (1, 8, 8) with labels, on 2 busy cores: about 20 µs a
    batch, against 330 µs and more item by item; 15 to 27 times faster in five runs.

    Images are gathered likewise if their transform takes a whole batch: flips and crops of 256
    images (3, 32, 32) take 4 ms so, and 16 ms image by image.

    Whoever overrides `__getitem__` or the collation means it, and gets items.
    """
    if collate is not default_collate:
        return None
    method = getattr(type(dataset), "__getitem__", None)
    if method is TensorDataset.__getitem__:
        gather: Gather = dataset.gather
        return gather
    if method is ImageDataset.__getitem__:
        return dataset.gather if dataset.gathers() else None
    if method is Subset.__getitem__:
        inner = gather_function(dataset.dataset, collate)
        return None if inner is None else SubsetGather(dataset.indices, inner)
    return None


class SubsetGather:
    """Gathers a subset's batch from the dataset that it is a subset of."""

    def __init__(self, indices: Sequence[int], gather: Gather) -> None:
        self.indices = indices
        self.gather = gather

    def __call__(self, places: list[int]) -> Any:
        return self.gather([self.indices[place] for place in places])

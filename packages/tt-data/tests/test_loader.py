"""Batches of a dataset: what is in them and in which order."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from tt_tensor import Generator, Tensor, arange, manual_seed, zeros


class Squares(Dataset[int]):
    """Items that are made one by one."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> int:
        return index * index


class Stream(IterableDataset[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.n))


class SizedStream(Stream):
    def __len__(self) -> int:
        return self.n


def items(loader: DataLoader) -> list:
    """All items, in order."""
    return [item for batch in loader for item in batch.tolist()]


def lists(loader: DataLoader) -> list:
    """The batches as lists."""
    return [batch.tolist() for batch in loader]


def seeded(dataset: object, seed: int = 0, **options: object) -> DataLoader:
    return DataLoader(dataset, shuffle=True, generator=Generator().manual_seed(seed), **options)


@given(st.integers(0, 40), st.integers(1, 10), st.booleans())
def test_batches_in_order(n: int, size: int, drop_last: bool) -> None:
    loader = DataLoader(Squares(n), batch_size=size, drop_last=drop_last)
    batches = lists(loader)
    kept = n - n % size if drop_last else n
    assert [item for batch in batches for item in batch] == [i * i for i in range(kept)]
    assert len(batches) == len(loader)
    assert all(len(batch) == size for batch in batches[:-1])


def test_a_seed_fixes_every_epoch() -> None:
    first, second, other = seeded(range(50), 1), seeded(range(50), 1), seeded(range(50), 2)
    epochs = [items(first) for _ in range(3)]
    assert epochs == [items(second) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert items(other) != epochs[0]


def test_without_a_generator_the_default_one_decides() -> None:
    manual_seed(7)
    first = lists(DataLoader(range(50), 8, shuffle=True))
    manual_seed(7)
    assert lists(DataLoader(range(50), 8, shuffle=True)) == first


def test_order_is_drawn_when_the_loop_begins() -> None:
    """So that seeding between making the loader and using it works."""
    loader = DataLoader(range(50), shuffle=True)
    manual_seed(7)
    first = lists(loader)
    manual_seed(7)
    assert lists(loader) == first


def test_two_loops_over_one_loader() -> None:
    loader = DataLoader(range(3))
    assert [(a.item(), b.item()) for a in loader for b in loader] == [
        (a, b) for a in range(3) for b in range(3)
    ]


@given(st.integers(1, 40), st.integers(1, 10), st.booleans())
def test_gathered_batches_are_those_made_of_items(n: int, size: int, shuffle: bool) -> None:
    class Slow(TensorDataset):
        def __getitem__(self, index: int) -> tuple[Tensor, ...]:
            return tuple(tensor[index] for tensor in self.tensors)

    tensors = (arange(2 * n).reshape(n, 2), arange(n))
    options = {"batch_size": size, "shuffle": shuffle}
    fast = DataLoader(TensorDataset(*tensors), **options, generator=Generator().manual_seed(1))
    slow = DataLoader(Slow(*tensors), **options, generator=Generator().manual_seed(1))
    for ours, theirs in zip(fast, slow, strict=True):
        assert type(ours) is type(theirs) is list
        assert [part.tolist() for part in ours] == [part.tolist() for part in theirs]


def test_overriding_getitem_is_respected() -> None:
    class Doubled(TensorDataset):
        def __getitem__(self, index: int) -> tuple[Tensor, ...]:
            return tuple(2 * tensor for tensor in super().__getitem__(index))

    data = Doubled(arange(4))
    for dataset in (data, Subset(data, range(4))):
        [[batch]] = DataLoader(dataset, batch_size=4)
        assert batch.tolist() == [0, 2, 4, 6]


def test_batches_do_not_share_the_datasets_memory() -> None:
    data = TensorDataset(zeros(4, 2))
    for (batch,) in DataLoader(data, batch_size=2):
        assert not np.shares_memory(batch.array, data.tensors[0].array)


def test_parts_of_tensors() -> None:
    parts = random_split(TensorDataset(arange(10)), [6, 4], Generator().manual_seed(0))
    [[six]], [[four]] = (DataLoader(part, batch_size=10) for part in parts)
    assert (len(six), sorted([*six.tolist(), *four.tolist()])) == (6, list(range(10)))


def test_collate_fn() -> None:
    loader = DataLoader(["a", "bc", "d"], batch_size=2, collate_fn="+".join)
    assert list(loader) == ["a+bc", "d"]
    gathered = DataLoader(TensorDataset(arange(3)), batch_size=3, collate_fn=len)
    assert list(gathered) == [3]


def test_sampler_and_batch_sampler() -> None:
    assert lists(DataLoader(Squares(9), 2, sampler=[4, 0, 1])) == [[16, 0], [1]]
    loader = DataLoader(Squares(9), batch_sampler=[[1, 2], [3]])
    assert (lists(loader), len(loader), loader.batch_size) == ([[1, 4], [9]], 2, None)
    assert lists(DataLoader(Squares(3), batch_sampler=BatchSampler([2, 1, 0], 2, True))) == [[4, 1]]


def test_without_batches() -> None:
    pairs = [(np.zeros(2), "a"), (np.ones(2), "b")]
    loader = DataLoader(pairs, batch_size=None)
    assert len(loader) == 2
    assert [(x.tolist(), name) for x, name in loader] == [([0, 0], "a"), ([1, 1], "b")]
    assert sorted(DataLoader(range(4), batch_size=None, shuffle=True)) == [0, 1, 2, 3]


@pytest.mark.parametrize("workers", [0, 2])
def test_streams(workers: int) -> None:
    loader = DataLoader(Stream(5), batch_size=2, num_workers=workers)
    assert lists(loader) == [[0, 1], [2, 3], [4]]
    assert lists(DataLoader(Stream(5), 2, drop_last=True, num_workers=workers)) == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(2), batch_size=None, num_workers=workers)) == [0, 1]


def test_an_endless_stream() -> None:
    class Endless(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            number = 0
            while True:
                yield number
                number += 1

    for workers in (0, 2):
        loader = DataLoader(Endless(), batch_size=2, num_workers=workers)
        assert [batch.tolist() for batch in islice(loader, 2)] == [[0, 1], [2, 3]]


def test_length_of_a_stream() -> None:
    assert len(DataLoader(SizedStream(5), batch_size=2)) == 3
    assert len(DataLoader(SizedStream(5), batch_size=2, drop_last=True)) == 2
    assert len(DataLoader(SizedStream(5), batch_size=None)) == 5
    with pytest.raises(TypeError, match="'Stream' has no len"):
        len(DataLoader(Stream(5)))


def test_many_items_at_once() -> None:
    class Table(Squares):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return [-index for index in indices]

    assert lists(DataLoader(Table(3), batch_size=2)) == [[0, -1], [-2]]


def test_an_error_says_which_item() -> None:
    class Broken(Squares):
        def __getitem__(self, index: int) -> int:
            return 1 // (index - 5)

    with pytest.raises(ZeroDivisionError) as caught:
        lists(DataLoader(Broken(9), batch_size=2))
    assert caught.value.__notes__ == ["while fetching item 5 of Broken"]

    class BrokenTable(Squares):
        def __getitems__(self, indices: list[int]) -> list[int]:
            raise KeyError(indices[0])

    with pytest.raises(KeyError) as missing:
        lists(DataLoader(BrokenTable(9), batch_size=2))
    assert missing.value.__notes__ == ["while fetching items [0, 1] of BrokenTable"]


def test_an_error_says_which_items_do_not_go_together() -> None:
    uneven = [zeros(2), zeros(2), zeros(2), zeros(3)]
    with pytest.raises(RuntimeError, match="expected items of one shape") as caught:
        lists(DataLoader(uneven, batch_size=2))
    assert caught.value.__notes__ == ["while collating items [2, 3] of list"]


def test_an_index_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="TensorDataset: expected an index from -3 to 2; got 7"):
        lists(DataLoader(TensorDataset(zeros(3)), 2, sampler=[0, 7]))
    with pytest.raises(IndexError, match="Subset: expected an index from -1 to 0; got 7"):
        lists(DataLoader(Subset(Squares(3), [2]), sampler=[7]))


def test_an_empty_dataset_has_no_batches_but_cannot_be_shuffled() -> None:
    assert lists(DataLoader([])) == []
    with pytest.raises(ValueError, match="at least one item to shuffle; got an empty one"):
        DataLoader([], shuffle=True)

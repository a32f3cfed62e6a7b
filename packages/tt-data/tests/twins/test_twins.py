"""Batches, orders and errors as in torch.utils.data; `f` is the framework."""

import warnings
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from .conftest import OURS, THEIRS, plain

Point = namedtuple("Point", "x y")

BATCHES = {
    "ints": lambda f: [1, 2, 3],
    "bools": lambda f: [True, False],
    "floats": lambda f: [0.5, 1.5],
    "an int, then a float": lambda f: [1, 2.5],
    "a float, then an int": lambda f: [2.5, 1],
    "float32 scalars": lambda f: [np.float32(0.5), np.float32(1)],
    "float64 scalars": lambda f: [np.float64(0.5), np.float64(1)],
    "int32 scalars": lambda f: [np.int32(5), np.int32(1)],
    "bool scalars": lambda f: [np.bool_(True), np.bool_(False)],
    "strings": lambda f: ["a", "bc"],
    "a tuple of strings": lambda f: ("a", "bc"),
    "bytes": lambda f: [b"a", b"bc"],
    "0-d tensors": lambda f: [f.t.tensor(1.0), f.t.tensor(2.0)],
    "tensors": lambda f: [f.t.zeros(2, 3), f.t.ones(2, 3)],
    "int tensors": lambda f: [f.t.tensor([1, 2]), f.t.tensor([3, 4])],
    "empty tensors": lambda f: [f.t.zeros(0, 3), f.t.zeros(0, 3)],
    "float64 arrays": lambda f: [np.zeros(2), np.ones(2)],
    "uint8 arrays": lambda f: [np.zeros(2, np.uint8), np.ones(2, np.uint8)],
    "0-d arrays": lambda f: [np.array(1.0), np.array(2.0)],
    "tuples": lambda f: [(1, "a"), (2, "b")],
    "lists": lambda f: [[1, 2.0], [3, 4.0]],
    "tuples in tuples": lambda f: [((1, 2), f.t.ones(1)), ((3, 4), f.t.zeros(1))],
    "empty tuples": lambda f: [(), ()],
    "named tuples": lambda f: [Point(1, "a"), Point(2, "b")],
    "dicts": lambda f: [{"a": 1, "b": {"c": "x"}}, {"a": 2, "b": {"c": "y"}}],
    "ordered dicts": lambda f: [OrderedDict(b=1, a=2), OrderedDict(b=3, a=4)],
    "more keys later": lambda f: [{"a": 1}, {"a": 2, "b": 3}],
    "ranges": lambda f: [range(2), range(2, 4)],
    "one item": lambda f: [(f.t.ones(2), 3)],
}


@pytest.mark.parametrize("name", BATCHES)
def test_default_collate(both, name: str) -> None:
    both(lambda f: f.data.default_collate(BATCHES[name](f)))


@pytest.mark.parametrize("name", BATCHES)
def test_default_convert(both, name: str) -> None:
    both(lambda f: f.convert(BATCHES[name](f)))


@pytest.mark.parametrize(
    "batch",
    [
        lambda f: [],
        lambda f: [None, None],
        lambda f: [{1}, {2}],
        lambda f: [object()],
        lambda f: [np.array(["a"]), np.array(["b"])],
        lambda f: [f.t.zeros(2), f.t.zeros(3)],
        lambda f: [np.zeros((2, 1)), np.zeros((1, 2))],
        lambda f: [(1, 2), (1, 2, 3)],
        lambda f: [[1], [1, 2]],
        lambda f: [(f.t.zeros(2), 1), (f.t.zeros(3), 1)],
    ],
)
def test_default_collate_refuses(both_raise, batch) -> None:
    both_raise(lambda f: f.data.default_collate(batch(f)))


@given(st.integers(0, 30), st.integers(1, 12), st.booleans())
def test_batches_and_their_number(n: int, size: int, drop_last: bool) -> None:
    def case(f: Any) -> Any:
        data = f.data.TensorDataset(f.t.arange(2 * n).reshape(n, 2), f.t.arange(n))
        loader = f.data.DataLoader(data, batch_size=size, drop_last=drop_last)
        return [list(loader), len(loader)]

    assert plain(case(OURS)) == plain(case(THEIRS))


LOADERS = {
    "a list": lambda f: f.data.DataLoader([1.5, 2.5, 3.5], 2),
    "a sampler": lambda f: f.data.DataLoader(range(9), 2, sampler=[8, 0, 4]),
    "a batch sampler": lambda f: f.data.DataLoader(range(9), batch_sampler=[[8, 0], [4]]),
    "no batches": lambda f: f.data.DataLoader([np.zeros(2), "a", 3, (1, 2)], batch_size=None),
    "a collate function": lambda f: f.data.DataLoader("abc", 2, collate_fn="".join),
    "no items": lambda f: f.data.DataLoader([]),
    "subset": lambda f: f.data.DataLoader(f.data.Subset(range(10, 20), [3, 1, 4]), 2),
    "concat": lambda f: f.data.DataLoader(f.data.ConcatDataset([range(3), range(5, 8)]), 4),
    "tensors with negative indices": lambda f: f.data.DataLoader(
        f.data.TensorDataset(f.t.arange(5)), 2, sampler=[-1, 2, -5]
    ),
    "by position": lambda f: f.data.DataLoader(
        range(5), 2, False, None, None, 0, list, False, True
    ),
}


@pytest.mark.parametrize("name", LOADERS)
def test_loaders(both, name: str) -> None:
    both(lambda f: [list(LOADERS[name](f)), len(LOADERS[name](f))])


def test_a_stream(both) -> None:
    def case(f: Any) -> Any:
        class Stream(f.data.IterableDataset):
            def __iter__(self):
                return iter(range(5))

        return [list(f.data.DataLoader(Stream(), 2, drop_last=drop)) for drop in (True, False)]

    both(case)


REFUSED = {
    "batch_size=0": lambda f: f.data.DataLoader(range(3), batch_size=0),
    "batch_size=-1": lambda f: f.data.DataLoader(range(3), batch_size=-1),
    "batch_size=1.5": lambda f: f.data.DataLoader(range(3), batch_size=1.5),
    "shuffle and sampler": lambda f: f.data.DataLoader(range(3), shuffle=True, sampler=[0]),
    "batch_sampler and size": lambda f: f.data.DataLoader(range(3), 2, batch_sampler=[[0]]),
    "drop_last without size": lambda f: f.data.DataLoader(range(3), None, drop_last=True),
    "shuffling nothing": lambda f: f.data.DataLoader([], shuffle=True),
    "num_workers=-1": lambda f: f.data.DataLoader(range(3), num_workers=-1),
    "prefetch without workers": lambda f: f.data.DataLoader(range(3), prefetch_factor=2),
    "persistence without workers": lambda f: f.data.DataLoader(range(3), persistent_workers=True),
    "shuffling a stream": lambda f: f.data.DataLoader(f.data.IterableDataset(), shuffle=True),
    "sampling a stream": lambda f: f.data.DataLoader(f.data.IterableDataset(), sampler=[0]),
    "uneven tensors": lambda f: f.data.TensorDataset(f.t.zeros(3), f.t.zeros(4)),
    "beyond the last row": lambda f: f.data.TensorDataset(f.t.zeros(3))[3],
    "beyond the last item": lambda f: f.data.ConcatDataset(["ab"])[2],
    "before the first item": lambda f: f.data.ConcatDataset(["ab"])[-3],
    "beyond the subset": lambda f: f.data.Subset("abc", [0])[1],
    "no datasets": lambda f: f.data.ConcatDataset([]),
    "too much": lambda f: f.data.random_split(range(10), [5, 6]),
    "too little": lambda f: f.data.random_split(range(10), [5, 4]),
    "fractions above 1": lambda f: f.data.random_split(range(10), [0.7, 0.7]),
    "a negative fraction": lambda f: f.data.random_split(range(10), [1.5, -0.5]),
    "no samples": lambda f: f.data.RandomSampler("abc", num_samples=0),
    "half a flag": lambda f: f.data.RandomSampler("abc", 1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(both_raise, name: str) -> None:
    both_raise(REFUSED[name])


WEIGHTS = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@settings(max_examples=300)
@given(st.integers(1, 200), WEIGHTS)
def test_sizes_of_a_random_split_by_fractions(n: int, weights: list[int]) -> None:
    fractions = [weight / sum(weights) for weight in weights]
    if sum(fractions) > 1:  # by rounding: PyTorch refuses these, we do not
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about an empty part
        parts = [f.data.random_split(range(n), fractions) for f in (OURS, THEIRS)]
    assert [len(part) for part in parts[0]] == [len(part) for part in parts[1]]


@given(WEIGHTS)
def test_sizes_of_a_random_split_by_lengths(lengths: list[int]) -> None:
    for f in (OURS, THEIRS):
        parts = f.data.random_split(range(sum(lengths)), lengths)
        if lengths != [1]:  # means a fraction as well
            assert [len(part) for part in parts] == lengths
        assert sorted(item for part in parts for item in part) == list(range(sum(lengths)))


def test_what_a_random_sampler_draws(both) -> None:
    def case(f: Any) -> Any:
        def drawn(*args: Any, **options: Any) -> list[int]:
            generator = f.t.Generator().manual_seed(0)
            return sorted(f.data.RandomSampler(range(5), *args, generator=generator, **options))

        again = drawn(True, num_samples=7)
        return [drawn(), drawn(num_samples=10), len(again), set(again) <= set(range(5))]

    both(case)


def test_seeded_shuffles_repeat_on_both() -> None:
    for f in (OURS, THEIRS):
        epochs = []
        for seed in (0, 0, 1):
            generator = f.t.Generator().manual_seed(seed)
            loader = f.data.DataLoader(range(30), 7, shuffle=True, generator=generator)
            epochs.append([[batch.tolist() for batch in loader] for _ in range(2)])
        assert epochs[0] == epochs[1] != epochs[2]
        assert epochs[0][0] != epochs[0][1]

"""Going on in the middle of an epoch as if nothing had happened."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Sampler,
    TensorDataset,
)
from tt_tensor import Generator, Tensor, arange, get_rng_state, manual_seed, rand, set_rng_state

DATA = TensorDataset(arange(23))


def epochs(loader: DataLoader, count: int = 3) -> list[list[int]]:
    return [x.tolist() for _ in range(count) for [x] in loader]


def own(**options: object) -> DataLoader:
    return DataLoader(DATA, 4, shuffle=True, generator=Generator().manual_seed(5), **options)


def with_sampler() -> DataLoader:
    sampler = RandomSampler(DATA, replacement=True, generator=Generator().manual_seed(5))
    return DataLoader(DATA, 4, sampler=sampler)


def with_batch_sampler() -> DataLoader:
    sampler = RandomSampler(DATA, generator=Generator().manual_seed(5))
    return DataLoader(DATA, batch_sampler=BatchSampler(sampler, 4, False))


MAKERS = [
    own,
    lambda: own(num_workers=2),
    lambda: own(drop_last=True),
    with_sampler,
    with_batch_sampler,
    lambda: DataLoader(DATA, 4),
]


def saved_after(loader: DataLoader, batches: int) -> dict:
    """The state saved inside the loop after so many batches, all epochs counted."""
    seen = 0
    if not batches:
        return loader.state_dict()
    while True:
        for _ in loader:
            seen += 1
            if seen == batches:
                return loader.state_dict()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("stop", [0, 1, 3, 5, 6, 7, 11, 13])
def test_resumed_equals_uninterrupted(make, stop: int) -> None:
    whole = epochs(make(), 4)
    state = saved_after(make(), stop)
    resumed = make()
    if resumed.generator is not None:
        resumed.generator.manual_seed(99)
    resumed.load_state_dict(state)
    rest = epochs(resumed, 4)
    assert rest[: len(whole) - stop] == whole[stop:]


@given(st.integers(1, 12), st.integers(0, 3))
def test_with_the_default_generator_others_may_draw_too(stop: int, drawn: int) -> None:
    """A network with dropout draws from the same generator between batches."""

    def train(loader: DataLoader, seen: list, until: int | None = None) -> tuple | None:
        for _ in range(3):
            for [x] in loader:
                seen.append((x.tolist(), rand(drawn).tolist()))
                if len(seen) == until:
                    return loader.state_dict(), get_rng_state()
        return None

    manual_seed(1)
    whole: list = []
    train(DataLoader(DATA, 4, shuffle=True), whole)
    manual_seed(1)
    begun: list = []
    saved = train(DataLoader(DATA, 4, shuffle=True), begun, stop)
    assert saved is not None
    manual_seed(2)
    loader, rest = DataLoader(DATA, 4, shuffle=True), []
    loader.load_state_dict(saved[0])
    set_rng_state(saved[1])
    train(loader, rest)
    assert rest[: len(whole) - stop] == whole[stop:]
    assert begun == whole[:stop]


def test_the_default_generator_is_left_alone() -> None:
    loader = DataLoader(DATA, 4, shuffle=True)
    state = saved_after(loader, 2)
    assert "generator" not in state
    manual_seed(3)
    before = get_rng_state().tolist()
    loader.load_state_dict(state)
    next(iter(loader))
    assert get_rng_state().tolist() == before


def test_a_sampler_of_ones_own_that_draws_as_it_goes() -> None:
    class Lazy(Sampler[int]):
        generator = Generator()

        def __iter__(self) -> Iterator[int]:
            return (int(rand(1, generator=self.generator).item() * 23) for _ in range(23))

        def __len__(self) -> int:
            return 23

    def make() -> DataLoader:
        Lazy.generator.manual_seed(4)
        return DataLoader(DATA, 4, sampler=Lazy())

    whole, state = epochs(make(), 2), saved_after(make(), 2)
    resumed = make()
    resumed.load_state_dict(state)
    assert epochs(resumed, 2)[:10] == whole[2:]


def test_a_stream_skips_what_was_read() -> None:
    class Stream(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            return iter(range(10))

    state = saved_after(DataLoader(Stream(), 3), 2)
    resumed = DataLoader(Stream(), 3)
    resumed.load_state_dict(state)
    assert [batch.tolist() for batch in resumed] == [[6, 7, 8], [9]]
    assert next(iter(resumed)).tolist() == [0, 1, 2]


def test_items_before_are_not_fetched_again() -> None:
    fetched: list[int] = []

    class Recording(list):
        def __getitem__(self, index: int) -> int:
            fetched.append(index)
            return super().__getitem__(index)

    data = Recording(range(6))
    state = saved_after(DataLoader(data, 2), 2)
    fetched.clear()
    resumed = DataLoader(data, 2)
    resumed.load_state_dict(state)
    assert [batch.tolist() for batch in resumed] == [[4, 5]]
    assert fetched == [4, 5]


def test_after_the_last_batch_nothing_is_left_of_the_epoch() -> None:
    state = saved_after(own(), 6)
    resumed = own()
    resumed.load_state_dict(state)
    assert epochs(resumed, 1) == []
    assert len(epochs(resumed, 1)) == 6


def test_outside_a_loop_a_new_epoch_is_next() -> None:
    loader = own()
    next(iter(loader))
    for _ in loader:
        break
    state = loader.state_dict()
    assert state["batches"] == 0
    same = own()
    same.load_state_dict(state)
    assert epochs(same, 2) == epochs(loader, 2)


def test_saving_a_state_just_loaded_gives_it_back() -> None:
    state = saved_after(own(), 3)
    loader = own()
    loader.load_state_dict(state)
    again = loader.state_dict()
    assert again.keys() == state.keys()
    assert all(np.array_equal(again[key], state[key]) for key in state)


def test_a_state_is_numbers_and_tensors() -> None:
    state = saved_after(own(), 3)
    assert {key: type(value) for key, value in state.items()} == {
        "batches": int,
        "start": Tensor,
        "of": int,
        "generator": Tensor,
    }


def test_a_state_that_does_not_fit() -> None:
    state = saved_after(own(), 3)
    with pytest.raises(
        ValueError, match="this one has no generator of its own and the saved one had"
    ):
        DataLoader(DATA, 4, shuffle=True).load_state_dict(state)
    with pytest.raises(ValueError, match=r"this one has a generator .* saved one had no"):
        own().load_state_dict({"batches": 0})
    other = DataLoader(DATA, 5, shuffle=True, generator=Generator())
    with pytest.raises(ValueError, match="this one has 5 batches and the saved one had 6"):
        other.load_state_dict(state)


@pytest.mark.parametrize("state", [{}, {"batches": -1}, {"batches": "3"}, {"batches": 3}])
def test_what_is_not_a_state(state: dict) -> None:
    with pytest.raises(ValueError, match=r"the state that DataLoader\.state_dict\(\) returned"):
        DataLoader(DATA, 4).load_state_dict(state)


def test_a_stream_that_has_become_too_short() -> None:
    class Stream(IterableDataset[int]):
        def __init__(self, n: int) -> None:
            self.n = n

        def __iter__(self) -> Iterator[int]:
            return iter(range(self.n))

    state = saved_after(DataLoader(Stream(9)), 5)
    short = DataLoader(Stream(2))
    short.load_state_dict(state)
    with pytest.raises(ValueError, match="saved position is after batch 5, but this epoch has 2"):
        next(iter(short))

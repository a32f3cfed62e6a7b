"""Orders."""

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from tt_data import BatchSampler, RandomSampler, Sampler, SequentialSampler
from tt_tensor import Generator, manual_seed


def test_sequential() -> None:
    sampler = SequentialSampler("abc")
    assert (list(sampler), len(sampler)) == ([0, 1, 2], 3)


@given(st.integers(1, 100), st.integers(0, 99))
def test_random_takes_each_once_in_an_order_fixed_by_the_seed(n: int, seed: int) -> None:
    orders = [list(RandomSampler(range(n), generator=Generator().manual_seed(seed))) for _ in "ab"]
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == list(range(n))


def test_every_epoch_has_another_order() -> None:
    sampler = RandomSampler(range(50), generator=Generator().manual_seed(0))
    assert list(sampler) != list(sampler)


def test_the_default_generator_decides_if_there_is_no_other() -> None:
    sampler = RandomSampler(range(50))
    manual_seed(1)
    first = list(sampler)
    manual_seed(1)
    assert list(sampler) == first


@pytest.mark.parametrize("wanted", [1, 4, 5, 12])
def test_number_of_samples(wanted: int) -> None:
    sampler = RandomSampler(range(5), num_samples=wanted)
    counts = Counter(sampler)
    assert counts.total() == len(sampler) == wanted
    assert max(counts.values()) == -(-wanted // 5), "those beyond come from another shuffle"


def test_replacement_draws_anew_each_time() -> None:
    generator = Generator().manual_seed(0)
    counts = Counter(RandomSampler(range(4), True, num_samples=4000, generator=generator))
    assert set(counts) == {0, 1, 2, 3}
    assert all(850 < count < 1150 for count in counts.values())


def test_random_refuses() -> None:
    with pytest.raises(ValueError, match="at least one item to shuffle; got an empty one"):
        RandomSampler([])
    with pytest.raises(ValueError, match="num_samples: expected an int of at least 1; got 0"):
        RandomSampler("abc", num_samples=0)
    with pytest.raises(TypeError, match="replacement True or False; got 3"):
        RandomSampler("abc", 3)


@given(st.integers(0, 50), st.integers(1, 20), st.booleans())
def test_batches(n: int, size: int, drop_last: bool) -> None:
    sampler = BatchSampler(range(n), size, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    kept = n - n % size if drop_last else n
    assert [index for batch in batches for index in batch] == list(range(kept))
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(batches)


@pytest.mark.parametrize("size", [0, -1, 2.0, True, None])
def test_bad_batch_size(size: object) -> None:
    with pytest.raises(ValueError, match="batch_size: expected an int of at least 1; got"):
        BatchSampler(range(3), size, False)


def test_drop_last_is_a_flag() -> None:
    with pytest.raises(ValueError, match="drop_last: expected True or False; got 'yes'"):
        BatchSampler(range(3), 2, "yes")


def test_a_sampler_needs_an_order() -> None:
    with pytest.raises(NotImplementedError, match="Sampler needs a method __iter__"):
        iter(Sampler())

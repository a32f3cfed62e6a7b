"""Augmented batches repeat, whatever the number and kind of workers."""

from collections.abc import Callable

import numpy as np
import pytest

from tt_data import DataLoader, Dataset, IterableDataset, current_generator, transforms as T
from tt_data.datasets import Digits
from tt_tensor import Generator, Tensor, get_rng_state, manual_seed, rand

AUGMENT = T.Compose([T.RandomCrop(8, padding=1), T.RandomHorizontalFlip(), T.RandomRotation(20)])


class OneByOne(Dataset[Tensor]):
    """Items that are augmented in Python, one by one."""

    def __init__(self) -> None:
        self.digits = Digits(train=False)

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> Tensor:
        return AUGMENT(self.digits[index][0])


class Stream(IterableDataset[Tensor]):
    def __iter__(self):
        return (rand(1, generator=current_generator()) for _ in range(60))


def gathered() -> Digits:
    data = Digits(train=False, transform=AUGMENT)
    data.data, data.targets = data.data[:60], data.targets[:60]
    return data


def epochs(make: Callable[[], object], count: int = 2, **options: object) -> list[bytes]:
    """The bytes of each epoch."""
    loader = DataLoader(make(), 8, **options)
    found = []
    for _ in range(count):
        batches = [batch[0] if isinstance(batch, list) else batch for batch in loader]
        found.append(b"".join(batch.array.tobytes() for batch in batches))
    return found


@pytest.mark.parametrize("make", [gathered, OneByOne, Stream])
def test_the_number_of_workers_does_not_matter(make: Callable[[], object]) -> None:
    def run(workers: int, seed: int) -> list[bytes]:
        manual_seed(seed)
        rand(3)  # as a network does before
        return epochs(make, num_workers=workers)

    alone = run(0, 1)
    for workers in (1, 2, 5):
        assert run(workers, 1) == alone
    assert run(2, 2) != alone
    assert alone[0] != alone[1], "every epoch is augmented anew"


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_loaders_own_generator_decides(shuffle: bool) -> None:
    def run(seed: int, workers: int) -> list[bytes]:
        rand(1)  # the default generator has nothing to do with it
        generator = Generator().manual_seed(seed)
        return epochs(gathered, shuffle=shuffle, generator=generator, num_workers=workers)

    assert run(4, 0) == run(4, 2) != run(5, 2)


def test_loops_that_draw_nothing_leave_the_default_generator_alone() -> None:
    manual_seed(0)
    before = get_rng_state().tolist()
    epochs(Digits, num_workers=2)
    assert get_rng_state().tolist() == before
    epochs(gathered)
    assert get_rng_state().tolist() != before


@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_in_the_middle_of_an_epoch_with_the_same_augmentations(workers: int) -> None:
    def make() -> DataLoader:
        generator = Generator().manual_seed(2)
        return DataLoader(gathered(), 8, True, num_workers=workers, generator=generator)

    assert_resumes(make)


@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_streams_draw_the_same(workers: int) -> None:
    assert_resumes(
        lambda: DataLoader(Stream(), 8, num_workers=workers, generator=Generator().manual_seed(2))
    )


def assert_resumes(make: Callable[[], DataLoader]) -> None:
    """Two epochs from the fourth batch on are those that were not interrupted."""

    def arrays(loader: DataLoader) -> list[np.ndarray]:
        batches = [batch for _ in range(2) for batch in loader]
        return [(batch[0] if isinstance(batch, list) else batch).array for batch in batches]

    whole = arrays(make())
    loader = make()
    for number, _ in enumerate(loader):
        if number == 3:
            state = loader.state_dict()
            break
    resumed = make()
    resumed.load_state_dict(state)
    rest = arrays(resumed)
    assert len(rest) == len(whole) - 4
    assert all(np.array_equal(a, b) for a, b in zip(rest, whole[4:], strict=True))

"""Workers: the same batches, errors where they belong, and no thread left behind."""

import threading
import traceback
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from tt_data import DataLoader, Dataset, TensorDataset
from tt_tensor import Generator, arange

LONG = 30  # seconds after which a test that hangs fails


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("tt-data")]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    assert workers() == []
    yield
    assert workers() == []


class Numbers(Dataset[int]):
    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> int:
        return index


class Backwards(Numbers):
    """Of two items that are made at once, the later is always ready first."""

    def __init__(self) -> None:
        self.ready = [threading.Event() for _ in range(40)]

    def __getitem__(self, index: int) -> int:
        if index % 2 == 0:
            assert self.ready[index + 1].wait(LONG)
        self.ready[index].set()
        return index


class Counted(Numbers):
    def __init__(self) -> None:
        self.made = 0

    def __getitem__(self, index: int) -> int:
        self.made += 1
        return index


class Broken(Numbers):
    def __getitem__(self, index: int) -> int:
        if index == 7:
            self.open_file(index)
        return index

    def open_file(self, index: int) -> None:
        raise FileNotFoundError(f"image{index}.png")


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 9))
def test_the_same_batches_whatever_the_workers(count: int, ahead: int, size: int) -> None:
    def batches(**options: int) -> list[list[int]]:
        generator = Generator().manual_seed(3)
        data = TensorDataset(arange(40))
        loader = DataLoader(data, size, shuffle=True, generator=generator, **options)
        return [x.tolist() for _ in range(2) for [x] in loader]

    assert batches(num_workers=count, prefetch_factor=ahead) == batches()


def test_order_is_kept_even_if_later_batches_are_ready_first() -> None:
    loader = DataLoader(Backwards(), num_workers=2)
    assert [batch.item() for batch in loader] == list(range(40))


def test_batches_are_made_ahead_but_not_too_far() -> None:
    data = Counted()
    loop = iter(DataLoader(data, batch_size=2, num_workers=2, prefetch_factor=3))
    next(loop)
    loop.close()  # waits for the threads
    assert 2 <= data.made <= 2 * (1 + 2 * 3)


def test_break_leaves_no_thread() -> None:
    for batch in DataLoader(Numbers(), batch_size=2, num_workers=3):
        if batch[0].item() >= 10:
            break
        assert workers()
    assert workers() == []


def test_an_error_in_the_loop_leaves_no_thread() -> None:
    with pytest.raises(RuntimeError, match="mine"):
        for _ in DataLoader(Numbers(), num_workers=2):
            raise RuntimeError("mine")
    assert workers() == []


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_error_in_an_item_comes_with_its_index_and_traceback(count: int) -> None:
    seen = []
    with pytest.raises(FileNotFoundError, match=r"image7\.png") as caught:
        for batch in DataLoader(Broken(), batch_size=2, num_workers=count):
            seen += batch.tolist()
    assert seen == [0, 1, 2, 3, 4, 5], "the batches before it arrive"
    assert caught.value.__notes__ == ["while fetching item 7 of Broken"]
    lines = "".join(traceback.format_exception(caught.value))
    assert "in open_file" in lines
    assert "while fetching item 7 of Broken" in lines


def test_workers_are_told_their_number() -> None:
    started = []
    loader = DataLoader(Backwards(), num_workers=2, worker_init_fn=started.append)
    assert len(list(loader)) == 40
    assert sorted(started) == [0, 1]


def test_a_worker_that_cannot_start() -> None:
    def refuse(number: int) -> None:
        raise OSError(f"no licence for worker {number}")

    with pytest.raises(OSError, match="no licence for worker 0") as caught:
        list(DataLoader(Numbers(), num_workers=1, worker_init_fn=refuse))
    assert caught.value.__notes__ == ["in worker_init_fn of worker 0"]


def test_batches_are_made_while_the_loop_is_at_work() -> None:
    """The loop waits inside its first step until a worker has made a batch of later items."""
    made = [threading.Event() for _ in range(40)]

    class Telling(Numbers):
        def __getitem__(self, index: int) -> int:
            made[index].set()
            return index

    for batch in DataLoader(Telling(), batch_size=4, num_workers=1):
        later = min(batch[-1].item() + 4, 39)
        assert made[later].wait(LONG)

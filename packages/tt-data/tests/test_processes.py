"""Worker processes: the same batches, errors with their item, and no death that goes unnoticed."""

import gc
import multiprocessing
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tt_data import DataLoader, IterableDataset, TensorDataset
from tt_tensor import Generator, arange, manual_seed

HERE = Path(__file__).parent
METHODS = multiprocessing.get_all_start_methods()

# from Python 3.12 on, "fork" warns where NumPy has threads of its own
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


@pytest.fixture(scope="module")
def items() -> Iterator[ModuleType]:
    """Datasets in a module that worker processes can import as well."""
    sys.path.insert(0, str(HERE))
    import worker_items

    yield worker_items
    sys.path.remove(str(HERE))


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    assert workers() == []
    yield
    gc.collect()
    assert workers() == []


def workers() -> list[str]:
    names = [process.name for process in multiprocessing.active_children()]
    return sorted(name for name in names if name.startswith("tt-data"))


def spawned(dataset: object, *args: object, **options: object) -> DataLoader:
    options = {"num_workers": 1, "multiprocessing_context": "spawn"} | options
    return DataLoader(dataset, *args, **options)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_batches_however_processes_start(items: ModuleType, method: str) -> None:
    def batches(**options: object) -> list:
        generator = Generator().manual_seed(3)
        loader = DataLoader(items.Pairs(), 7, shuffle=True, generator=generator, **options)
        return [(x.tolist(), more["name"]) for x, more in loader]

    assert batches(num_workers=2, multiprocessing_context=method) == batches()


def test_a_context_instead_of_its_name(items: ModuleType) -> None:
    context = multiprocessing.get_context("spawn")
    loader = spawned(items.Numbers(), 20, multiprocessing_context=context)
    assert [batch.tolist() for batch in loader] == [list(range(20)), list(range(20, 40))]


def test_tensors_arrive_whole_and_may_be_changed() -> None:
    data = TensorDataset(arange(200_000).reshape(2, 100_000), arange(2).float())
    [[large, small]] = spawned(data, 2)
    assert np.array_equal(large.array, data.tensors[0].array)
    assert (large.dtype.name, small.dtype.name) == ("int64", "float32")
    large += 1
    assert small.tolist() == [0, 1]


def test_items_and_streams(items: ModuleType) -> None:
    class Stream(IterableDataset[int]):  # it is read here, so no other process has to know it
        def __iter__(self) -> Iterator[int]:
            return iter(range(5))

    assert [batch.tolist() for batch in spawned(Stream(), 2)] == [[0, 1], [2, 3], [4]]
    assert list(spawned(items.Numbers(3), batch_size=None)) == [0, 1, 2]


def test_they_are_processes_and_persist_if_told(items: ModuleType) -> None:
    options = {"num_workers": 2, "multiprocessing_context": METHODS[0]}
    loader = DataLoader(items.Process(), **options, persistent_workers=True)
    epochs = [{batch.item() for batch in loader} for _ in range(3)]
    assert os.getpid() not in epochs[0]
    assert len(set.union(*epochs)) <= 2
    assert workers() == ["tt-data-0", "tt-data-1"]
    del loader
    gc.collect()
    assert workers() == []

    loader = DataLoader(items.Process(), **options)
    assert {x.item() for x in loader}.isdisjoint({x.item() for x in loader})


def test_break_leaves_no_process(items: ModuleType) -> None:
    for batch in spawned(items.Numbers(), num_workers=2):
        if batch.item() == 3:
            assert len(workers()) == 2
            break
    assert workers() == []


# --- random numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Drawing", "DefaultDrawing"])
def test_random_numbers_do_not_depend_on_who_draws(items: ModuleType, kind: str) -> None:
    def epochs(count: int, method: str | None) -> list:
        manual_seed(5)
        dataset = getattr(items, kind)()
        loader = DataLoader(dataset, 8, num_workers=count, multiprocessing_context=method)
        return [[np.stack(list(batch), -1).tolist() for batch in loader] for _ in range(2)]

    processes = epochs(2, METHODS[0])
    assert processes == epochs(1, METHODS[0])
    if kind == "Drawing":
        assert processes == epochs(2, None) == epochs(0, None)
        assert processes[0] != processes[1]


# --- what goes wrong ------------------------------------------------------------------------------


def test_an_error_comes_with_its_item_and_worker_and_traceback(items: ModuleType) -> None:
    seen: list[int] = []
    with pytest.raises(FileNotFoundError, match=r"image7\.png") as caught:
        for batch in spawned(items.At7(items.open_missing), 2):
            seen += batch.tolist()
    assert seen == [0, 1, 2, 3, 4, 5], "the batches before it arrive"
    assert caught.value.errno == 2
    lines = "".join(traceback.format_exception(caught.value))
    for part in ("while fetching item 7 of At7", "in worker 0, a process", "in open_missing"):
        assert part in lines


def test_an_error_that_cannot_be_sent_is_told(items: ModuleType) -> None:
    with pytest.raises(RuntimeError, match=r"Foreign: image7\.png has code 3") as caught:
        list(spawned(items.At7(items.raise_foreign)))
    assert caught.value.__notes__[0] == "while fetching item 7 of At7"
    assert "in raise_foreign" in caught.value.__notes__[-1]


def test_a_batch_that_cannot_be_sent(items: ModuleType) -> None:
    loader = spawned(items.At7(items.lock), collate_fn=items.no_collation)
    with pytest.raises(TypeError, match=r"cannot pickle '_thread\.lock'") as caught:
        list(loader)
    assert "while sending a batch from a worker process" in caught.value.__notes__


def test_a_dataset_that_cannot_be_sent() -> None:
    with pytest.raises(Exception, match="pickle") as caught:
        list(spawned([1, 2], collate_fn=lambda batch: batch))
    assert "must be defined at the top level of a module" in caught.value.__notes__[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are not Windows's")
@pytest.mark.parametrize(
    ("event", "cause"), [("die", "killed by SIGKILL"), ("leave", "exit code 3")]
)
def test_a_worker_that_dies_is_named(items: ModuleType, event: str, cause: str) -> None:
    seen: list[int] = []
    with pytest.raises(
        RuntimeError, match=rf"worker [01] \(process \d+\) died: {cause}\. Was memory short"
    ):
        for batch in spawned(items.At7(getattr(items, event)), num_workers=2):
            seen += batch.tolist()
    assert seen == [0, 1, 2, 3, 4, 5, 6]


def test_a_worker_that_hangs(items: ModuleType) -> None:
    loader = spawned(items.At7(items.sleep), timeout=1, persistent_workers=True)
    for _ in range(2):  # the second time with a new worker
        seen: list[int] = []
        with pytest.raises(RuntimeError, match=r"worker 0 \(process \d+\) timed out: .*timeout=1"):
            for batch in loader:
                seen += batch.tolist()
        assert seen == [0, 1, 2, 3, 4, 5, 6]


def test_worker_init_fn(items: ModuleType) -> None:
    loader = spawned(items.StartedAs(), num_workers=2, worker_init_fn=items.remember)
    assert {batch.item() for batch in loader} <= {0, 1}
    with pytest.raises(OSError, match="no licence for worker 0") as caught:
        list(spawned(items.Numbers(), worker_init_fn=items.refuse_to_start))
    assert "in worker_init_fn of worker 0" in caught.value.__notes__

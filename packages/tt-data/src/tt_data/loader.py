"""The DataLoader: batches of a dataset, in order or shuffled, that can be resumed in mid-epoch."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator as Yielding, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Generic

from tt_tensor import Generator, default_generator, randint

from .collate import default_collate, default_convert
from .dataset import Dataset, IterableDataset, T_co
from .epoch import EpochPosition
from .fetch import BatchMaker
from .options import check_options, check_workers
from .prefetch import in_threads
from .randomness import BatchRandomness, drawing, drawn_from
from .sampler import BatchSampler, RandomSampler, SequentialSampler, count_batches, in_batches

if TYPE_CHECKING:
    from .processes import WorkerProcesses

__all__ = ["DataLoader"]


class DataLoader(Generic[T_co]):
    """Iterate over it for the batches of one epoch; each epoch is shuffled anew.

    Args:
        dataset: items by number (a Dataset, a list), or an IterableDataset.
        batch_size: items in a batch; None for items one by one, without a batch dim.
        shuffle: a new random order each epoch.
        sampler: another order: the numbers of the items. Instead of shuffle.
        batch_sampler: lists of numbers, one list a batch. Instead of all options above.
        num_workers: how many workers prepare batches while you use the last one; 0 for none. The
            batches are the same, whatever the number, random transforms included.
        collate_fn: makes a batch of a list of items; `default_collate` if None.
        drop_last: leave out the last batch if it is not full.
        worker_init_fn: called in each worker as it starts, with its number.
        generator: draws the order, and seeds random transforms. Seeded, it fixes both for every
            epoch; if None, tt_tensor's default generator decides, which `manual_seed` seeds.
        prefetch_factor: batches that each worker prepares ahead of time; 2 if None.
        pin_memory: accepted, so that programs for PyTorch run: there is no other memory to copy to.
        persistent_workers: keep worker processes from one epoch to the next. A thread starts in no
            time, so for threads it does nothing.
        timeout: the seconds that a worker process may take for a batch; 0 for any time. A thread
            cannot be stopped, so for threads it must be 0.
        multiprocessing_context: None, and workers are threads; "spawn", "forkserver" or "fork", and
            they are processes, started in that way.

    Threads start at once and share the data, so they are the default. They also share one Python:
    they run beside the training where NumPy works on large arrays, as it does when it trains and
    when it transforms whole batches, or where items wait for files. Items that are made by Python
    code, one by one, need processes. To those the dataset and functions are sent as they start, so
    these must be defined in a module, and with "spawn" and "forkserver" the program must start
    below `if __name__ == "__main__":`.

    Raises:
        ValueError: if options exclude each other, or a number is out of its range. An empty dataset
            cannot be shuffled; in order, it has no batches.
        RuntimeError: in the loop, if a worker process dies or takes longer than `timeout`. What an
            item raises is raised in the loop as it is, when the turn of its batch comes.

    >>> loader = DataLoader(range(5), batch_size=2)
    >>> list(loader)
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    >>> len(loader)
    3
    """

    def __init__(
        self,
        dataset: Dataset[T_co] | Sequence[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
    ) -> None:
        streams = isinstance(dataset, IterableDataset)
        check_options(streams, batch_size, shuffle, sampler, batch_sampler, drop_last)
        check_workers(
            num_workers, prefetch_factor, persistent_workers, timeout, multiprocessing_context
        )
        numbered: Any = dataset
        if batch_sampler is None and not streams:
            if sampler is None and shuffle:
                sampler = RandomSampler(numbered, generator=generator)
            elif sampler is None:
                sampler = SequentialSampler(numbered)
            if batch_size is not None:
                batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        collates = default_convert if batch_size is None else default_collate

        self.dataset = dataset
        self.batch_size = batch_size if sampler is not None or streams else None
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn: Callable[[Any], Any] = collates if collate_fn is None else collate_fn
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self._position = EpochPosition()
        self._resuming = False
        self._processes: WorkerProcesses | None = None  # those that persist

    def __iter__(self) -> Iterator[Any]:
        position, jobs, stream = self._begin()
        generator, drew = self._generator(), False
        tasks = ((position.seed(number), job) for number, job in enumerate(jobs, position.batches))
        try:
            with closing(self._batches(tasks)) as batches:
                for batch, used in batches:
                    drew |= used
                    position.batches += 1
                    yield batch
        finally:  # at the end, or left by break: what follows is another epoch
            position.batches, position.start = 0, None
            if drew or stream.used:  # without shuffling, nothing else makes the next epoch another
                randint(2, (1,), generator=generator)

    def __len__(self) -> int:
        """The number of batches in an epoch; a TypeError if an IterableDataset does not tell it."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        if self.sampler is not None:
            return len(self.sampler)  # type: ignore[arg-type]
        items = len(self.dataset)  # type: ignore[arg-type]
        return count_batches(items, self.batch_size or 1, self.drop_last)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: how many batches it has handed out, and in which order.

        A loader that loads it gives the batches that this one would give next. So save it inside
        the loop, after the work on a batch: it leads to the batch after that one. (After the last
        batch nothing is left of the epoch.) Before a loop or after it, left by `break` or not, a
        new epoch is next.

        The state of a generator of its own is in it, that of tt_tensor's default generator is not:
        other things draw from that, so save it too (`get_rng_state`) if the order comes from there.
        """
        state = self._position.state_dict()
        if state["batches"] and (length := self._length()) is not None:
            state["of"] = length
        if (generator := self._generator()) is not default_generator:
            state["generator"] = generator.get_state()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where a loader of the same dataset and options was: the next loop begins there.

        The items before are not fetched again. Batches that workers had prepared ahead of time are
        prepared again: they are the same unless an item draws random numbers otherwise than from
        `current_generator()`.

        Raises:
            ValueError: if the state is not a DataLoader's or does not fit this one: another number
                of batches, or a generator of its own that the other has not.
        """
        generator = self._generator()
        if ("generator" in state) != (generator is not default_generator):
            has, had = ("no", "a") if "generator" in state else ("a", "no")
            raise ValueError(
                f"DataLoader: this one has {has} generator of its own and the saved one had {had}. "
                "Make it with the same options"
            )
        length = self._length()
        if length is not None and state.get("of", length) != length:
            raise ValueError(
                f"DataLoader: this one has {length} batches and the saved one had {state['of']}. "
                "Make it with the same dataset and options"
            )
        self._position = EpochPosition.from_state_dict(state)
        self._resuming = self._position.batches > 0
        if "generator" in state:
            generator.set_state(state["generator"])

    def _length(self) -> int | None:
        """The number of batches, or None if nobody knows."""
        try:
            return len(self)
        except TypeError:
            return None

    def _generator(self) -> Generator:
        """What the order is drawn from."""
        samplers = (self.sampler, self.batch_sampler, getattr(self.batch_sampler, "sampler", None))
        candidates = [getattr(sampler, "generator", None) for sampler in samplers]
        for generator in (*candidates, self.generator):
            if isinstance(generator, Generator):
                return generator
        return default_generator

    def _begin(self) -> tuple[EpochPosition, Iterator[Any], BatchRandomness]:
        """A position, what is left of its epoch, and what that draws from as it comes.

        It is a new epoch, or the one that was loaded.
        """
        generator, resuming = self._generator(), self._resuming
        if not resuming:
            self._position = EpochPosition(0, generator.get_state())
        self._resuming = False
        stream = BatchRandomness(self._position.seed(-1))
        with drawing(stream):
            jobs = drawn_from(stream, self._jobs())
        if resuming:
            self._position.replay(jobs, generator)
        return self._position, jobs, stream

    def _jobs(self) -> Iterator[Any]:
        """What to make batches of: indices, or the items themselves if they come in a stream."""
        order: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
        if order is not None:
            return iter(order)
        stream: Any = self.dataset
        if self.batch_size is None:
            return iter(stream)
        return in_batches(stream, self.batch_size, self.drop_last)

    def _batches(self, tasks: Iterator[tuple[int, Any]]) -> Yielding[tuple[Any, bool], None, None]:
        """Each task's batch, and whether it drew random numbers: made here, or by workers."""
        make = BatchMaker(self._numbered(), self.collate_fn, self._kind_of_jobs())
        if not self.num_workers or self.prefetch_factor is None:
            yield from (make(*task) for task in tasks)
            return
        ahead = self.num_workers * self.prefetch_factor
        if self.multiprocessing_context is None:
            work, init = make, self.worker_init_fn
            yield from in_threads(lambda task: work(*task), tasks, self.num_workers, ahead, init)
            return
        processes = self._start(make)
        try:  # a thread for each process waits for its answers
            yield from in_threads(
                lambda task: processes.call(*task), tasks, self.num_workers, ahead
            )
        finally:
            if processes is not self._processes:
                processes.close()

    def _start(self, make: BatchMaker) -> WorkerProcesses:
        """Worker processes: those of the last epoch if they persist and are well, or new ones."""
        from .processes import WorkerProcesses  # 10 ms to import, and rarely needed

        if self._processes is not None:
            if self._processes.alive():
                return self._processes
            self._processes.close()
        processes = WorkerProcesses(
            make,
            self.num_workers,
            self.multiprocessing_context,
            self.timeout,
            self.worker_init_fn,
        )
        if self.persistent_workers:
            self._processes = processes
            weakref.finalize(self, processes.close)
        return processes

    def _kind_of_jobs(self) -> str:
        """What the jobs are: see BatchMaker."""
        if self.batch_sampler is not None:
            return "batches"
        return "streamed" if self.sampler is None else "items"

    def _numbered(self) -> Any:
        """The dataset, if items are taken from it by number."""
        return None if self._kind_of_jobs() == "streamed" else self.dataset

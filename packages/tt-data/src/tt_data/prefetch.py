"""Work done ahead of time by threads, handed out in the order in which it was asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any

__all__ = ["in_threads"]


def in_threads(
    work: Callable[[Any], Any],
    jobs: Iterable[Any],
    num_workers: int,
    ahead: int,
    worker_init_fn: Callable[[int], None] | None = None,
) -> Generator[Any, None, None]:
    """`map(work, jobs)`, with threads that do the next `ahead` jobs while you use a result.

    The queue holds the results that are still to come, oldest first. Only its head is handed out,
    so the order is that of the jobs, whichever thread is faster. An error in `work` is raised here
    when its turn comes, with the traceback of the thread. However the loop ends (at the end, by an
    error, by `break`), jobs that have not begun are dropped and the threads are waited for.

    Args:
        worker_init_fn: called in each thread before its first job, with the thread's number. What
            it raises, the job raises.

    >>> list(in_threads(str.upper, "abc", num_workers=2, ahead=2))
    ['A', 'B', 'C']
    """
    numbers = count()  # taking the next one is atomic, so each thread gets its own
    this = threading.local()

    def do(job: Any) -> Any:
        if worker_init_fn is not None and not hasattr(this, "number"):
            this.number = next(numbers)
            try:
                worker_init_fn(this.number)
            except Exception as error:
                error.add_note(f"in worker_init_fn of worker {this.number}")
                raise
        return work(job)

    queue: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(num_workers, "tt-data")
    try:
        for job in jobs:
            queue.append(pool.submit(do, job))
            if len(queue) > ahead:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)

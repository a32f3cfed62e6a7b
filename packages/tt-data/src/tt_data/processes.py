"""Workers that are processes, each with a Python of its own: items made by Python code overlap."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import queue
import signal
import traceback
from collections.abc import Callable
from multiprocessing import connection, reduction
from typing import Any

import numpy as np

from tt_tensor import Tensor, from_numpy, manual_seed

__all__ = ["WorkerProcesses", "receive", "send"]

GRACE = 5.0  # seconds that a worker has to end by itself

Work = Callable[[int, Any], Any]


class WorkerProcesses:
    """Processes that each hold a copy of `work` and call it.

    Args:
        work: sent to each process once, as it starts. `call(seed, job)` returns `work(seed, job)`,
            with that seed for tt_tensor's default generator too.
        num_workers: how many.
        context: how processes start: "spawn", "forkserver", "fork", or one of multiprocessing's
            contexts.
        timeout: the seconds that a call may take; 0 for any time.
        init: called in each process as it starts, with its number.

    Raises:
        RuntimeError: by `call`, if the worker died, or took too long: it says which.
    """

    def __init__(
        self,
        work: Work,
        num_workers: int,
        context: Any,
        timeout: float = 0,
        init: Callable[[int], None] | None = None,
    ) -> None:
        if isinstance(context, str):
            context = multiprocessing.get_context(context)
        self.timeout = timeout
        self.idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self.workers: list[Worker] = []
        try:
            for number in range(num_workers):
                self.workers.append(Worker(work, number, context, init))
        except BaseException:
            self.close()
            raise
        for worker in self.workers:
            self.idle.put(worker)

    def call(self, seed: int, job: Any) -> Any:
        """`work(seed, job)` in the process that becomes free first. Threads may call at once."""
        worker = self.idle.get()
        try:
            return worker.call((seed, job), self.timeout)
        finally:
            self.idle.put(worker)

    def alive(self) -> bool:
        """Whether all processes run, and none is stuck."""
        return bool(self.workers) and all(worker.alive() for worker in self.workers)

    def close(self) -> None:
        """End the processes: by asking, and where that does not help, by force."""
        for worker in self.workers:
            worker.dismiss()
        for worker in self.workers:
            worker.end()
        self.workers.clear()


class Worker:
    """One process, and the channel to it: one call at a time."""

    def __init__(self, work: Work, number: int, context: Any, init: Any) -> None:
        register_tensors()
        self.number = number
        self.channel, theirs = context.Pipe()
        self.ready = False  # whether it has told that it has started
        self.stuck = False  # whether it has not answered in time
        self.process = context.Process(
            target=serve, args=(theirs, number, work, init), name=f"tt-data-{number}", daemon=True
        )
        try:
            self.process.start()
        except Exception as error:
            self.channel.close()
            error.add_note(
                "while starting a worker process. What it is given (dataset, collate_fn, "
                "worker_init_fn) is sent to it, so functions and classes must be defined at the "
                "top level of a module; multiprocessing_context=None works with threads"
            )
            raise
        finally:
            theirs.close()

    def call(self, task: tuple[int, Any], timeout: float) -> Any:
        """What the process makes of this task."""
        if not self.ready:
            self.answer(0)  # a process may take its time to start
            self.ready = True
        try:
            send(self.channel, task)
        except OSError:  # nobody is at the other end any more
            raise RuntimeError(self.obituary()) from None
        return self.answer(timeout)

    def answer(self, timeout: float) -> Any:
        """What the process sends next; what it raised is raised here."""
        ends = [self.channel, self.process.sentinel]
        if self.stuck or not connection.wait(ends, timeout or None):
            self.stuck = True
            raise RuntimeError(
                f"DataLoader: worker {self.number} (process {self.process.pid}) timed out: "
                f"expected a batch within timeout={timeout} seconds"
            )
        try:
            if not self.channel.poll():  # it was not an answer that came, but the end
                raise EOFError
            result, error = receive(self.channel)
        except (EOFError, OSError):
            raise RuntimeError(self.obituary()) from None
        if error is not None:
            raise error
        return result

    def alive(self) -> bool:
        """Whether the process runs and answers."""
        return not self.stuck and bool(self.process.is_alive())

    def obituary(self) -> str:
        """That the process has died, and of what."""
        self.process.join(GRACE)
        code = self.process.exitcode
        cause = f"exit code {code}"
        if code is not None and code < 0:
            names = {number.value: number.name for number in signal.Signals}
            cause = f"killed by {names.get(-code, f'signal {-code}')}"
        return (
            f"DataLoader: worker {self.number} (process {self.process.pid}) died: {cause}. "
            "Was memory short, or does a program that starts workers lack "
            "`if __name__ == '__main__':`?"
        )

    def dismiss(self) -> None:
        """Tell the process to end. To close the channel is not enough: with "fork", later workers
        have inherited its ends."""
        if not self.stuck:
            with contextlib.suppress(OSError):  # it is dead
                send(self.channel, None)
        self.channel.close()

    def end(self) -> None:
        """Wait until the process has ended; end it if it does not."""
        for insist in (self.process.terminate, self.process.kill):
            if self.stuck:
                insist()
            self.process.join(GRACE)
            if self.process.exitcode is not None:
                break
            self.stuck = True
        self.process.close()


def serve(channel: Any, number: int, work: Work, init: Callable[[int], None] | None) -> None:
    """What a process does: answer calls until dismissed, or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    register_tensors()
    failed = started(init, number)
    send(channel, (None, failed))
    if failed is not None:
        return
    parent = multiprocessing.parent_process()
    watched = [channel] if parent is None else [channel, parent.sentinel]
    while channel in connection.wait(watched):
        try:
            task = receive(channel)
        except (EOFError, OSError):
            return
        if task is None:
            return
        answer = attempt(work, *task, number=number)
        try:
            send(channel, answer)
        except BrokenPipeError:
            return
        except Exception as error:  # the batch cannot be sent
            error.add_note("while sending a batch from a worker process")
            send(channel, (None, portable(error, number)))


def started(init: Callable[[int], None] | None, number: int) -> Exception | None:
    """Call init; return what it raised."""
    try:
        if init is not None:
            init(number)
    except Exception as error:
        error.add_note(f"in worker_init_fn of worker {number}")
        return portable(error, number)
    return None


def attempt(work: Work, seed: int, job: Any, *, number: int) -> tuple[Any, Exception | None]:
    """The result of the work, or the error."""
    manual_seed(seed)  # for a dataset that draws from the default generator
    try:
        return work(seed, job), None
    except Exception as error:
        return None, portable(error, number)


def portable(error: Exception, number: int) -> Exception:
    """The error with its traceback as a note, or, if it cannot be sent, one that tells of it."""
    lines = "".join(traceback.format_exception(error))
    told = f"in worker {number}, a process:\n{lines}"
    try:
        copy = reduction.ForkingPickler.loads(reduction.ForkingPickler.dumps(error))
        same = type(copy) is type(error) and str(copy) == str(error)
    except Exception:  # whatever a foreign class of errors may do when it is copied
        same = False
    if not same:
        notes = getattr(error, "__notes__", [])
        error = RuntimeError(f"{type(error).__name__}: {error}")
        for note in notes:
            error.add_note(note)
    error.add_note(told)
    return error


# --- messages -------------------------------------------------------------------------------------


def send(channel: Any, message: Any) -> None:
    """Send an object between a process and its child.

    The large arrays in it go as they are, one message each, after the rest: packed together with
    it they would be copied twice more.
    """
    arrays: list[Any] = []
    packed = io.BytesIO()
    reduction.ForkingPickler(packed, 5, True, arrays.append).dump(message)
    channel.send_bytes(len(arrays).to_bytes(4, "big") + packed.getvalue())
    for array in arrays:
        channel.send_bytes(array.raw())


def receive(channel: Any) -> Any:
    """The object that the other end sent."""
    message = memoryview(channel.recv_bytes())
    arrays = [bytearray(channel.recv_bytes()) for _ in range(int.from_bytes(message[:4], "big"))]
    return reduction.ForkingPickler.loads(message[4:], buffers=arrays)


def register_tensors() -> None:
    """Let tensors pass between a process and its children, and nowhere else.

    A tensor refuses to be pickled, for a pickle from a file runs whatever code is in it. This is
    the table of multiprocessing, which only reads what its own processes wrote.
    """
    reduction.ForkingPickler.register(Tensor, tensor_parts)


def tensor_parts(tensor: Tensor) -> tuple[Any, ...]:
    """How to make the tensor again: from its array."""
    return from_numpy, (np.ascontiguousarray(tensor.numpy()),)

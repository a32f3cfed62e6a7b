"""Datasets that a worker process can import: what it is sent must be defined in a module."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from tt_data import Dataset, current_generator
from tt_tensor import Tensor, rand, tensor


class Numbers(Dataset[int]):
    def __init__(self, n: int = 40) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> int:
        return index


class Pairs(Numbers):
    """Tensors, which are not pickled, on the way there and back."""

    def __init__(self, n: int = 40) -> None:
        super().__init__(n)
        self.rows = tensor([[float(i), -float(i)] for i in range(n)])

    def __getitem__(self, index: int) -> tuple[Tensor, dict[str, str]]:
        return self.rows[index], {"name": f"item {index}"}


class Drawing(Numbers):
    """Items with noise."""

    def __getitem__(self, index: int) -> tuple[int, float]:
        return index, rand(1, generator=current_generator()).item()


class DefaultDrawing(Numbers):
    """Items with noise from the default generator."""

    def __getitem__(self, index: int) -> float:
        return rand(1).item()


class Process(Numbers):
    """Items that tell which process made them."""

    def __getitem__(self, index: int) -> int:
        return os.getpid()


class Foreign(Exception):
    """An error that cannot be sent as it is: it is not made from its arguments."""

    def __init__(self, code: int, path: str) -> None:
        super().__init__(f"{path} has code {code}")


class At7(Numbers):
    """Something happens at item 7."""

    def __init__(self, event: Callable[[], object]) -> None:
        super().__init__()
        self.event = event

    def __getitem__(self, index: int) -> object:
        return self.event() if index == 7 else index


def open_missing() -> None:
    raise FileNotFoundError(2, "No such file", "image7.png")


def raise_foreign() -> None:
    raise Foreign(3, "image7.png")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    os._exit(3)


def sleep() -> None:
    time.sleep(600)


def lock() -> object:
    return threading.Lock()


def no_collation(batch: list[object]) -> list[object]:
    return batch


def remember(number: int) -> None:
    """A worker_init_fn that leaves a trace."""
    sys.modules[__name__].started_as = number  # type: ignore[attr-defined]


class StartedAs(Numbers):
    def __getitem__(self, index: int) -> int:
        return sys.modules[__name__].started_as  # type: ignore[attr-defined]


def refuse_to_start(number: int) -> None:
    raise OSError(f"no licence for worker {number}")

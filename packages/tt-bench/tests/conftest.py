"""A clock that moves only when told to, so that no test depends on how fast a machine is."""

from collections.abc import Callable

import pytest


class FakeClock:
    """Reading it takes a nanosecond; ``work(seconds)`` lets time pass."""

    __name__ = "fake_clock"

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1e-9
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds

    def takes(self, seconds: float) -> Callable[[], None]:
        """A function that takes so long."""
        return lambda: self.work(seconds)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()

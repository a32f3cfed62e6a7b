"""Where random transforms draw from, so that a run repeats whatever the number of workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tt_tensor import Generator, default_generator

__all__ = ["BatchRandomness", "current_generator", "drawing", "drawn_from", "using_generator"]

_here = threading.local()  # .source: what this thread draws from; absent or None for the default


class BatchRandomness:
    """The random numbers of one batch: a generator that is made when something first draws.

    Most batches draw nothing, and seeding a generator takes 15 µs.
    """

    __slots__ = ("_generator", "seed")

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generator: Generator | None = None

    @property
    def used(self) -> bool:
        """Whether anything drew."""
        return self._generator is not None

    def generator(self) -> Generator:
        """The generator, seeded with `seed`."""
        if self._generator is None:
            self._generator = Generator().manual_seed(self.seed)
        return self._generator


def current_generator() -> Generator:
    """The generator that random transforms draw from, here and now.

    That is tt_tensor's default generator, which `manual_seed` seeds. Inside a DataLoader every
    batch has a generator of its own: its seed follows from the state of the loader's generator at
    the start of the epoch and from the number of the batch, so it does not matter which worker
    makes the batch, or when. A dataset of your own that draws random numbers should use it too.

    >>> from tt_tensor import manual_seed, rand
    >>> generator = manual_seed(3)
    >>> current_generator() is generator
    True
    >>> noise = rand(4, generator=current_generator())
    """
    source = getattr(_here, "source", None)
    if isinstance(source, BatchRandomness):
        return source.generator()
    return default_generator if source is None else source


@contextmanager
def using_generator(generator: Generator) -> Iterator[Generator]:
    """Inside the `with` block, random transforms in this thread draw from this generator.

    >>> mine = Generator().manual_seed(0)
    >>> with using_generator(mine):
    ...     current_generator() is mine
    True
    """
    with drawing(generator):
        yield generator


@contextmanager
def drawing(source: Any) -> Iterator[None]:
    """Inside the `with` block, this thread draws from a Generator or a BatchRandomness."""
    before = getattr(_here, "source", None)
    _here.source = source
    try:
        yield
    finally:
        _here.source = before


def drawn_from(source: Any, stream: Iterator[Any]) -> Iterator[Any]:
    """The items of a stream, which draws from this source as they come.

    So what it draws does not depend on how far ahead of a loop it is read.
    """
    while True:
        with drawing(source):
            try:
                item = next(stream)
            except StopIteration:
                return
        yield item

"""Ctrl-C, heard when training is between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Interrupts"]


class Interrupts:
    """Within a ``with`` block, Ctrl-C is noted, and raised when ``check`` is called.

    A second Ctrl-C is raised at once, so that a step that hangs can be left, unless this is inside
    ``held``: there weights are being changed or files written. In threads other than the main one,
    or if the program handles Ctrl-C itself, nothing is changed.
    """

    def __init__(self) -> None:
        self.pending = False
        self.holding = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.pending and not self.holding:
            self.pending = False
            raise KeyboardInterrupt
        self.pending = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is done inside is done to its end."""
        before, self.holding = self.holding, True
        try:
            yield
        finally:
            self.holding = before

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt

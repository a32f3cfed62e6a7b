"""Switching the recording off and on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from .graph import grad_mode, set_grad_mode

__all__ = ["enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled"]

F = TypeVar("F", bound=Callable[..., Any])


class set_grad_enabled:
    """Record operations (True) or not (False) from now on, or within a ``with`` block."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.before = [grad_mode.enabled]
        set_grad_mode(enabled=mode)

    def __enter__(self) -> None:
        set_grad_mode(enabled=self.mode)

    def __exit__(self, *_: object) -> None:
        set_grad_mode(enabled=self.before.pop())


class _Mode:
    """A context manager and decorator that sets the mode and restores it afterwards."""

    mode: bool

    def __init__(self, function: Any = None) -> None:
        self.before: list[bool] = []
        self.function = function

    def __new__(cls, function: Any = None) -> Any:
        # `@no_grad` without parentheses decorates too
        mode = super().__new__(cls)
        if function is None:
            return mode
        mode.before = []
        return mode(function)

    def __enter__(self) -> None:
        self.before.append(grad_mode.enabled)
        set_grad_mode(enabled=self.mode)

    def __exit__(self, *_: object) -> None:
        set_grad_mode(enabled=self.before.pop())

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


class no_grad(_Mode):
    """Operations inside are not recorded: less memory and time where no gradient is wanted.

    >>> from tt_tensor import ones
    >>> x = ones(2, requires_grad=True)
    >>> with no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    mode = False


class inference_mode(no_grad):
    """``no_grad`` by its stricter name."""


class enable_grad(_Mode):
    """Operations inside are recorded, even within ``no_grad``."""

    mode = True


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return grad_mode.enabled

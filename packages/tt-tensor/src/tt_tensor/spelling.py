"""NumPy's names for two of PyTorch's arguments, which every function with a ``dim`` accepts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

__all__ = ["also_axis"]

P = ParamSpec("P")
R = TypeVar("R")


def also_axis(function: Callable[P, R]) -> Callable[..., R]:
    """The function with ``axis`` accepted for ``dim`` and ``keepdims`` for ``keepdim``.

    >>> also_axis(lambda x, dim, keepdim=False: (x, dim, keepdim))(1, axis=2, keepdims=True)
    (1, 2, True)
    """

    @functools.wraps(function)
    def spelled(*args: Any, **kwargs: Any) -> R:
        if kwargs:
            for other, name in (("axis", "dim"), ("keepdims", "keepdim")):
                if other in kwargs:
                    kwargs[name] = kwargs.pop(other)
        return function(*args, **kwargs)

    return spelled

"""Functions that a module calls around its forward."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

__all__ = ["Hook", "RemovableHandle"]

Hook = Callable[..., Any]


class RemovableHandle:
    """What registering a hook returns: ``remove()`` takes the hook away again."""

    _numbers = itertools.count()

    def __init__(
        self,
        hooks: dict[int, tuple[Hook, bool]],
        hook: Hook,
        prepend: bool = False,
        with_kwargs: bool = False,
    ) -> None:
        self.hooks = hooks
        self.number = next(self._numbers)
        others = hooks.copy() if prepend else {}
        for number in others:
            del hooks[number]
        hooks[self.number] = (hook, with_kwargs)
        hooks.update(others)

    def remove(self) -> None:
        """Take the hook away; doing it twice does no harm."""
        self.hooks.pop(self.number, None)

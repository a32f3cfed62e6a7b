"""Functions that a module calls around its forward: those of one module, and those of all."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

__all__ = [
    "Hook",
    "RemovableHandle",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
]

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


before_all: dict[int, tuple[Hook, bool]] = {}  # of every module, with_kwargs is False
after_all: dict[int, tuple[Hook, bool]] = {}  # of every module, and whether always


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, args)`` before the forward of every module, before its own hooks; its
    result replaces the arguments.

    For tools that look at all modules, such as a profiler: it slows each of them.
    """
    return RemovableHandle(before_all, hook)


def register_module_forward_hook(hook: Hook, *, always_call: bool = False) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after the forward of every module, before its own hooks;
    its result replaces the output.

    Args:
        always_call: also if the call raises, from whatever it raised: the output is then None.
    """
    return RemovableHandle(after_all, hook, with_kwargs=always_call)

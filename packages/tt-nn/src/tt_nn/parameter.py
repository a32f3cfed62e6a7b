"""A tensor that a module learns."""

from __future__ import annotations

from typing import Any

from tt_tensor import Tensor

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A Tensor that requires grad and that a Module finds among its attributes.

    Args:
        data: a Tensor, whose memory is shared, or anything Tensor takes.

    >>> Parameter([1.0, 2.0]).requires_grad
    True
    """

    __slots__ = ()

    def __init__(self, data: Any = (), requires_grad: bool = True) -> None:
        if isinstance(data, Tensor):
            self._graph = None
            self.array = data.array
            self.requires_grad = requires_grad
        else:
            super().__init__(data, requires_grad=requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

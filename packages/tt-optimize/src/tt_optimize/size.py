"""How many bytes a model holds."""

from __future__ import annotations

from tt_nn import Module

__all__ = ["size_of"]


def size_of(model: Module) -> int:
    """The bytes of all parameters and buffers, counting memory that several names share once.

    What is counted is the array that is really there: 4 bytes a number in float32, 1 in int8.

    >>> from tt_nn import Linear
    >>> size_of(Linear(10, 5))
    220
    """
    sizes: dict[int, int] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        # views of one memory (a tied weight, a parameter in a flat buffer) start somewhere in it
        start = tensor.array.__array_interface__["data"][0]
        sizes[start] = max(tensor.nbytes, sizes.get(start, 0))
    return sum(sizes.values())

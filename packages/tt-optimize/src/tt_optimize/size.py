"""How many bytes a model holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from tt_nn import Module

__all__ = ["size_of"]


def size_of(model: Module) -> int:
    """The bytes of all parameters and buffers, counting memory that several names share once.

    What is counted is the array that is really there: 4 bytes a number in float32, 1 in int8.

    >>> from tt_nn import Linear
    >>> size_of(Linear(10, 5))
    220
    """
    owners: dict[int, np.ndarray[Any, Any]] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        array = tensor.array
        # views of one memory (a tied weight, a parameter in a flat buffer) start somewhere in it
        owners[array.__array_interface__["data"][0]] = array
    return sum(array.nbytes for array in owners.values())

"""Arrays on memory whose address is known, for compiled functions.

The address is that of another array's first number: ``array.ctypes.data``. Whoever passes it keeps
that array alive meanwhile, and answers for dtype and shape, as the compiled code cannot ask.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from .elementary import function

__all__ = ["floats", "integers"]


def _pointer_to(number: Any) -> Any:
    """A function from an address to what C calls a pointer to such numbers."""

    def pointer(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        pointer_type: Any = types.CPointer
        return pointer_type(number)(address), generate

    return intrinsic(pointer)


_to_floats = _pointer_to(types.float32)
_to_integers = _pointer_to(types.int8)


@function
def floats(address: int, shape: Any) -> Any:
    """The float32 numbers that begin there, row by row."""
    return carray(_to_floats(address), shape)


@function
def integers(address: int, shape: Any) -> Any:
    """The int8 numbers that begin there, row by row."""
    return carray(_to_integers(address), shape)

"""What an operation is: a name and a computation on arrays.

An ``Op`` knows nothing of Tensors, of the door they pass through, or of gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Op"]


class Op:
    """A named computation on ndarrays.

    Args:
        name: how errors, profiles and graph drawings call it.
        forward: ``forward(*arrays, **params)`` returns an array, or a list of them if the op has
            several outputs; ``(result, saved)`` if ``saves``.
        direct: computes the same where there is nothing to promote or convert: for one array of
            float32, or for two of the same shape and dtype.
        saves: the forward also returns what a gradient rule will want to reuse.
        broadcasts: inputs are stretched to a common shape by NumPy's broadcasting rules, so a
            gradient has to be summed back to the input's own shape.
        view: the result shares memory with its first input.
        hint: ``hint(*arrays, **params)`` explains a failed call: expected, got, help.

    >>> import numpy as np
    >>> double = Op("double", lambda x: x + x)
    >>> double.forward(np.array([1.0, 2.0]))
    array([2., 4.])
    """

    # One slot belongs to the gradient engine, as one of every Tensor does.
    __slots__ = ("broadcasts", "direct", "forward", "hint", "name", "rules", "saves", "view")

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        *,
        direct: Callable[..., Any] | None = None,
        saves: bool = False,
        broadcasts: bool = False,
        view: bool = False,
        hint: Callable[..., str] | None = None,
    ) -> None:
        self.name = name
        self.forward = forward
        self.direct = direct
        self.saves = saves
        self.broadcasts = broadcasts
        self.view = view
        self.hint = hint
        self.rules: Any = None

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def explain(self, error: Exception, arrays: Sequence[Any], params: dict[str, Any]) -> Exception:
        """The same kind of error with the op's name, what came, what it expected, and help.

        An op with a hint may raise bare errors; without one the error's own text is the
        explanation.
        """
        if isinstance(error, AttributeError) and not all(hasattr(a, "dtype") for a in arrays):
            error = TypeError("expected Tensors, wrap it first: tensor(value)")
        if type(error) not in _KINDS:
            return error
        got = ", ".join(_describe(array) for array in arrays)
        message = f"{self.name}: got {got}"
        if params:
            message += " with " + ", ".join(f"{k}={v!r}" for k, v in params.items())
        message += f". {self.hint(*arrays, **params)}" if self.hint else f": {error}"
        return _KINDS[type(error)](message)


def _describe(value: Any) -> str:
    """A one-word portrait of an operand: ``float32(3, 4)`` or ``2.0``."""
    shape = getattr(value, "shape", None)
    return repr(value) if shape is None else f"{value.dtype}{tuple(shape)}"


_KINDS: dict[type[Exception], type[Exception]] = {
    ValueError: ValueError,
    TypeError: TypeError,
    IndexError: IndexError,
    OverflowError: ValueError,
}

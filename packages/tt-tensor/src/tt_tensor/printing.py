"""How a Tensor is shown: as PyTorch shows it, character by character."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .dtypes import bool_, default_dtype, int64

if TYPE_CHECKING:
    from .dtypes import Array
    from .tensor import Tensor

_LINE = 80  # characters
_MANY = 1000  # elements: of more, only the ends of each dim are shown
_END = 3  # elements at each end
_START = "tensor("


def format_tensor(x: Tensor) -> str:
    """PyTorch's way: ``tensor([[1., 2.]], dtype=float64, requires_grad=True)``."""
    array, notes = x.array, []
    if array.size == 0:
        body, obvious = "[]", x.dtype == default_dtype
        if x.ndim != 1:
            notes.append(f"size={x.shape}")
    else:
        cut = tuple(array.size > _MANY and size > 2 * _END for size in x.shape)
        for dim in range(x.ndim):
            if cut[dim]:
                array = array.take([*range(_END), *range(-_END, 0)], dim)
        body = _nested(array, *_look(array.reshape(-1)), len(_START), cut)
        obvious = x.dtype in (default_dtype, int64, bool_)
    if not obvious:
        notes.append(f"dtype={x.dtype}")
    if x.grad_fn is not None:
        notes.append(f"grad_fn={x.grad_fn}")
    elif x.requires_grad:
        notes.append("requires_grad=True")
    return _with_notes(_START + body, notes)


def _look(values: Array) -> tuple[Callable[[Any], str], int]:
    """How one value is shown, and the width of the widest.

    Four decimals; none for whole numbers; powers of ten where sizes differ widely.
    """
    if values.dtype.kind != "f":
        return str, max(len(str(value)) for value in values.tolist())
    finite = values[np.isfinite(values) & (values != 0)].astype(np.float64)
    pattern, width = "{:.0f}.", 1
    if finite.size:
        sizes = np.abs(finite)
        whole = bool((finite == np.floor(finite)).all())
        if sizes.max() / sizes.min() > 1000 or sizes.max() > 1e8:
            pattern = "{:.4e}"
        elif not whole:
            pattern = "{:.4e}" if sizes.min() < 1e-4 else "{:.4f}"
        width = max(len(pattern.format(value)) for value in finite.tolist())
    return lambda value: pattern.format(value) if np.isfinite(value) else str(value), width


def _nested(
    array: Array, show: Callable[[Any], str], width: int, indent: int, cut: tuple[bool, ...]
) -> str:
    """The numbers in a pair of brackets for each dim, with dots in the dims that are cut."""
    if array.ndim == 0:
        return show(array.item()).rjust(width)
    indent += 1
    if array.ndim > 1:
        parts = [_nested(part, show, width, indent, cut[1:]) for part in array]
    else:
        parts = [show(value).rjust(width) for value in array.tolist()]
    if cut[0]:
        parts.insert(_END, "..." if array.ndim > 1 else " ...")
    if array.ndim == 1:
        fit = max(1, (_LINE - indent + 1) // (width + 2))
        parts = [", ".join(parts[i : i + fit]) for i in range(0, len(parts), fit)]
    between = "," + "\n" * max(array.ndim - 1, 1) + " " * indent
    return f"[{between.join(parts)}]"


def _with_notes(text: str, notes: list[str]) -> str:
    """The notes after the numbers, each on a line of its own where it does not fit."""
    column = len(text) - text.rfind("\n") + 1
    for note in notes:
        if column + len(note) + 2 > _LINE:
            text, column = f"{text},\n{' ' * len(_START)}{note}", len(_START) + len(note)
        else:
            text, column = f"{text}, {note}", column + len(note) + 2
    return text + ")"

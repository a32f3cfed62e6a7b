"""How a Tensor is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .dtypes import bool_, default_dtype, int64

if TYPE_CHECKING:
    from .dtypes import Array
    from .tensor import Tensor


def format_tensor(x: Tensor) -> str:
    """PyTorch's way: ``tensor([[1., 2.]], dtype=float64, requires_grad=True)``."""
    body = np.array2string(
        x.array,
        separator=", ",
        prefix="tensor(",
        max_line_width=80,
        threshold=1000,
        edgeitems=3,
        formatter=_formatter(x.array),
    )
    notes = [] if x.dtype in (default_dtype, int64, bool_) else [f"dtype={x.dtype}"]
    if x.array.size == 0:
        notes.insert(0, f"size={x.shape}")
    if x.grad_fn is not None:
        notes.append(f"grad_fn={x.grad_fn}")
    elif x.requires_grad:
        notes.append("requires_grad=True")
    return f"tensor({', '.join([body, *notes])})"


def _formatter(array: Array) -> Any:
    """Four decimals; none for whole numbers; powers of ten where sizes differ widely."""
    if array.dtype.kind != "f" or array.size == 0:
        return None
    finite = array[np.isfinite(array)].astype(np.float64)
    sizes = np.abs(finite[finite != 0])
    if sizes.size == 0:
        pattern = "{:.0f}." if finite.size else "{:.4f}"
    elif sizes.max() >= 1e8 or sizes.max() / sizes.min() > 1000 or sizes.max() < 1e-4:
        whole = bool((finite == np.floor(finite)).all()) and sizes.max() < 1e8
        pattern = "{:.0f}." if whole else "{:.4e}"
    else:
        pattern = "{:.0f}." if bool((finite == np.floor(finite)).all()) else "{:.4f}"

    def show(value: float) -> str:
        return pattern.format(value) if np.isfinite(value) else str(float(value))

    width = max(len(show(v)) for v in _shown(array))
    return {"float_kind": lambda value: show(value).rjust(width)}


def _shown(array: Array) -> Array:
    """The values that will be printed: all of a small tensor, else only the edges."""
    if array.size > 1000:
        for axis in range(array.ndim):
            if array.shape[axis] > 6:
                array = np.take(array, [0, 1, 2, -3, -2, -1], axis)
    return array.reshape(-1)

"""Which values occur, and how often. Nothing here has a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .tensor import Tensor


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct values (or, with ``dim``, slices), always in order.

    Args:
        return_inverse: also where among them each element of x is found, in the shape of x.
        return_counts: also how often each occurs.

    >>> from tt_tensor import tensor
    >>> unique(tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    from .tensor import wrap

    values, inverse, counts = np.unique(
        input.array, return_inverse=True, return_counts=True, axis=dim, equal_nan=False
    )
    inverse = inverse.reshape(input.shape if dim is None else -1)
    wanted = ((values, True), (inverse, return_inverse), (counts, return_counts))
    results = tuple(wrap(array) for array, asked in wanted if asked)
    return results if len(results) > 1 else results[0]


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, ... occurs in a vector of integers, or the sum of its weights.

    >>> from tt_tensor import tensor
    >>> bincount(tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    from .tensor import wrap

    if (
        input.ndim != 1
        or input.dtype.kind not in "iu"
        or (input.numel() and int(input.array.min()) < 0)
    ):
        raise ValueError(
            f"bincount: expected a vector of integers from 0 on, got {input.dtype}{input.shape}"
        )
    if weights is None:
        return wrap(np.bincount(input.array, minlength=minlength))
    if weights.shape != input.shape:
        raise ValueError(f"bincount: expected weights of shape {input.shape}, got {weights.shape}")
    dtype = weights.dtype if weights.dtype.kind == "f" else np.float64
    return wrap(np.bincount(input.array, weights.array, minlength).astype(dtype))

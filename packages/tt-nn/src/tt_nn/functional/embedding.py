"""Looking up rows of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_autograd import Meta, vjp
from tt_autograd.rules.either import place
from tt_tensor import Op, Tensor, apply
from tt_tensor.ops.index import check_index
from tt_tensor.tensor import wrap

__all__ = ["embedding", "one_hot"]

Array = Any


def embedding_forward(weight: Array, index: Array, padding_idx: int | None = None) -> Array:
    """The rows of ``weight`` at the indices, none of which may lie outside it."""
    check_index(index, len(weight))
    return np.take(weight, index, axis=0)


def embedding_vjp(
    g: Array, _: None, weight: Meta, index: Array, padding_idx: int | None = None
) -> Array:
    """Each row of the table receives the sum of the gradients of its uses."""
    if isinstance(g, Tensor):
        ids = index.array if isinstance(index, Tensor) else index
        if padding_idx is not None:
            g = g * wrap((ids != padding_idx)[..., None].astype(g.dtype))
        return place(g, shape=weight.shape, index=ids)
    table = np.zeros(weight.shape, g.dtype)
    ids = index.reshape(-1)
    if ids.size:
        # sorted, equal indices are neighbours and reduceat adds them up; np.add.at takes 8x as long
        order = np.argsort(ids, kind="stable")
        ordered = ids[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        rows = g.reshape(len(ids), -1)[order]
        table[ordered[starts]] = np.add.reduceat(rows, starts, axis=0)
    if padding_idx is not None:
        table[padding_idx] = 0
    return table


_embedding = Op("embedding", embedding_forward)
vjp(_embedding, embedding_vjp, None)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Rows of a table: out[...] = weight[input[...]].

    Args:
        padding_idx: the row that receives no gradient.

    Shape: input (...) of integers, weight (num_embeddings, embedding_dim) -> (..., embedding_dim)

    Raises:
        IndexError: an index lies outside 0 to num_embeddings - 1.
    """
    if weight.ndim != 2:
        raise ValueError(f"embedding: expected a weight of 2 dims, got shape {weight.shape}")
    rows = weight.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise ValueError(f"embedding: padding_idx {padding_idx} is not one of {rows} rows")
        padding_idx %= rows
    return apply(_embedding, weight, input, padding_idx=padding_idx)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Integers as rows of zeros with a one at their place.

    Shape: (...) -> (..., num_classes), int64; the largest value + 1 classes if num_classes is -1

    >>> from tt_tensor import tensor
    >>> one_hot(tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    index = tensor.array
    if index.dtype.kind not in "iu":
        raise TypeError(f"one_hot: expected integers, got {index.dtype}; use x.long()")
    lowest, classes = int(index.min(initial=0)), int(index.max(initial=-1)) + 1
    if lowest < 0 or -1 != num_classes < classes:
        bad = lowest if lowest < 0 else classes - 1
        expected = "0 or more" if num_classes == -1 else f"0 to {num_classes - 1}"
        raise IndexError(f"one_hot: index {bad} is out of range; expected {expected}")
    classes = classes if num_classes == -1 else num_classes
    rows = np.zeros((*index.shape, classes), np.int64)
    np.put_along_axis(rows, index[..., None], 1, axis=-1)
    return wrap(rows)

"""Cross-entropy in one pass over each row of logits, and its gradient in one more."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_autograd import joint_vjp
from tt_nn import functional as F
from tt_tensor import Op, Tensor, apply
from tt_tensor.ops.index import check_index
from tt_tensor.tensor import wrap

from .elementary import exp, kernel, largest

__all__ = ["compiled_cross_entropy"]

Array = Any

_0 = np.float32(0)


@kernel
def cross_entropy_rows(x: Array, target: Array, ignored: int, exps: Array, sums: Array) -> Any:
    """Σ log Σe^(x - max) - (x_target - max) over the rows that count; e^(x - max) and its sums
    are kept."""
    loss = 0.0  # in float64: thousands of rows are added up
    for i in range(len(x)):
        xi, out = x[i], exps[i]
        top = largest(xi)
        total = _0
        for j in range(xi.size):
            out[j] = exp(xi[j] - top)
            total += out[j]
        sums[i] = total
        if target[i] != ignored:
            loss += np.log(total) - (xi[target[i]] - top)
    return loss


@kernel
def cross_entropy_gradient(
    g: Any, target: Array, ignored: int, exps: Array, sums: Array, gx: Array
) -> None:
    """g · (softmax(x) - onehot(target)), and 0 in rows that do not count."""
    for i in range(len(exps)):
        e, out = exps[i], gx[i]
        share = g / sums[i] if target[i] != ignored else _0
        for j in range(e.size):
            out[j] = e[j] * share
        if target[i] != ignored:
            out[target[i]] -= g


def cross_entropy_forward(
    logits: Array, target: Array, *, ignored: int, count: int
) -> tuple[Array, tuple[Array, Array]]:
    """The mean over the rows that count."""
    exps, sums = np.empty(logits.shape, logits.dtype), np.empty(len(logits), logits.dtype)
    rows = np.ascontiguousarray(logits)
    loss = cross_entropy_rows(rows, target, ignored, exps, sums) / count
    return np.asarray(loss, logits.dtype), (exps, sums)


def cross_entropy_vjp(
    g: Array,
    needs: tuple[bool, ...],
    saved: tuple[Array, Array],
    logits: Array,
    target: Array,
    *,
    ignored: int,
    count: int,
) -> list[Array | None]:
    """The gradient by the logits, from what was kept."""
    gx = np.empty_like(saved[0])
    cross_entropy_gradient(np.float32(g / count), target, ignored, *saved, gx)
    return [gx, None]


def cross_entropy_definition(logits: Tensor, target: Tensor, *, ignored: int, count: int) -> Tensor:
    """What is differentiated for gradients of gradients: tt_nn's own."""
    return F.cross_entropy(logits, target, ignore_index=ignored)


_cross_entropy = Op("compiled_cross_entropy", cross_entropy_forward, saves=True)
joint_vjp(_cross_entropy, cross_entropy_vjp, definition=cross_entropy_definition)


def compiled_cross_entropy(logits: Tensor, target: Tensor, ignore_index: int = -100) -> Tensor:
    """-log softmax(logits)[target], averaged over the rows whose target is not ``ignore_index``.

    Shape: logits (N, C) of float32, target (N,) of integers -> (); nan if no row counts

    Raises:
        IndexError: a target that counts lies outside 0 to C - 1.
    """
    ids = target.array
    counting = ids[ids != ignore_index]
    check_index(counting, logits.shape[1], "cross_entropy: ")
    if not counting.size or ids.dtype.kind not in "iu":  # nan, or an error that explains itself
        return F.cross_entropy(logits, target, ignore_index=ignore_index)
    return apply(
        _cross_entropy,
        logits,
        wrap(np.ascontiguousarray(ids, np.int64)),
        ignored=ignore_index,
        count=counting.size,
    )

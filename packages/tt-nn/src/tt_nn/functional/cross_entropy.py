"""Cross-entropy: the surprise of a prediction at the truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tt_tensor as tt
from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply
from tt_tensor.ops.elementwise import silenced

from .blocks import row_blocks
from .checks import tensors
from .exponentials import exp_rows, safe_sums
from .loss import reduced, same_shape
from .softmax import log_softmax

__all__ = ["cross_entropy", "nll_loss"]

Array = Any


@silenced
def cross_entropy_forward(
    logits: Array, target: Array, weights: Array, *, smoothing: float
) -> tuple[Array, tuple[Array, Array]]:
    """Σᵢ weightsᵢ · (log Σeˣ - (1 - s) x_target - s mean(x)) per row.

    The eˣ and their sums are kept: their quotients are the probabilities. A row of weight 0 does
    not count, even if its loss is not finite.

    Shape: logits (N, C), target (N,), weights (N,) -> ()
    """
    exps = np.empty_like(logits)
    sums, losses = np.empty(len(logits), logits.dtype), np.empty(len(logits), logits.dtype)
    ones = np.ones(logits.shape[1], logits.dtype)
    low, _ = safe_sums(logits.dtype)
    for block in row_blocks(logits, 131072):
        x, e, total = logits[block], exps[block], sums[block]
        shift = exp_rows(x, e, total, ones)
        place = np.arange(len(x)), target[block]
        likely, picked = e[place], x[place]
        logs = np.log(total)
        if shift is not None:
            picked = picked - shift[:, 0]
        # -log(eˣ / Σeˣ) loses no digits where the loss is small, log Σeˣ - x none where it is large
        loss = np.where(likely > low, np.log(total / likely), logs - picked)
        if smoothing:
            average = x.mean(axis=1) if shift is None else x.mean(axis=1) - shift[:, 0]
            loss = (1 - smoothing) * loss + smoothing * (logs - average)
        losses[block] = loss
    if not weights.all():
        losses[weights == 0] = 0
    return np.asarray(losses @ weights, logits.dtype), (exps, sums)


def cross_entropy_vjp(
    g: Array,
    needs: tuple[bool, ...],
    saved: tuple[Array, Array],
    logits: Array,
    target: Array,
    weights: Array,
    *,
    smoothing: float,
) -> list[Array | None]:
    """dL/dx = weightsᵢ · (softmax(x) - (1 - s) onehot(target) - s/C)."""
    exps, sums = saved
    factor = weights * g
    grad = exps * (factor / sums)[:, None]
    if smoothing:
        grad -= (factor * (smoothing / exps.shape[1]))[:, None]
    grad[np.arange(len(grad)), target] -= factor * (1 - smoothing)
    return [grad, None, None]


def cross_entropy_definition(
    logits: Tensor, target: Tensor, weights: Tensor, *, smoothing: float
) -> Tensor:
    """The same in plain operations."""
    logs = log_softmax(logits, 1)
    picked = logs.gather(1, target.unsqueeze(1)).squeeze(1)
    return -((picked * (1 - smoothing) + logs.mean(1) * smoothing) * weights).sum()


_cross_entropy = Op("cross_entropy", cross_entropy_forward, saves=True)
joint_vjp(_cross_entropy, cross_entropy_vjp, definition=cross_entropy_definition)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input)[target], averaged: how surprised the prediction is by the truth.

    Args:
        target: class indices, or probabilities of the input's shape.
        weight: a factor for each class; the mean is then weighted.
        ignore_index: rows with this target do not count.
        label_smoothing: this share of the target is spread evenly over all classes.

    Shape: input (C,), (N, C) or (N, C, d1, ...); target (), (N,) or (N, d1, ...) of integers

    Raises:
        IndexError: a target lies outside 0 to C - 1.

    >>> from tt_tensor import tensor
    >>> cross_entropy(tensor([[2.0, 1.0, 0.0]]), tensor([0]))
    tensor(0.4076)
    """
    tensors("cross_entropy", input, target)
    _check("cross_entropy", input, weight, reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"cross_entropy: label_smoothing must lie in 0 to 1, got {label_smoothing}"
        )
    if target.is_floating_point():
        return _probability_targets(input, target, weight, reduction, label_smoothing)
    _check_classes("cross_entropy", input, target)
    if weight is not None or reduction == "none":
        logs = log_softmax(input, 1 if input.ndim > 1 else 0)
        return _nll("cross_entropy", logs, target, weight, ignore_index, reduction, label_smoothing)
    logits = _as_rows(input)
    safe, keep = _valid("cross_entropy", target, logits.shape[1], ignore_index)
    count = len(safe) if keep is None else np.count_nonzero(keep.array)
    share = logits.dtype.type(1 / max(count, 1) if reduction == "mean" else 1)
    weights = np.full(len(safe), share) if keep is None else keep.array * share
    loss = apply(_cross_entropy, logits, safe, tt.from_numpy(weights), smoothing=label_smoothing)
    return loss if count or reduction == "sum" else loss + math.nan  # the mean of nothing


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-input[target] of log-probabilities, averaged (weighted by class weights).

    Shape: input (C,), (N, C) or (N, C, d1, ...); target (), (N,) or (N, d1, ...) of integers
    """
    tensors("nll_loss", input, target)
    _check("nll_loss", input, weight, reduction)
    _check_classes("nll_loss", input, target)
    return _nll("nll_loss", input, target, weight, ignore_index, reduction, 0.0)


def _as_rows(x: Tensor) -> Tensor:
    """(C,), (N, C) or (N, C, d1, ...) as (rows, C)."""
    if x.ndim == 1:
        return x.unsqueeze(0)
    if x.ndim == 2:
        return x
    classes_last = x.permute(0, *range(2, x.ndim), 1)
    return classes_last.reshape(-1, x.shape[1])


def _check(name: str, x: Tensor, weight: Tensor | None, reduction: str) -> None:
    if not x.is_floating_point():
        raise TypeError(f"{name}: the input must be floating, got {x.dtype}; use x.float()")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    classes = x.shape[1 if x.ndim > 1 else 0] if x.ndim else 0
    if weight is not None and weight.shape != (classes,):
        raise ValueError(
            f"{name}: expected a weight for each of {classes} classes, got shape {weight.shape}"
        )
    if weight is not None and weight.dtype != x.dtype:
        raise TypeError(
            f"{name}: expected the weight in the input's dtype, {x.dtype}, got {weight.dtype}; use "
            "weight.to(input.dtype)"
        )


def _check_classes(name: str, x: Tensor, target: Tensor) -> None:
    expected = () if x.ndim == 1 else (x.shape[0], *x.shape[2:])
    if x.ndim == 0 or target.shape != expected:
        raise ValueError(
            f"{name}: for an input of shape {x.shape}, (N, C, ...), the target must have shape "
            f"{expected}; got {target.shape}. Its numbers are class indices, one per row"
        )
    if target.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: class targets must be integers, got {target.dtype}; target.long()"
        )


def _valid(
    name: str, target: Tensor, classes: int, ignore_index: int
) -> tuple[Tensor, Tensor | None]:
    """The targets with 0 for those that do not count, and which do, None if all; (N,) both.

    Raises:
        IndexError: one that counts is out of range.
    """
    ids = target.array.reshape(-1)
    if ids.size and ids.min() >= 0 and ids.max() < classes and not 0 <= ignore_index < classes:
        return tt.from_numpy(ids), None  # the commonest case in a tenth of the time
    keep = ids != ignore_index
    wrong = keep & ((ids < 0) | (ids >= classes))
    if wrong.any():
        raise IndexError(
            f"{name}: target {ids[wrong][0]} is out of range; expected a class, 0 to "
            f"{classes - 1}, or ignore_index={ignore_index}"
        )
    return tt.from_numpy(np.where(keep, ids, 0)), tt.from_numpy(keep)


def _nll(
    name: str,
    logs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> Tensor:
    """Class weights and unreduced losses, in plain operations."""
    rows = _as_rows(logs)
    safe, keep = _valid(name, target, rows.shape[1], ignore_index)
    weight = tt.ones(rows.shape[1], dtype=rows.dtype) if weight is None else weight
    factor = weight[safe]
    loss = -rows.gather(1, safe.unsqueeze(1)).squeeze(1) * factor
    if smoothing:
        spread = -(rows * weight).mean(1)
        loss = loss * (1 - smoothing) + spread * smoothing
    if keep is not None:
        loss, factor = tt.where(keep, loss, 0.0), tt.where(keep, factor, 0.0)
    if reduction == "none":
        return loss.reshape(target.shape)
    if reduction == "sum":
        return loss.sum()
    total = factor.sum()
    return loss.sum() / total if total.item() else loss.sum() + math.nan  # the mean of nothing


def _probability_targets(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    """-Σ target · log softmax(input) over the classes."""
    same_shape("cross_entropy", input, target)
    dim = 1 if input.ndim > 1 else 0
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input.shape[dim]
    terms = log_softmax(input, dim) * target
    if weight is not None:
        terms = terms * weight.reshape(-1, *[1] * (input.ndim - dim - 1))
    loss = -terms.sum(dim)
    return (
        loss.sum() / max(loss.numel(), 1)
        if reduction == "mean"
        else reduced("cross_entropy", loss, reduction)
    )

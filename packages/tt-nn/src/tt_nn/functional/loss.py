"""Losses: how wrong a prediction is, as one number to make small."""

from __future__ import annotations

from typing import Any

import numpy as np
import tt_tensor as tt
from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply

from .activation import log_softmax
from .blocks import row_blocks

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "nll_loss",
]

Array = Any


def _reduce(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def _same_shape(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: the target must have the input's shape {input.shape}, got {target.shape}; reshape "
            "one, for example target.view_as(input)"
        )


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """(input - target)², averaged."""
    _same_shape("mse_loss", input, target)
    return _reduce((input - target).square(), reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """|input - target|, averaged."""
    _same_shape("l1_loss", input, target)
    return _reduce((input - target).abs(), reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """½ d² where |d| <= delta, delta (|d| - ½ delta) beyond: square near 0, linear far away."""
    _same_shape("huber_loss", input, target)
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    size = (input - target).abs()
    loss = tt.where(size <= delta, size.square() * 0.5, (size - 0.5 * delta) * delta)
    return _reduce(loss, reduction)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """-(t log p + (1 - t) log(1 - p)) of probabilities p; each logarithm is held above -100."""
    _same_shape("binary_cross_entropy", input, target)
    if input.array.size and not (input.array.min() >= 0 and input.array.max() <= 1):
        raise ValueError("binary_cross_entropy: the input must be probabilities, 0 to 1")
    likelihood = target * input.log().clamp(min=-100) + (1 - target) * (1 - input).log().clamp(
        min=-100
    )
    loss = -likelihood
    return _reduce(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of σ(x), from x itself: (1 - t) x + log(1 + e⁻ˣ), without overflow."""
    _same_shape("binary_cross_entropy_with_logits", input, target)
    # log(1 + e⁻ˣ) = max(-x, 0) + log(1 + e^(-|x|))
    softplus = (-input).relu() + tt.log1p(tt.exp(-input.abs()))
    factor = 1.0 if pos_weight is None else (pos_weight - 1) * target + 1
    loss = (1 - target) * input + softplus * factor
    return _reduce(loss if weight is None else loss * weight, reduction)


def kl_div(
    input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """target · (log target - input), where the input holds log-probabilities.

    Args:
        reduction: "batchmean" divides the sum by the batch size, which is the divergence itself.
    """
    _same_shape("kl_div", input, target)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        safe = tt.where(target > 0, target, 1.0)
        loss = tt.where(target > 0, target * safe.log(), 0.0) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.shape[0]
    return _reduce(loss, reduction)


# ---- cross-entropy -------------------------------------------------------------------------------


def cross_entropy_forward(
    logits: Array, target: Array, weights: Array, *, smoothing: float
) -> tuple[Array, Array]:
    """Σᵢ weightsᵢ · (log Σeˣ - (1 - s) x_target - s mean(x)) per row; the probabilities are kept.

    Shape: logits (N, C), target (N,), weights (N,) -> ()
    """
    probs = np.empty_like(logits)
    losses = np.empty(len(logits), logits.dtype)
    for block in row_blocks(logits, 65536):
        p, x = probs[block], logits[block]
        peak = x.max(axis=1, keepdims=True)
        np.subtract(x, peak, out=p)
        picked = p[np.arange(len(p)), target[block]]
        average = p.mean(axis=1) if smoothing else picked
        np.exp(p, out=p)
        total = p.sum(axis=1, keepdims=True)
        p /= total
        losses[block] = np.log(total[:, 0]) - (1 - smoothing) * picked - smoothing * average
    return np.asarray(losses @ weights, logits.dtype), probs


def cross_entropy_vjp(
    g: Array,
    needs: tuple[bool, ...],
    probs: Array,
    logits: Array,
    target: Array,
    weights: Array,
    *,
    smoothing: float,
) -> list[Array | None]:
    """dL/dx = weightsᵢ · (softmax(x) - (1 - s) onehot(target) - s/C)."""
    factor = weights * g
    grad = probs * factor[:, None]
    if smoothing:
        grad -= (factor * (smoothing / probs.shape[1]))[:, None]
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
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must lie in 0 to 1, got {label_smoothing}")
    if target.is_floating_point():
        return _probability_targets(input, target, weight, reduction, label_smoothing)
    _check_classes("cross_entropy", input, target)
    if weight is not None or reduction == "none":
        logs = log_softmax(input, 1 if input.ndim > 1 else 0)
        return _nll(logs, target, weight, ignore_index, reduction, label_smoothing)
    logits, ids = _as_rows(input), target.array.reshape(-1)
    keep = _valid(ids, logits.shape[1], ignore_index)
    count = int(keep.sum())
    share = 1 / count if reduction == "mean" and count else (1.0 if count else np.nan)
    weights = tt.from_numpy(keep * input.dtype.type(share if reduction == "mean" else 1.0))
    safe = tt.from_numpy(np.where(keep, ids, 0))
    return apply(_cross_entropy, logits, safe, weights.to(input.dtype), smoothing=label_smoothing)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-input[target] of log-probabilities, averaged (weighted by class weights)."""
    _check_classes("nll_loss", input, target)
    return _nll(input, target, weight, ignore_index, reduction, 0.0)


def _as_rows(x: Tensor) -> Tensor:
    """(C,), (N, C) or (N, C, d1, ...) as (rows, C)."""
    if x.ndim == 1:
        return x.unsqueeze(0)
    if x.ndim == 2:
        return x
    classes_last = x.permute(0, *range(2, x.ndim), 1)
    return classes_last.reshape(-1, x.shape[1])


def _check_classes(name: str, x: Tensor, target: Tensor) -> None:
    expected = () if x.ndim == 1 else (x.shape[0], *x.shape[2:])
    if x.ndim == 0 or target.shape != expected:
        raise ValueError(
            f"{name}: for an input of shape {x.shape}, (N, C, ...), the target must have shape "
            f"{expected}; got {target.shape}. Its numbers are class indices, one per row"
        )
    if target.dtype.kind not in "iu":
        raise TypeError(f"{name}: class targets must be integers, got {target.dtype}; target.long()")


def _valid(ids: Array, classes: int, ignore_index: int) -> Array:
    """Which rows count; raises if any of those is out of range."""
    keep: Array = ids != ignore_index
    wrong = keep & ((ids < 0) | (ids >= classes))
    if wrong.any():
        raise IndexError(
            f"cross_entropy: target {ids[wrong][0]} is out of range; expected 0 to {classes - 1} (or "
            f"ignore_index={ignore_index})"
        )
    return keep


def _nll(
    logs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> Tensor:
    """Class weights and unreduced losses, in plain operations."""
    rows, ids = _as_rows(logs), target.array.reshape(-1)
    keep = _valid(ids, rows.shape[1], ignore_index)
    safe = tt.from_numpy(np.where(keep, ids, 0))
    mask = tt.from_numpy(keep.astype(logs.dtype))
    factor = mask if weight is None else weight.to(logs.dtype)[safe] * mask
    loss = -rows.gather(1, safe.unsqueeze(1)).squeeze(1) * factor
    if smoothing:
        weighted = rows if weight is None else rows * weight
        spread = -(weighted.sum(1) * mask) / rows.shape[1]
        loss = loss * (1 - smoothing) + spread * smoothing
    if reduction == "none":
        return loss.reshape(target.shape)
    return loss.sum() / factor.sum() if reduction == "mean" else _reduce(loss, reduction)


def _probability_targets(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    """-Σ target · log softmax(input) over the classes."""
    _same_shape("cross_entropy", input, target)
    dim = 1 if input.ndim > 1 else 0
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input.shape[dim]
    terms = log_softmax(input, dim) * target
    if weight is not None:
        terms = terms * weight.reshape(-1, *[1] * (input.ndim - dim - 1))
    loss = -terms.sum(dim)
    return loss.sum() / max(loss.numel(), 1) if reduction == "mean" else _reduce(loss, reduction)

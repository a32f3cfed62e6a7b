"""Losses: how wrong a prediction is, as one number to make small."""

from __future__ import annotations

import tt_tensor as tt
from tt_tensor import Tensor

from .checks import tensors

__all__ = ["huber_loss", "kl_div", "l1_loss", "mse_loss", "reduced", "same_shape", "smooth_l1_loss"]


def reduced(name: str, loss: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of the losses, or all of them."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Raise if the shapes differ: broadcasting them would be a silent mistake."""
    tensors(name, input, target)
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: the target must have the input's shape {input.shape}, got {target.shape}; "
            "reshape one, for example target.view_as(input)"
        )


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """(input - target)², averaged."""
    same_shape("mse_loss", input, target)
    return reduced("mse_loss", (input - target).square(), reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """|input - target|, averaged."""
    same_shape("l1_loss", input, target)
    return reduced("l1_loss", (input - target).abs(), reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """½ d² where |d| <= delta, delta (|d| - ½ delta) beyond: square near 0, linear far away.

    d is input - target; averaged.

    Shape: input (...) and target the same -> (), or (...) if not reduced

    Source: Huber 1964.
    """
    same_shape("huber_loss", input, target)
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    size = (input - target).abs()
    loss = tt.where(size <= delta, size.square() * 0.5, (size - 0.5 * delta) * delta)
    return reduced("huber_loss", loss, reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """½ d² / beta where |d| < beta, |d| - ½ beta beyond: the Huber loss divided by beta.

    d is input - target; averaged. With beta = 0 it is |d|.

    Shape: input (...) and target the same -> (), or (...) if not reduced
    """
    same_shape("smooth_l1_loss", input, target)
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    return huber_loss(input, target, reduction, beta) / beta


def kl_div(
    input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """target · (log target - input), where the input holds log-probabilities; 0 where target is 0.

    Args:
        reduction: "mean" averages over all numbers; "batchmean" divides the sum by the batch size,
            which is the divergence itself.
        log_target: the target holds logarithms, too.

    Shape: input (N, ...) and target the same -> (), or (N, ...) if not reduced
    """
    same_shape("kl_div", input, target)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        safe = tt.where(target > 0, target, 1.0)
        loss = tt.where(target > 0, target * safe.log(), 0.0) - target * input
    if reduction == "batchmean":
        return loss.sum() / (input.shape[0] if input.ndim else 1)
    return reduced("kl_div", loss, reduction)

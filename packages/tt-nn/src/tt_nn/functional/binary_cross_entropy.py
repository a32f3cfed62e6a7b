"""Losses for yes-or-no questions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_autograd import vjp
from tt_autograd.rules.either import either
from tt_tensor import Op, Tensor, apply, ops
from tt_tensor.ops.elementwise import silenced

from .checks import floating
from .loss import reduced, same_shape

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "logsigmoid"]

Array = Any

_log, _log1p = either(ops.log), either(ops.log1p)
_maximum, _sigmoid = either(ops.maximum), either(ops.sigmoid)
_FLOOR = -100.0  # the least that a logarithm counts: log 0 would be -inf


@silenced
def bce_forward(p: Array, target: Array) -> Array:
    """-(t log p + (1 - t) log(1 - p)), each logarithm held above -100."""
    yes, no = np.maximum(np.log(p), _FLOOR), np.maximum(np.log1p(-p), _FLOOR)
    loss: Array = (target - 1) * no - target * yes
    return loss


def bce_vjp(g: Array, _: None, p: Array, target: Array) -> Array:
    """dL/dp = (p - t) / (p (1 - p)), the divisor held above 1e-12: at 0 and 1 it is 0."""
    return g * (p - target) / _maximum(p * (1 - p), 1e-12)


def bce_target_vjp(g: Array, _: None, p: Array, target: None) -> Array:
    """dL/dt = log(1 - p) - log p."""
    return g * (_maximum(_log1p(-p), _FLOOR) - _maximum(_log(p), _FLOOR))


_bce = Op("binary_cross_entropy", bce_forward)
vjp(_bce, bce_vjp, bce_target_vjp)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-(t log p + (1 - t) log(1 - p)) of probabilities p; each logarithm is held above -100.

    Args:
        weight: a factor for each element, broadcast to the input's shape.

    Shape: input (...), target the same -> (), or (...) if not reduced

    Raises:
        ValueError: the input or the target is not within 0 to 1.
        TypeError: the target's dtype is not the input's.
    """
    _check("binary_cross_entropy", input, target)
    p, t = input.array, target.array
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(
            f"binary_cross_entropy: the input must be probabilities, 0 to 1, got {p.min():g} to "
            f"{p.max():g}; for scores of any size use binary_cross_entropy_with_logits"
        )
    if t.size and not (t.min() >= 0 and t.max() <= 1):
        raise ValueError(
            f"binary_cross_entropy: the target must lie in 0 to 1, got {t.min():g} to {t.max():g}"
        )
    loss = apply(_bce, input, target)
    loss = loss if weight is None else loss * weight
    return reduced("binary_cross_entropy", loss, reduction)


def _check(name: str, input: Tensor, target: Tensor) -> None:
    same_shape(name, input, target)
    floating(name, input)
    if target.dtype != input.dtype:
        raise TypeError(
            f"{name}: expected the target in the input's dtype, {input.dtype}, got {target.dtype}; "
            "use target.to(input.dtype)"
        )


def log_sigmoid_forward(x: Array) -> Array:
    """log σ(x) = min(x, 0) - log(1 + e^(-|x|)), which never overflows."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def log_sigmoid_vjp(g: Array, _: None, x: Array) -> Array:
    """d log σ(x)/dx = σ(-x)."""
    return g * _sigmoid(-x)


_log_sigmoid = Op("log_sigmoid", log_sigmoid_forward)
vjp(_log_sigmoid, log_sigmoid_vjp)


def logsigmoid(input: Tensor) -> Tensor:
    """log σ(x) = -log(1 + e⁻ˣ), without overflow."""
    return apply(_log_sigmoid, floating("logsigmoid", input))


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of σ(x), from x itself: (1 - t) x - log σ(x), without overflow.

    Args:
        weight: a factor for each element, broadcast to the input's shape.
        pos_weight: a factor for the positive targets, broadcast likewise.

    Shape: input (...), target the same -> (), or (...) if not reduced
    """
    _check("binary_cross_entropy_with_logits", input, target)
    factor = 1.0 if pos_weight is None else (pos_weight - 1) * target + 1
    loss = (1 - target) * input - apply(_log_sigmoid, input) * factor
    loss = loss if weight is None else loss * weight
    return reduced("binary_cross_entropy_with_logits", loss, reduction)

"""Limiting gradients, so that one bad batch does not throw the parameters far away."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tt_tensor import Tensor, ledger, tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "gradient_norm"]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients together so that their norm is at most ``max_norm``.

    g ← g · min(1, max_norm / (|g| + 1e-6)), in place, where |g| is the norm of all gradients taken
    as one vector. The direction stays the same.

    Args:
        parameters: those whose ``.grad`` is to be limited; those without a gradient are left out.
        norm_type: p of the p-norm; ``inf`` for the largest absolute value.
        error_if_nonfinite: raise if the norm is nan or infinite.
        foreach: PyTorch's choice between implementations; without effect here.

    Returns:
        The norm before clipping.

    Raises:
        RuntimeError: the norm is not finite, and ``error_if_nonfinite``.

    >>> x = tensor([3.0, 4.0], requires_grad=True)
    >>> x.grad = tensor([3.0, 4.0])
    >>> clip_grad_norm_([x], max_norm=1.0)
    tensor(5.)
    >>> x.grad
    tensor([0.6000, 0.8000])
    """
    grads = _gradients(parameters)
    norm = gradient_norm(grads, norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(
            f"the norm of the gradients is {norm}, so they cannot be clipped. Look for nan in the "
            "loss, or pass error_if_nonfinite=False"
        )
    scale = max_norm / (norm + 1e-6)
    if not scale >= 1:  # nan too, which spreads to all gradients as in PyTorch
        with np.errstate(all="ignore"):
            for grad in grads:
                np.multiply(grad.array, scale, out=grad.array)
                ledger.written(grad.array)
    return tensor(norm, dtype=grads[0].dtype if grads else None)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit every element of the gradients to -clip_value ... clip_value, in place."""
    for grad in _gradients(parameters):
        np.clip(grad.array, -clip_value, clip_value, out=grad.array)
        ledger.written(grad.array)


def gradient_norm(grads: Iterable[Tensor], norm_type: float = 2.0) -> float:
    """The norm of all gradients taken as one vector: (Σ |g|ᵖ)^(1/p), 0 if there are none.

    Summed in double precision, so that it is infinite only if a gradient is.
    """
    norms = [_norm(grad.array, norm_type) for grad in grads if grad.array.size]
    return float(np.linalg.norm(norms, norm_type)) if norms else 0.0


def _norm(array: np.ndarray[Any, Any], norm_type: float) -> float:
    flat = array.reshape(-1)
    with np.errstate(all="ignore"):
        if norm_type == 2 and flat.dtype != np.float16:
            square = float(np.dot(flat, flat))  # faster than through float64, if it has room
            if 1e-30 < square < math.inf:
                return math.sqrt(square)
        return float(np.linalg.norm(flat.astype(np.float64), norm_type))


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    return [p.grad for p in parameters if p.grad is not None]

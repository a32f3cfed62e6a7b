"""Batch normalisation: each channel brought to mean 0 and variance 1 over the batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply
from tt_tensor.ledger import written

from .blocks import row_blocks
from .checks import floating
from .images import batch_first, batch_last
from .normalization import in_float32

__all__ = ["batch_norm"]

Array = Any

# running mean, running variance, momentum
Running = tuple[Array, Array, float]


def _channels(x: Array) -> Array:
    """A matrix (C, everything else)."""
    rows = batch_last(x)
    return rows.reshape(len(rows), rows[:1].size)


def _images(rows: Array, x: Array) -> Array:
    """The matrix (C, everything else) in the shape of x."""
    return batch_first(rows.reshape(*x.shape[1:], len(x)))


def batch_norm_forward(
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    *,
    eps: float,
    running: Running | None = None,
) -> tuple[Array, tuple[Array, Array]]:
    """(x - mean)/√(var + ε) · weight + bias channel by channel; mean and 1/√(var + ε) are kept."""
    if x.dtype == np.float16:
        out, saved = batch_norm_forward(*in_float32(x, weight, bias), eps=eps, running=running)
        return out.astype(x.dtype), saved
    rows = _channels(x)
    out = np.empty_like(rows)
    mean, var = np.empty((2, len(rows), 1), rows.dtype)
    inverse = rows.dtype.type(1 / max(1, rows.shape[1]))
    for block in row_blocks(rows):
        y, m, v = out[block], mean[block], var[block]
        np.add.reduce(rows[block], axis=1, out=m, keepdims=True)
        m *= inverse
        np.subtract(rows[block], m, out=y)
        np.add.reduce(y * y, axis=1, out=v, keepdims=True)
        v *= inverse
        factor = 1 / np.sqrt(v + rows.dtype.type(eps))
        y *= factor if weight is None else factor * weight[block, None]
        if bias is not None:
            y += bias[block, None]
    if running is not None and rows.size:
        _remember(running, mean[:, 0], var[:, 0], rows.shape[1])
    return _images(out, x), (mean, 1 / np.sqrt(var + rows.dtype.type(eps)))


def _remember(running: Running, mean: Array, var: Array, count: int) -> None:
    """Move the running statistics a step of ``momentum`` towards those of this batch.

    The variance is the unbiased one, Σ(x - mean)²/(n - 1).
    """
    running_mean, running_var, momentum = running
    unbiased = var * (count / max(1, count - 1))
    for kept, new in ((running_mean, mean), (running_var, unbiased)):
        kept += (momentum * (new - kept)).astype(kept.dtype)
        written(kept)


def batch_norm_vjp(
    g: Array,
    needs: tuple[bool, ...],
    saved: tuple[Array, Array],
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    *,
    eps: float,
    running: Running | None = None,
) -> list[Array | None]:
    """With x̂ the normalised x: dL/dx = weight/σ · (g - mean(g) - x̂ mean(g x̂))."""
    if x.dtype == np.float16:
        g, *given = in_float32(g, x, weight, bias)
        wide = batch_norm_vjp(g, needs, saved, *given, eps=eps, running=running)
        return [None if grad is None else grad.astype(x.dtype) for grad in wide]
    mean, rstd = saved
    rows, arriving = _channels(x), _channels(g)
    grads = np.empty_like(rows) if needs[0] else None
    gw, gb = np.empty((2, len(rows), 1), rows.dtype)
    inverse = rows.dtype.type(1 / max(1, rows.shape[1]))
    for block in row_blocks(rows):
        gy, factor = arriving[block], rstd[block]
        normal = np.subtract(rows[block], mean[block], out=None if grads is None else grads[block])
        normal *= factor
        scratch = gy * normal
        np.add.reduce(scratch, axis=1, out=gw[block], keepdims=True)
        np.add.reduce(gy, axis=1, out=gb[block], keepdims=True)
        if grads is not None:
            scale = factor if weight is None else factor * weight[block, None]
            normal *= -scale * inverse * gw[block]
            normal -= scale * inverse * gb[block]
            normal += np.multiply(gy, scale, out=scratch)
    given = [None if grads is None else _images(grads, x), gw[:, 0], gb[:, 0]]
    return given[: len(needs)]


def batch_norm_definition(
    x: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    eps: float,
    running: Running | None = None,
) -> Tensor:
    """Batch normalisation in plain operations; the running statistics were updated before."""
    axes = (0, *range(2, x.ndim))
    centred = x - x.mean(axes, keepdim=True)
    y = centred * (centred.square().mean(axes, keepdim=True) + eps).rsqrt()
    shape = (-1, *(1,) * (x.ndim - 2))
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


_batch_norm = Op("batch_norm", batch_norm_forward, saves=True)
joint_vjp(_batch_norm, batch_norm_vjp, definition=batch_norm_definition)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean)/√(var + ε) · weight + bias, with the mean and variance of each channel.

    In training those of this batch over all dims but the second, the variance being the biased
    one, Σ(x - mean)²/n; the running ones, if given, follow: running ← (1 - momentum) · running +
    momentum · batch (with the unbiased variance, as in PyTorch). Otherwise the running ones.

    Shape: input (N, C, ...) -> the same; all others (C,)

    Raises:
        ValueError: a shape does not fit, or in training there is but one number per channel, whose
            deviation from itself is always 0.

    Source: Ioffe and Szegedy 2015.
    """
    _check(input, running_mean, running_var, weight, bias, training)
    shape = (-1, *(1,) * (input.ndim - 2))
    if not training:
        assert running_mean is not None and running_var is not None
        scale = (running_var + eps).rsqrt()
        scale = scale if weight is None else scale * weight
        shift = -running_mean * scale if bias is None else bias - running_mean * scale
        return input * scale.reshape(shape) + shift.reshape(shape)
    if weight is None and bias is not None:
        plain = batch_norm(input, running_mean, running_var, None, None, True, momentum, eps)
        return plain + bias.reshape(shape)
    running = None
    if running_mean is not None and running_var is not None:
        running = (running_mean.array, running_var.array, momentum)
    given = [t for t in (weight, bias) if t is not None]
    return apply(_batch_norm, input, *given, eps=eps, running=running)


def _check(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
) -> None:
    floating("batch_norm", x)
    if x.ndim < 2:
        raise ValueError(f"batch_norm: expected x of shape (N, C, ...), got {x.shape}")
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm: give both running_mean and running_var, or neither")
    if not training and running_mean is None:
        raise ValueError("batch_norm: expected running_mean and running_var unless training=True")
    channels = x.shape[1]
    parts = {
        "running_mean": running_mean,
        "running_var": running_var,
        "weight": weight,
        "bias": bias,
    }
    for name, part in parts.items():
        if part is None:
            continue
        if part.shape != (channels,):
            raise ValueError(
                f"batch_norm: expected {name} of shape ({channels},), one number per channel of x "
                f"{x.shape}; got {part.shape}"
            )
        if part.dtype != x.dtype:
            raise TypeError(
                f"batch_norm: x is {x.dtype} and {name} {part.dtype}; convert one of them, for "
                f"example x.to({part.dtype.name!r})"
            )
    if training and x.numel() == channels:
        raise ValueError(
            f"batch_norm: expected more than 1 value per channel when training, got x {x.shape}. "
            "Take a larger batch (drop_last=True in the DataLoader), or call eval() first"
        )

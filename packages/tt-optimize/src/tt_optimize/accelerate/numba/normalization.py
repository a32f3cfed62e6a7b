"""Layer norm and RMS norm in one pass over each row, forward and backward.

NumPy needs five passes over a block: mean, subtract, square and add up, multiply by 1/σ and weight,
add the bias. A compiled loop does all of it while the row is in the first-level cache.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tt_autograd import joint_vjp
from tt_nn import functional as F
from tt_tensor import Op, Tensor, apply

from .elementary import kernel

__all__ = ["compiled_layer_norm", "compiled_rms_norm", "layer_norm_row", "rms_norm_row"]

Array = Any

_1 = np.float32(1)


@kernel
def layer_norm_row(x: Array, weight: Array, bias: Array, eps: Any, y: Array) -> tuple[Any, Any]:
    """y = (x - mean)/√(var + ε) · weight + bias of one row; returns mean and 1/√(var + ε)."""
    n = np.float32(x.size)
    total = np.float32(0)
    for j in range(x.size):
        total += x[j]
    mean = total / n
    total = np.float32(0)
    for j in range(x.size):
        centred = x[j] - mean
        total += centred * centred
    rstd = _1 / np.sqrt(total / n + eps)
    for j in range(x.size):
        y[j] = (x[j] - mean) * rstd * weight[j] + bias[j]
    return mean, rstd


@kernel
def layer_norm_rows(
    x: Array, weight: Array, bias: Array, eps: Any, y: Array, mean: Array, rstd: Array
) -> None:
    for i in range(len(x)):
        mean[i], rstd[i] = layer_norm_row(x[i], weight, bias, eps, y[i])


@kernel
def layer_norm_gradients(
    g: Array, x: Array, weight: Array, mean: Array, rstd: Array, gx: Array, gw: Array, gb: Array
) -> None:
    """With x̂ the normalised x and ĝ = g · weight: dL/dx = (ĝ - mean(ĝ) - x̂ mean(ĝ x̂)) / σ."""
    n = np.float32(x.shape[1])
    for i in range(len(x)):
        gi, xi, out, m, r = g[i], x[i], gx[i], mean[i], rstd[i]
        total, share = np.float32(0), np.float32(0)
        for j in range(xi.size):
            normal = (xi[j] - m) * r
            scaled = gi[j] * weight[j]
            gw[j] += gi[j] * normal
            gb[j] += gi[j]
            total += scaled
            share += scaled * normal
        total /= n
        share /= n
        for j in range(xi.size):
            out[j] = (gi[j] * weight[j] - total - (xi[j] - m) * r * share) * r


@kernel
def rms_norm_row(x: Array, weight: Array, eps: Any, y: Array) -> Any:
    """y = x / √(mean(x²) + ε) · weight of one row; returns 1/√(mean(x²) + ε)."""
    total = np.float32(0)
    for j in range(x.size):
        total += x[j] * x[j]
    rstd = _1 / np.sqrt(total / np.float32(x.size) + eps)
    for j in range(x.size):
        y[j] = x[j] * rstd * weight[j]
    return rstd


@kernel
def rms_norm_rows(x: Array, weight: Array, eps: Any, y: Array, rstd: Array) -> None:
    for i in range(len(x)):
        rstd[i] = rms_norm_row(x[i], weight, eps, y[i])


@kernel
def rms_norm_gradients(
    g: Array, x: Array, weight: Array, rstd: Array, gx: Array, gw: Array
) -> None:
    """With x̂ = x / √(mean(x²) + ε) and ĝ = g · weight: dL/dx = (ĝ - x̂ mean(ĝ x̂)) / √(...)."""
    n = np.float32(x.shape[1])
    for i in range(len(x)):
        gi, xi, out, r = g[i], x[i], gx[i], rstd[i]
        share = np.float32(0)
        for j in range(xi.size):
            normal = xi[j] * r
            gw[j] += gi[j] * normal
            share += gi[j] * weight[j] * normal
        share /= n
        for j in range(xi.size):
            out[j] = (gi[j] * weight[j] - xi[j] * r * share) * r


def _rows(x: Array) -> Array:
    """x as a contiguous matrix whose rows are its last dim."""
    return np.ascontiguousarray(x).reshape(math.prod(x.shape[:-1]), x.shape[-1])


def layer_norm_forward(
    x: Array, weight: Array, bias: Array | None = None, *, eps: float
) -> tuple[Array, tuple[Array, Array]]:
    """The rows' kernel; mean and 1/σ are kept."""
    rows = _rows(x)
    y, mean, rstd = np.empty_like(rows), np.empty(len(rows), x.dtype), np.empty(len(rows), x.dtype)
    shift = np.zeros_like(weight) if bias is None else bias
    layer_norm_rows(rows, weight, shift, np.float32(eps), y, mean, rstd)
    return y.reshape(x.shape), (mean, rstd)


def layer_norm_vjp(
    g: Array,
    needs: tuple[bool, ...],
    saved: tuple[Array, Array],
    x: Array,
    weight: Array,
    bias: Any = None,
    *,
    eps: float,
) -> list[Array]:
    """All three gradients in one pass."""
    rows, gw, gb = _rows(x), np.zeros_like(weight), np.zeros_like(weight)
    gx = np.empty_like(rows)
    layer_norm_gradients(_rows(g), rows, weight, *saved, gx, gw, gb)
    return [gx.reshape(x.shape), gw, gb][: len(needs)]


def layer_norm_definition(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, eps: float
) -> Tensor:
    """What is differentiated for gradients of gradients: tt_nn's own."""
    return F.layer_norm(x, weight.shape, weight, bias, eps)


def rms_norm_forward(x: Array, weight: Array, *, eps: float) -> tuple[Array, Array]:
    """The rows' kernel; 1/√(mean(x²) + ε) is kept."""
    rows = _rows(x)
    y, rstd = np.empty_like(rows), np.empty(len(rows), x.dtype)
    rms_norm_rows(rows, weight, np.float32(eps), y, rstd)
    return y.reshape(x.shape), rstd


def rms_norm_vjp(
    g: Array, needs: tuple[bool, ...], rstd: Array, x: Array, weight: Array, *, eps: float
) -> list[Array]:
    """Both gradients in one pass."""
    rows, gw = _rows(x), np.zeros_like(weight)
    gx = np.empty_like(rows)
    rms_norm_gradients(_rows(g), rows, weight, rstd, gx, gw)
    return [gx.reshape(x.shape), gw]


def rms_norm_definition(x: Tensor, weight: Tensor, *, eps: float) -> Tensor:
    """What is differentiated for gradients of gradients: tt_nn's own."""
    return F.rms_norm(x, weight.shape, weight, eps)


_layer_norm = Op("compiled_layer_norm", layer_norm_forward, saves=True)
joint_vjp(_layer_norm, layer_norm_vjp, definition=layer_norm_definition)

_rms_norm = Op("compiled_rms_norm", rms_norm_forward, saves=True)
joint_vjp(_rms_norm, rms_norm_vjp, definition=rms_norm_definition)


def compiled_layer_norm(x: Tensor, weight: Tensor, bias: Tensor | None, eps: float) -> Tensor:
    """(x - mean)/√(var + ε) · weight + bias over the last dim, of float32.

    Shape: x (..., C), weight and bias (C,) -> (..., C)
    """
    given = (weight,) if bias is None else (weight, bias)
    return apply(_layer_norm, x, *given, eps=eps)


def compiled_rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / √(mean(x²) + ε) · weight over the last dim, of float32.

    Shape: x (..., C), weight (C,) -> (..., C)
    """
    return apply(_rms_norm, x, weight, eps=eps)

"""Normalisation: numbers brought to mean 0 and variance 1, then scaled and shifted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply

from .blocks import row_blocks
from .checks import floating

__all__ = ["cosine_similarity", "layer_norm", "normalize", "rms_norm"]

Array = Any


def _rows(x: Array, dims: int) -> Array:
    """x as a matrix whose rows are normalised: the last ``dims`` dims flattened."""
    split = x.ndim - dims
    return np.ascontiguousarray(x).reshape(math.prod(x.shape[:split]), math.prod(x.shape[split:]))


def in_float32(*arrays: Array | None) -> tuple[Any, ...]:
    """float16 as float32, to compute with: of float16, squares are inf from 256 on, and gradients,
    with their 1/σ³, sooner."""
    return tuple(None if array is None else array.astype(np.float32) for array in arrays)


def layer_norm_forward(
    x: Array, weight: Array | None = None, bias: Array | None = None, *, dims: int, eps: float
) -> tuple[Array, tuple[Array, Array]]:
    """(x - mean)/√(var + ε) · weight + bias row by row; mean and 1/√(var + ε) are kept."""
    if x.dtype == np.float16:
        out, saved = layer_norm_forward(*in_float32(x, weight, bias), dims=dims, eps=eps)
        return out.astype(x.dtype), saved
    if dims == 1 and x.size == x.shape[-1]:
        return _layer_norm_row(x, weight, bias, eps)
    rows = _rows(x, dims)
    out = np.empty_like(rows)
    mean = np.empty((len(rows), 1), rows.dtype)
    rstd = np.empty((len(rows), 1), rows.dtype)
    scale = None if weight is None else weight.reshape(-1)
    shift = None if bias is None else bias.reshape(-1)
    inverse = rows.dtype.type(1 / max(rows.shape[1], 1))
    for block in row_blocks(rows):
        y, m, r = out[block], mean[block], rstd[block]
        np.add.reduce(rows[block], axis=1, out=m, keepdims=True)
        m *= inverse
        np.subtract(rows[block], m, out=y)
        np.einsum("ij,ij->i", y, y, out=r[:, 0])
        r *= inverse
        r += rows.dtype.type(eps)
        np.sqrt(r, out=r)
        np.reciprocal(r, out=r)
        y *= r
        if scale is not None:
            y *= scale
        if shift is not None:
            y += shift
    return out.reshape(x.shape), (mean, rstd)


def _layer_norm_row(
    x: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, tuple[Array, Array]]:
    """The same for a single row, where it is calls that take the time: half as many, on numbers in
    the place of arrays."""
    row = x.reshape(-1)
    mean = np.add.reduce(row) / row.dtype.type(row.size)
    y = row - mean
    rstd = row.dtype.type(1 / math.sqrt(y.dot(y) / row.size + eps))
    y *= rstd
    if weight is not None:
        y *= weight
    if bias is not None:
        y += bias
    return y.reshape(x.shape), (mean, rstd)


def layer_norm_vjp(
    g: Array,
    needs: tuple[bool, ...],
    saved: tuple[Array, Array],
    x: Array,
    weight: Array | None = None,
    bias: Any = None,
    *,
    dims: int,
    eps: float,
) -> list[Array | None]:
    """With x̂ the normalised x and ĝ = g · weight: dL/dx = (ĝ - mean(ĝ) - x̂ mean(ĝ x̂)) / σ."""
    if x.dtype == np.float16:
        g, *given = in_float32(g, x, weight, bias)
        wide = layer_norm_vjp(g, needs, saved, *given, dims=dims, eps=eps)
        return [None if grad is None else grad.astype(x.dtype) for grad in wide]
    mean, rstd = (kept.reshape(-1, 1) for kept in saved)
    rows, grows = _rows(x, dims), _rows(g, dims)
    n = rows.shape[1]
    gx = np.empty_like(rows) if needs[0] else None
    gw, gb = np.zeros(n, rows.dtype), np.zeros(n, rows.dtype)
    scale = None if weight is None else weight.reshape(-1)
    inverse = rows.dtype.type(1 / max(n, 1))
    for block in row_blocks(rows):
        gy = grows[block]
        normal = rows[block] - mean[block]
        normal *= rstd[block]
        if weight is not None:
            gw += np.einsum("ij,ij->j", gy, normal)
        if bias is not None:
            gb += np.add.reduce(gy, 0)
        if gx is not None:
            scaled = gy if scale is None else gy * scale
            share = np.einsum("ij,ij->i", scaled, normal)[:, None]
            share *= inverse
            normal *= share
            out = np.subtract(scaled, normal, out=gx[block])
            average = np.add.reduce(scaled, axis=1, keepdims=True)
            average *= inverse
            out -= average
            out *= rstd[block]
    grads = [None if gx is None else gx.reshape(x.shape)]
    if weight is not None:
        grads.append(gw.reshape(weight.shape))
    if bias is not None:
        grads.append(gb.reshape(x.shape[x.ndim - dims :]))
    return grads


def layer_norm_definition(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, *, dims: int, eps: float
) -> Tensor:
    """LayerNorm in plain operations."""
    axes = tuple(range(-dims, 0))
    centred = x - x.mean(axes, keepdim=True)
    y = centred * (centred.square().mean(axes, keepdim=True) + eps).rsqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


_layer_norm = Op("layer_norm", layer_norm_forward, saves=True)
joint_vjp(_layer_norm, layer_norm_vjp, definition=layer_norm_definition)


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean)/√(var + ε) · weight + bias over the last dims, which form ``normalized_shape``.

    The variance is the biased one, Σ(x - mean)²/n.

    Shape: x (..., *normalized_shape) -> the same; weight and bias: normalized_shape

    Source: Ba, Kiros and Hinton 2016.
    """
    shape = _check_shape("layer_norm", input, normalized_shape, weight, bias)
    if weight is None and bias is not None:
        return layer_norm(input, shape, eps=eps) + bias
    given = [t for t in (weight, bias) if t is not None]
    return apply(_layer_norm, input, *given, dims=len(shape), eps=eps)


def rms_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """x / √(mean(x²) + ε) · weight over the last dims.

    Args:
        eps: the smallest number that changes 1 in the dtype of x (in float32, if that is float16),
            if None.

    Source: Zhang and Sennrich 2019.
    """
    shape = _check_shape("rms_norm", input, normalized_shape, weight)
    axes = tuple(range(-len(shape), 0))
    x = input.float() if input.dtype == np.float16 else input  # see in_float32
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    y = x * (x.square().mean(axes, keepdim=True) + eps).rsqrt()
    y = y if weight is None else y * weight
    return y.to(input.dtype) if x is not input else y


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖ₚ, ε) along ``dim``."""
    return input / input.norm(p, dim, keepdim=True).clamp(min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Σ x₁ x₂ / (max(‖x₁‖, ε) max(‖x₂‖, ε)) along ``dim``: the cosine of the angle between them.

    Shape: x1 and x2 broadcast; ``dim`` disappears.

    >>> from tt_tensor import tensor
    >>> cosine_similarity(tensor([[3.0, 4.0]]), tensor([[4.0, 3.0]]))
    tensor([0.9600])
    """
    try:
        shape = np.broadcast_shapes(x1.shape, x2.shape)
    except ValueError:
        raise ValueError(
            f"cosine_similarity: expected shapes that broadcast, got {x1.shape} and {x2.shape}"
        ) from None
    dtype = np.promote_types(x1.dtype, x2.dtype)
    a, b = (floating("cosine_similarity", x).to(dtype).expand(shape) for x in (x1, x2))
    lengths = a.norm(2, dim).clamp(min=eps) * b.norm(2, dim).clamp(min=eps)
    return (a * b).sum(dim) / lengths


def _check_shape(
    name: str, x: Tensor, normalized_shape: int | Sequence[int], *params: Tensor | None
) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape:
        raise ValueError(f"{name}: expected at least one size in normalized_shape, got none")
    if x.shape[x.ndim - len(shape) :] != shape or len(shape) > x.ndim:
        raise ValueError(
            f"{name}: expected x of shape (..., {', '.join(map(str, shape))}), got {x.shape}"
        )
    floating(name, x)
    for parameter in params:
        if parameter is not None and parameter.shape != shape:
            raise ValueError(
                f"{name}: weight and bias must have shape {shape}, got {parameter.shape}"
            )
        if parameter is not None and parameter.dtype != x.dtype:
            raise TypeError(
                f"{name}: expected x, weight and bias of one dtype, got {x.dtype} and "
                f"{parameter.dtype}; use x.to(weight.dtype)"
            )
    return shape

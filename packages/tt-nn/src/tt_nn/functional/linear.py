"""The affine map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply

__all__ = ["linear"]

Array = Any


def linear_forward(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """x Wᵀ + b as one large product, whatever the leading dims."""
    *leading, width = x.shape
    outputs, inputs = weight.shape
    if width != inputs:
        raise ValueError
    if x.dtype != weight.dtype or (bias is not None and bias.dtype != weight.dtype):
        raise TypeError
    if bias is not None and bias.shape != (outputs,):
        raise ValueError
    rows = math.prod(leading)
    # a single row as a product with a vector: it takes 0.6 of the time
    out = weight.dot(x.reshape(width)) if rows == 1 else x.reshape(rows, width) @ weight.T
    if bias is not None:
        out += bias
    return out.reshape(*leading, outputs)


def _hint(x: Array, weight: Array, bias: Array | None = None) -> str:
    if weight.ndim != 2:
        return f"Expected a weight (out_features, in_features); got one of shape {weight.shape}"
    out_features, in_features = weight.shape
    if x.ndim == 0 or x.shape[-1] != in_features:
        return (
            f"Expected x of shape (..., {in_features}), as the weight is (out_features, "
            f"in_features) = {weight.shape}; got x of shape {x.shape}"
        )
    if bias is not None and bias.shape != (out_features,):
        return f"Expected a bias of shape ({out_features},); got {bias.shape}"
    return f"Expected x, weight and bias of one dtype: x.to({weight.dtype.name!r})"


def linear_vjp(
    g: Array, needs: tuple[bool, ...], _: None, x: Array, weight: Array, bias: Any = None
) -> list[Array | None]:
    """dL/dx = g W, dL/dW = gᵀ x, dL/db = Σ g over all leading dims."""
    leading = math.prod(g.shape[:-1])
    rows = g.reshape((leading, g.shape[-1]))
    grads: list[Array | None] = [(rows @ weight).reshape(x.shape) if needs[0] else None]
    if needs[1]:
        grads.append(rows.swapaxes(0, 1) @ x.reshape((leading, x.shape[-1])))
    else:
        grads.append(None)
    if len(needs) > 2:
        grads.append(_column_sums(rows) if needs[2] else None)
    return grads


def _column_sums(rows: Array) -> Array:
    """Σ over rows, for arrays as a product with ones: BLAS adds 3 times faster than NumPy."""
    if isinstance(rows, np.ndarray):
        return np.ones(len(rows), rows.dtype) @ rows
    return rows.sum(0)


_linear = Op("linear", linear_forward, hint=_hint)
joint_vjp(_linear, linear_vjp, fused=False)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b.

    Shape: x (..., in_features), weight (out_features, in_features), bias (out_features,) ->
    (..., out_features)
    """
    return apply(_linear, input, weight) if bias is None else apply(_linear, input, weight, bias)

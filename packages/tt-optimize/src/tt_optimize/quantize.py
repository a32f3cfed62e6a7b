"""Weights as 8-bit integers: a quarter of the bytes, for a small error in each number.

A float x is stored as the integer q = round(x / scale) + zero_point; x ≈ (q - zero_point) · scale.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tt_nn import Embedding, Linear, Module, Parameter
from tt_tensor import Tensor
from tt_tensor.dtypes import canonical
from tt_tensor.tensor import wrap

__all__ = [
    "QuantizedEmbedding",
    "QuantizedLinear",
    "dequantize_tensor",
    "quantize",
    "quantize_tensor",
    "symmetric_scale",
]


def _along(value: Any, ndim: int, axis: int | None) -> Any:
    """A scale or zero point, shaped to go along one axis of a tensor."""
    array = value.array if isinstance(value, Tensor) else np.asarray(value)
    if axis is None or array.ndim == 0:
        return array
    return array.reshape([-1 if d == axis % ndim else 1 for d in range(ndim)])


def quantize_tensor(
    x: Tensor, scale: Any, zero_point: Any = 0, dtype: Any = np.int8, axis: int | None = None
) -> Tensor:
    """q = clip(round(x / scale) + zero_point), to the range of an integer dtype.

    Args:
        scale: one number, or one for each slice along ``axis``.
        zero_point: likewise; 0 for a symmetric range.

    >>> from tt_tensor import tensor
    >>> quantize_tensor(tensor([-1.0, 0.26, 9.0]), scale=0.01).tolist()
    [-100, 26, 127]
    """
    target = canonical(dtype)
    if target.kind not in "iu":
        raise TypeError(f"quantize_tensor: expected an integer dtype, got {target}")
    step = _along(scale, x.ndim, axis)
    if not np.all(np.isfinite(step) & (step > 0)):
        raise ValueError("quantize_tensor: scales must be positive and finite")
    if not np.isfinite(x.array).all():
        raise ValueError("quantize_tensor: the values must be finite; got nan or inf")
    limits = np.iinfo(target)
    q = np.rint(x.array / step) + _along(zero_point, x.ndim, axis)
    return wrap(np.clip(q, limits.min, limits.max).astype(target))


def dequantize_tensor(
    q: Tensor, scale: Any, zero_point: Any = 0, axis: int | None = None
) -> Tensor:
    """x ≈ (q - zero_point) · scale, as float32."""
    shifted = q.array.astype(np.float32) - np.asarray(_along(zero_point, q.ndim, axis), np.float32)
    return wrap(shifted * np.asarray(_along(scale, q.ndim, axis), np.float32))


def symmetric_scale(x: Tensor, axis: int = 0) -> Tensor:
    """The scale that maps the largest |x| of each slice along ``axis`` to 127."""
    others = tuple(d for d in range(x.ndim) if d != axis % x.ndim)
    peak = np.abs(x.array).max(axis=others, initial=0.0)
    return wrap(np.where(peak > 0, peak / 127, 1.0).astype(np.float32))


class QuantizedLinear(Module):
    """A Linear whose weight is int8, one scale per output: y = (x qᵀ) · scale + b.

    The integers are turned into floats for the product, layer by layer, as NumPy has no fast int8
    product: this saves memory, not time.

    Shape: x (..., in_features) -> (..., out_features)
    """

    def __init__(self, weight: Tensor, scale: Tensor, bias: Parameter | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.register_buffer("weight_int8", weight)
        self.register_buffer("scale", scale)
        self.weight_int8: Tensor
        self.scale: Tensor
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """The affine map with the stored integers."""
        weight = self.weight_int8.array.astype(x.dtype)
        rows = x.array.reshape(-1, self.in_features) @ weight.T
        rows *= self.scale.array
        if self.bias is not None:
            rows += self.bias.array
        return wrap(rows.reshape(*x.shape[:-1], self.out_features))

    def extra_repr(self) -> str:
        """The sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, int8"


class QuantizedEmbedding(Module):
    """An Embedding whose table is int8, one scale per row.

    Shape: x (...) of integers -> (..., embedding_dim)
    """

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = weight.shape
        self.register_buffer("weight_int8", weight)
        self.register_buffer("scale", scale)
        self.weight_int8: Tensor
        self.scale: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """The rows of x, as floats."""
        ids = x.array
        if ids.size and (ids.min() < 0 or ids.max() >= self.num_embeddings):
            raise IndexError(
                f"embedding: indices must lie in 0 to {self.num_embeddings - 1}, got "
                f"{ids.min()} to {ids.max()}"
            )
        rows = self.weight_int8.array[ids].astype(np.float32)
        return wrap(rows * self.scale.array[ids][..., None])

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.num_embeddings}, {self.embedding_dim}, int8"


def quantize(model: Module, scheme: str = "weight_only", bits: int = 8) -> Any:
    """A copy of the model whose Linear and Embedding weights are int8, one scale per row.

    The copy is for inference. The floats are gone from it; a weight that two layers share is still
    stored once. The model itself stays as it is.

    Raises:
        ValueError: there is nothing to quantize (left).

    >>> from tt_nn import Linear, Sequential
    >>> from tt_optimize import size_of
    >>> model = Sequential(Linear(256, 256))
    >>> size_of(quantize(model)) / size_of(model) < 0.27
    True
    """
    if scheme != "weight_only" or bits != 8:
        raise ValueError(
            f"quantize: supported is scheme='weight_only' with bits=8, got {scheme!r} and {bits}"
        )
    layers = _Quantizer()
    result = layers.replaced(copy.deepcopy(model).eval().requires_grad_(False))
    if not layers.count:
        raise ValueError(
            "quantize: found no Linear or Embedding to quantize; is the model quantized already?"
        )
    return result


class _Quantizer:
    """Replaces layers by int8 ones, wherever a model keeps them."""

    def __init__(self) -> None:
        self.count = 0
        self.stored: dict[int, tuple[Tensor, Tensor]] = {}  # a shared weight is stored once

    def replaced(self, value: Any) -> Any:
        """A layer as an int8 one; a module or container with its layers replaced inside."""
        if type(value) is Linear:
            self.count += 1
            return QuantizedLinear(*self.int8_of(value.weight), value.bias)
        if type(value) is Embedding:
            self.count += 1
            return QuantizedEmbedding(*self.int8_of(value.weight))
        if isinstance(value, Module):
            for name, inner in vars(value).items():
                value.__dict__[name] = self.replaced(inner)
        elif isinstance(value, list):
            value[:] = [self.replaced(inner) for inner in value]
        elif isinstance(value, dict):
            value.update({key: self.replaced(inner) for key, inner in value.items()})
        elif type(value) is tuple:
            value = tuple(self.replaced(inner) for inner in value)
        return value

    def int8_of(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The weight as int8 and the scale of each row."""
        if id(weight) not in self.stored:
            scale = symmetric_scale(weight, axis=0)
            self.stored[id(weight)] = (quantize_tensor(weight, scale, axis=0), scale)
        return self.stored[id(weight)]

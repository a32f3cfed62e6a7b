"""Layers whose weights are 4-bit integers or float16, and become floats when they are needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_nn import Module, Parameter, functional as F
from tt_tensor import Tensor
from tt_tensor.tensor import wrap

from ..half import half_to_float
from ..int4 import unpacked_floats
from .parts import checked_ids, linear_in_blocks

__all__ = [
    "HalfConv2d",
    "HalfEmbedding",
    "HalfLinear",
    "Int4Conv2d",
    "Int4Embedding",
    "Int4Linear",
    "PackedLayer",
]

Array = Any


class PackedLayer(Module):
    """A layer that keeps its weight in fewer bits than it computes with.

    Args:
        shape: of the weight, (out, ...).
        bias: float32 (out,), or None.
        settings: of a convolution: its stride, padding, dilation and groups.
    """

    bits: int

    def __init__(
        self, shape: tuple[int, ...], bias: Parameter | None = None, **settings: Any
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.bias = bias
        self.settings = settings

    def rows(self, index: Any, out: Array | None = None) -> Array:
        """Some rows of the weight as float32, each of them flat; in ``out`` if that helps."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """The weight's shape, and how it is held."""
        return f"weight {self.shape}, {self.bits} bits, bias={self.bias is not None}"


class Int4Weight(PackedLayer):
    """The weight as 4-bit integers.

    Buffers: weight_int4 (out, ⌈n/2⌉) uint8, two numbers a byte, n a row; scale (out, groups)
    float16.
    """

    bits = 4

    def __init__(
        self, stored: tuple[Tensor, Tensor], group_size: int, *args: Any, **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self.weight_int4: Tensor
        self.scale: Tensor
        self.register_buffer("weight_int4", stored[0])
        self.register_buffer("scale", stored[1])
        self.group_size = group_size

    def rows(self, index: Any, out: Array | None = None) -> Array:
        """Unpacked and scaled."""
        length = int(np.prod(self.shape[1:]))
        packed, scale = self.weight_int4.array[index], self.scale.array[index]
        return unpacked_floats(packed, scale, length, self.group_size)


class HalfWeight(PackedLayer):
    """The weight as float16: 11 bits of precision, from 6e-8 to 65,504.

    Buffer: weight_float16 (out, ...)
    """

    bits = 16

    def __init__(self, stored: Tensor, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.weight_float16: Tensor
        self.register_buffer("weight_float16", stored)

    def rows(self, index: Any, out: Array | None = None) -> Array:
        """As float32."""
        rows = self.weight_float16.array[index]
        kept = rows.ndim - len(self.shape) + 1  # the dims of the index
        return half_to_float(rows.reshape(*rows.shape[:kept], -1), out)


class _Linear(PackedLayer):
    def forward(self, x: Tensor) -> Tensor:
        """x Wᵀ + b, W made of what is stored."""
        if x.ndim == 0 or x.shape[-1] != self.shape[1]:
            raise ValueError(
                f"{type(self).__name__}: expected x of shape (..., {self.shape[1]}), got {x.shape}"
            )
        y = linear_in_blocks(x, self.rows, *self.shape)
        return y if self.bias is None else y + self.bias


class _Conv2d(PackedLayer):
    def forward(self, x: Tensor) -> Tensor:
        """The convolution with kernels made of what is stored."""
        kernels = self.rows(slice(None)).reshape(self.shape).astype(x.dtype, copy=False)
        return F.conv2d(x, wrap(kernels), self.bias, **self.settings)


class _Embedding(PackedLayer):
    def forward(self, x: Tensor | int) -> Tensor:
        """The rows of x, or of 0 to T - 1 for a length T."""
        return wrap(self.rows(checked_ids(x, self.shape[0])))


class Int4Linear(Int4Weight, _Linear):
    """A Linear with 4-bit weights. Shape: x (..., in_features) -> (..., out_features)."""


class Int4Conv2d(Int4Weight, _Conv2d):
    """A Conv2d with 4-bit kernels. Shape: x (N, C, H, W) -> (N, O, H', W')."""


class Int4Embedding(Int4Weight, _Embedding):
    """An Embedding with a 4-bit table. Shape: x (...) of integers -> (..., embedding_dim)."""


class HalfLinear(HalfWeight, _Linear):
    """A Linear with float16 weights. Shape: x (..., in_features) -> (..., out_features)."""


class HalfConv2d(HalfWeight, _Conv2d):
    """A Conv2d with float16 kernels. Shape: x (N, C, H, W) -> (N, O, H', W')."""


class HalfEmbedding(HalfWeight, _Embedding):
    """An Embedding with a float16 table. Shape: x (...) of integers -> (..., embedding_dim)."""

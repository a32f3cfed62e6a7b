"""Convolution with int8 kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tt_nn import Parameter, functional as F
from tt_tensor import Tensor
from tt_tensor.tensor import wrap

from ..integer import int8_conv2d
from .int8 import Int8Layer
from .parts import padding_sides

__all__ = ["QuantizedConv2d"]


class QuantizedConv2d(Int8Layer):
    """A Conv2d whose kernels are int8, one scale for each output channel.

    Dynamic, each image has a scale of its own. Static, the border is padded with the input's zero
    point, the integer that stands for 0.

    Stride, padding, dilation and groups are those of the Conv2d, in its own form.

    Shape: x (N, C, H, W) -> (N, O, H', W'), as Conv2d; without N if x has none
    """

    def __init__(
        self,
        weight: Tensor,
        scale: Tensor,
        bias: Parameter | None = None,
        zero_point: Tensor | None = None,
        *,
        stride: tuple[int, int] = (1, 1),
        padding: str | tuple[int, int] = (0, 0),
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
        **inputs: Any,
    ) -> None:
        super().__init__(weight, scale, bias, zero_point, **inputs)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def forward(self, x: Tensor) -> Tensor:
        """The kernels' answers at each pixel."""
        if self.scheme == "weight_only":
            scale = self.scale.array
            kernels = self.rows(slice(None)) * scale.reshape(-1, 1, 1, 1)
            return F.conv2d(
                x,
                wrap(kernels.astype(x.dtype, copy=False)),
                self.bias,
                self.stride,
                self.padding,
                self.dilation,
                self.groups,
            )
        y = self._with_integers(x if x.ndim == 4 else x.unsqueeze(0))
        y = y if self.bias is None else y + self.bias.reshape(-1, 1, 1)
        return y if x.ndim == 4 else y.squeeze(0)

    def _with_integers(self, x: Tensor) -> Tensor:
        q, step, zero = self.integers_of(x, (1, 2, 3))
        sides = padding_sides(self.padding, self.weight_int8.shape[2:], self.dilation)
        q = wrap(np.pad(q.array, [(0, 0), (0, 0), *sides], constant_values=zero))
        sums = self._convolved(q, self.weight_int8)
        under: Any = 0
        if self.zero_point is not None:  # what lies under each kernel, added up
            ones = np.ones((self.groups, *self.weight_int8.shape[1:]), np.int8)
            channels = self.weight_int8.shape[0] // self.groups
            under = np.repeat(self._convolved(q, wrap(ones)), channels, axis=1)
        terms = math.prod(self.weight_int8.shape[1:])
        exact = self.corrected(sums, zero, under, terms).astype(np.float32)
        exact *= step * self.scale.array.reshape(-1, 1, 1)
        return wrap(exact)

    def _convolved(self, q: Tensor, kernels: Tensor) -> Any:
        return int8_conv2d(q, kernels, self.stride, self.dilation, self.groups).array

    def extra_repr(self) -> str:
        """The sizes, and how it holds its weight."""
        out, per_group, *kernel = self.weight_int8.shape
        sizes = f"{per_group * self.groups}, {out}, kernel_size={tuple(kernel)}"
        return f"{sizes}, stride={self.stride}, {super().extra_repr()}"

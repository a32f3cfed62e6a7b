"""What int8 layers share: the stored integers, and integers made of their inputs."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from tt_nn import Module, Parameter
from tt_tensor import Tensor
from tt_tensor.ledger import last_write
from tt_tensor.tensor import wrap

from ..affine import quantize_tensor
from .parts import no_gradient, peaks

__all__ = ["Int8Layer"]

Array = Any


class Int8Layer(Module):
    """A layer whose weight is int8: weight ≈ (weight_int8 - zero_point) · scale, along dim 0.

    Its product is one of floats (weight-only: the integers become floats on the way) or one of
    integers, for which the input is rounded too: by its own peaks at each call (dynamic), or by a
    range that was measured beforehand (static).

    Buffers: weight_int8 (out, ...) int8; scale (out,) or () float32; zero_point of the
    same shape, int32, or None; if static, input_scale () float32 and input_zero_point () int32.

    Args:
        weight: int8 (out, ...).
        scale: float32, one for each row or one for all.
        bias: float32 (out,), or None.
        zero_point: int32, as scale; None for 0.
        input_range: the scale and zero point of static inputs.
        dynamic: round inputs by their own peaks.
    """

    def __init__(
        self,
        weight: Tensor,
        scale: Tensor,
        bias: Parameter | None = None,
        zero_point: Tensor | None = None,
        *,
        input_range: tuple[Tensor, Tensor] | None = None,
        dynamic: bool = False,
    ) -> None:
        super().__init__()
        self.weight_int8: Tensor
        self.scale: Tensor
        self.zero_point: Tensor | None
        self.input_scale: Tensor | None
        self.input_zero_point: Tensor | None
        self.row_sums: Tensor | None
        self.register_buffer("weight_int8", weight)
        self.register_buffer("scale", scale)
        self.register_buffer("zero_point", zero_point)
        measured = input_range or (None, None)
        self.register_buffer("input_scale", measured[0])
        self.register_buffer("input_zero_point", measured[1])
        sums = None if input_range is None else wrap(np.zeros(len(weight.array), np.int32))
        self.register_buffer("row_sums", sums, persistent=False)
        self._summed: tuple[Any, int] = (lambda: None, 0)  # of which weights, and as of when
        self.bias = bias
        self.dynamic = dynamic

    @property
    def scheme(self) -> str:
        """One of "weight_only", "dynamic" and "static"."""
        if self.input_scale is not None:
            return "static"
        return "dynamic" if self.dynamic else "weight_only"

    def rows(self, index: Any, out: Array | None = None) -> Array:
        """Some rows of weight_int8 - zero_point, as float32 and not scaled yet, in ``out``."""
        integers = self.weight_int8.array[index]
        out = np.empty(integers.shape, np.float32) if out is None else out
        np.copyto(out, integers)
        if self.zero_point is not None:
            zero = self.zero_point.array.astype(np.float32)
            zero = zero[index] if zero.ndim else zero
            out -= zero.reshape(zero.shape + (1,) * (out.ndim - zero.ndim))
        return out

    def integers_of(self, x: Tensor, axes: int | tuple[int, ...]) -> tuple[Tensor, Array, int]:
        """The input as int8, its scale and its zero point.

        Args:
            axes: what shares a scale if dynamic: a row of numbers, or an image.
        """
        no_gradient(type(self).__name__, x)
        if self.input_scale is not None and self.input_zero_point is not None:
            step, zero = self.input_scale.array, int(self.input_zero_point.array)
        else:
            # symmetric: a zero point for each row would cost more than the last bit is worth
            step, zero = (peaks(x.array, axes) / 127).astype(np.float32), 0
            step = np.where(step > 0, step, np.float32(1))  # what float32 rounds to 0 counts as 0
        return quantize_tensor(x, step, zero), step, zero

    def corrected(self, sums: Array, zero: int, input_sums: Array, terms: int) -> Array:
        """Σ (x - zx)(w - zw) from Σ x·w, by taking the three other terms of the product away.

        Σ (x - zx)(w - zw) = Σ x·w - zx Σ w - zw Σ x + terms · zx · zw

        Shape: sums (N, out, ...), input_sums (N, 1 or out, ...) if there is a zero point zw
        """
        if zero and self.row_sums is not None:
            row_sums = self._current_row_sums(self.row_sums.array)
            sums = sums - zero * _column(row_sums, sums.ndim - 1)
        if self.zero_point is not None:
            weights_zero = _column(self.zero_point.array, sums.ndim - 1)
            sums = sums - weights_zero * (input_sums - terms * zero)
        return sums

    def _current_row_sums(self, sums: Array) -> Array:
        """Σ w of each row: computed once, and anew in a copy or after other weights were loaded."""
        weight = self.weight_int8.array
        known, time = self._summed
        if known() is not weight or time != last_write(weight):
            np.sum(weight.reshape(len(sums), -1), axis=1, dtype=np.int32, out=sums)
            self._summed = (weakref.ref(weight), last_write(weight))
        return sums

    def extra_repr(self) -> str:
        """How it holds its weight."""
        return f"int8, {self.scheme}, bias={self.bias is not None}"


def _column(values: Array, ndim: int) -> Array:
    """One number for each row (or one for all), to go along all its other dims."""
    return values.reshape(-1, *(1,) * (ndim - 1))

"""Transforms of the values: pictures become tensors from 0 to 1, tensors get mean 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tt_tensor import Tensor, from_numpy, uint8

from .image import Array

__all__ = ["Normalize", "ToTensor", "from_0_to_1"]


class ToTensor:
    """A picture (H, W, C) or (H, W) of bytes becomes a float32 tensor (C, H, W) from 0 to 1.

    Bytes (uint8) are divided by 255; an array of another dtype only changes its layout. A picture
    may be an array, or anything NumPy reads as one, such as Pillow's images. A tensor has its
    channels first already: of bytes, it is divided by 255, otherwise it stays as it is. So the
    images of tt_data's datasets, float32 tensors from 0 to 1, pass through.

    Raises:
        TypeError: if NumPy sees no picture in it.
        ValueError: if an array has not two or three dims.

    >>> ToTensor()(np.array([[0, 51], [102, 255]], np.uint8))
    tensor([[[0.0000, 0.2000],
             [0.4000, 1.0000]]])
    """

    takes_batches = True

    def __call__(self, pic: Any) -> Tensor:
        if isinstance(pic, Tensor):
            return from_numpy(from_0_to_1(pic.numpy())) if pic.dtype == uint8 else pic
        is_picture = isinstance(pic, np.ndarray) or hasattr(pic, "__array_interface__")
        if not is_picture or np.asarray(pic).dtype.kind not in "biuf":
            raise TypeError(
                f"ToTensor: expected an array of numbers or a picture, got {type(pic).__name__}"
            )
        array = np.asarray(pic)
        if array.ndim not in (2, 3):
            raise ValueError(f"ToTensor: expected a picture (H, W) or (H, W, C); got {array.shape}")
        layers = np.ascontiguousarray(np.atleast_3d(array).transpose(2, 0, 1))
        if layers.dtype == np.uint8:
            return from_numpy(from_0_to_1(layers))
        return from_numpy(layers if layers.base is None else layers.copy())

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize:
    """(x - mean) / std, channel by channel.

    Shape: x (..., C, H, W), float -> the same

    Args:
        mean: one number for each channel, or one for all.
        std: likewise, none of them 0.
        inplace: change the tensor itself.

    Raises:
        ValueError: if a std is 0, or the numbers do not fit the channels.
        TypeError: if x is not a tensor of floats.

    >>> from tt_tensor import tensor
    >>> Normalize([0.5], [0.25])(tensor([[[0.5, 1.0]]]))
    tensor([[[0., 2.]]])
    """

    takes_batches = True

    def __init__(
        self,
        mean: float | Sequence[float],
        std: float | Sequence[float],
        inplace: bool = False,
    ) -> None:
        self.mean = mean
        self.std = std
        self.inplace = inplace
        if not np.all(np.asarray(std)):
            raise ValueError(f"Normalize: expected a std other than 0, got {std}")

    def __call__(self, tensor: Tensor) -> Tensor:
        if not isinstance(tensor, Tensor) or tensor.dtype.name not in FLOATS:
            got = f"one of {tensor.dtype.name}" if isinstance(tensor, Tensor) else type(tensor)
            raise TypeError(
                f"Normalize: expected a tensor of floats, got {got}. Use ToTensor first"
            )
        if tensor.ndim < 3:
            raise ValueError(f"Normalize: expected a tensor (..., C, H, W); got {tensor.shape}")
        mean, std = (self._column(value, tensor) for value in (self.mean, self.std))
        out = tensor.numpy() if self.inplace else tensor.numpy().copy()
        out -= mean
        out /= std
        return tensor if self.inplace else from_numpy(out)

    def _column(self, value: float | Sequence[float], tensor: Tensor) -> Array:
        """The numbers as (C, 1, 1), in the tensor's dtype."""
        column = np.asarray(value, tensor.numpy().dtype).reshape(-1, 1, 1)
        if len(column) not in (1, tensor.shape[-3]):
            raise ValueError(
                f"Normalize: expected 1 number or as many as x has channels, "
                f"{tensor.shape[-3]}; got {value}"
            )
        return column

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


FLOATS = ("float16", "float32", "float64")


def from_0_to_1(pixels: Array, white: int = 255) -> Array:
    """Pixels from 0 to `white` as float32 from 0 to 1."""
    return np.true_divide(pixels, np.float32(white), dtype=np.float32)

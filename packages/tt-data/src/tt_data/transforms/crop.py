"""Transforms that cut out a part of an image, or put a border around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tt_tensor.random import numpy_generator

from ..randomness import current_generator
from .image import Array, ImageTransform, pair

__all__ = ["CenterCrop", "Pad", "RandomCrop"]

MODES = ("constant", "edge", "reflect", "symmetric")


class Pad(ImageTransform):
    """A border around the image.

    Shape: (..., C, H, W) -> (..., C, top + H + bottom, left + W + right)

    Args:
        padding: how wide: one int for all sides, two for (left and right, top and bottom), or four
            for (left, top, right, bottom).
        fill: the value of a constant border.
        padding_mode: "constant"; "edge" repeats the outermost pixel; "reflect" mirrors the image
            without that pixel, "symmetric" with it.

    >>> Pad(1)(np.array([[5]])).tolist()
    [[0, 0, 0], [0, 5, 0], [0, 0, 0]]
    """

    def __init__(
        self, padding: int | Sequence[int], fill: float = 0, padding_mode: str = "constant"
    ) -> None:
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode
        self.sides = four_sides(padding)
        if padding_mode not in MODES:
            raise ValueError(
                f"padding_mode: expected one of {', '.join(MODES)}; got {padding_mode!r}"
            )

    def apply(self, images: Array) -> Array:
        return bordered(images, self.sides, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"Pad(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class CenterCrop(ImageTransform):
    """The middle of the image; a smaller image gets a border of 0 first.

    Shape: (..., C, H, W) -> (..., C, *size)

    >>> CenterCrop(1)(np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])).tolist()
    [[5]]
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = pair(size, "CenterCrop: size")

    def apply(self, images: Array) -> Array:
        (height, width), (rows, columns) = self.size, images.shape[-2:]
        above, left = max(height - rows, 0) // 2, max(width - columns, 0) // 2
        below, right = max(height - rows, 0) - above, max(width - columns, 0) - left
        images = bordered(images, (left, above, right, below))
        top = round((images.shape[-2] - height) / 2)
        start = round((images.shape[-1] - width) / 2)
        return images[..., top : top + height, start : start + width].copy()

    def __repr__(self) -> str:
        return f"CenterCrop(size={self.size})"


class RandomCrop(ImageTransform):
    """A part of the image, wherever it falls: the classic augmentation by shifts.

    `RandomCrop(32, padding=4)` moves a 32x32 image by up to 4 pixels each way. Each image of a
    batch falls elsewhere.

    Shape: (..., C, H, W) -> (..., C, *size)

    Args:
        size: height and width of the part; one int means both.
        padding: how wide a border is put around first, as `Pad` takes it.
        pad_if_needed: a border also where the image is smaller than the part.
        fill: what a constant border is filled with.
        padding_mode: what the border shows, as `Pad` takes it.

    Raises:
        ValueError: if the part is larger than the image with its border.

    >>> RandomCrop(3, padding=1)(np.ones((3, 3))).shape
    (3, 3)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: float = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = pair(size, "RandomCrop: size")
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.border = Pad(0 if padding is None else padding, fill, padding_mode)

    def apply(self, images: Array) -> Array:
        images = self._with_border(images)
        (B, C, H, W), (h, w) = images.shape, self.size
        if h > H or w > W:
            raise ValueError(
                f"RandomCrop: expected an image, with its border, of at least {self.size}; got "
                f"{(H, W)}. Give a padding, or pad_if_needed=True"
            )
        if (h, w) == (H, W):
            return images
        random = numpy_generator(current_generator())
        tops = random.integers(0, H - h + 1, B).tolist()
        lefts = random.integers(0, W - w + 1, B).tolist()
        out = np.empty((B, C, h, w), images.dtype)
        for image, top, left, into in zip(images, tops, lefts, out, strict=True):
            into[...] = image[:, top : top + h, left : left + w]
        return out

    def _with_border(self, images: Array) -> Array:
        images = self.border.apply(images)
        if self.pad_if_needed:
            high, wide = (max(self.size[i] - images.shape[2 + i], 0) for i in (0, 1))
            border = self.border
            images = bordered(images, (wide, high, wide, high), border.fill, border.padding_mode)
        return images

    def __repr__(self) -> str:
        return f"RandomCrop(size={self.size}, padding={self.padding})"


def four_sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom.

    >>> four_sides(2), four_sides((1, 2)), four_sides((1, 2, 3, 4))
    ((2, 2, 2, 2), (1, 2, 1, 2), (1, 2, 3, 4))
    """
    given: Any = (padding,) if isinstance(padding, int) else tuple(padding)
    if len(given) not in (1, 2, 4) or any(not isinstance(n, int) or n < 0 for n in given):
        raise ValueError(
            f"padding: expected ints of at least 0: one, two (x, y) or four (left, top, right, "
            f"bottom); got {padding!r}"
        )
    left, top, right, bottom = given * (4 // len(given))
    return left, top, right, bottom


def bordered(
    images: Array, sides: tuple[int, int, int, int], fill: float = 0, mode: str = "constant"
) -> Array:
    """The images with a border; the very same array if it has no width.

    A constant border is written by hand: np.pad takes three times as long.
    """
    left, top, right, bottom = sides
    if not any(sides):
        return images
    if mode != "constant":
        widths = ((0, 0), (0, 0), (top, bottom), (left, right))
        return np.pad(images, widths, mode=mode)  # type: ignore[call-overload, no-any-return]
    B, C, H, W = images.shape
    out = np.full((B, C, top + H + bottom, left + W + right), fill, images.dtype)
    out[:, :, top : top + H, left : left + W] = images
    return out

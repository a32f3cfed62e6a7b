"""The transform that turns an image by a random angle."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from tt_tensor.random import numpy_generator

from ..randomness import current_generator
from .crop import bordered
from .image import Array, ImageTransform

__all__ = ["InterpolationMode", "RandomRotation", "rotated"]


class InterpolationMode(StrEnum):
    """How a value between pixels is found: the nearest one, or a mean of the four around."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"


class RandomRotation(ImageTransform):
    """Turn the image counter-clockwise by an angle drawn evenly, for each of a batch by itself.

    Shape: (..., C, H, W) -> the same

    Args:
        degrees: the range of angles (lowest, highest); one number d means (-d, d).
        interpolation: "nearest" or "bilinear".
        center: the point that stays, (x, y) from the upper left corner; by default the middle.
        fill: what comes in from outside.

    There is no `expand`: the images of a batch keep one size. Use `Pad` before, if corners matter.

    Raises:
        ValueError: if the range or the interpolation is none.

    >>> RandomRotation((90, 90))(np.array([[1, 2], [3, 4]])).tolist()
    [[2, 4], [1, 3]]
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: InterpolationMode | str = InterpolationMode.NEAREST,
        *,
        center: Sequence[float] | None = None,
        fill: float = 0,
    ) -> None:
        if isinstance(degrees, (int, float)):
            if degrees < 0:
                raise ValueError(
                    f"RandomRotation: expected degrees of at least 0, or a range; got {degrees}"
                )
            degrees = (-degrees, degrees)
        if len(degrees) != 2 or degrees[0] > degrees[1]:
            raise ValueError(
                f"RandomRotation: expected a range of degrees (lowest, highest); got {degrees}"
            )
        self.degrees = (float(degrees[0]), float(degrees[1]))
        self.interpolation = InterpolationMode(interpolation)
        self.center = center
        self.fill = fill

    def apply(self, images: Array) -> Array:
        random = numpy_generator(current_generator())
        angles = random.uniform(*self.degrees, len(images))
        return rotated(images, angles, self.interpolation, self.center, self.fill)

    def __repr__(self) -> str:
        return f"RandomRotation(degrees={self.degrees}, interpolation={self.interpolation})"


def rotated(
    images: Array,
    angles: Array,
    interpolation: str = InterpolationMode.NEAREST,
    center: Sequence[float] | None = None,
    fill: float = 0,
) -> Array:
    """Images (B, C, H, W), each turned counter-clockwise by its angle (B,) in degrees.

    Every pixel of the result asks where it comes from: turned back by the angle a around the
    center, with y pointing down, it is at x' = x cos a - y sin a, y' = x sin a + y cos a.
    """
    _, _, H, W = images.shape
    cx, cy = ((W - 1) / 2, (H - 1) / 2) if center is None else (center[0] - 0.5, center[1] - 0.5)
    y, x = np.mgrid[0:H, 0:W] - np.array([cy, cx]).reshape(2, 1, 1)
    a = np.deg2rad(angles).reshape(-1, 1, 1)
    xs = x * np.cos(a) - y * np.sin(a) + cx  # (B, H, W)
    ys = x * np.sin(a) + y * np.cos(a) + cy
    if interpolation == InterpolationMode.NEAREST:
        return picked(images, np.rint(ys), np.rint(xs), fill)
    top, left = np.floor(ys), np.floor(xs)
    down, right = ((ys - top)[:, None], (xs - left)[:, None])  # how far beyond, (B, 1, H, W)
    blend: Array = (
        picked(images, top, left, fill) * ((1 - down) * (1 - right))
        + picked(images, top, left + 1, fill) * ((1 - down) * right)
        + picked(images, top + 1, left, fill) * (down * (1 - right))
        + picked(images, top + 1, left + 1, fill) * (down * right)
    )
    if images.dtype.kind in "iu":
        blend = np.rint(blend)
    return blend.astype(images.dtype, copy=False)


def picked(images: Array, rows: Array, columns: Array, fill: float) -> Array:
    """The pixels of images (B, C, H, W) at whole rows and columns (B, h, w); `fill` outside."""
    (B, C, H, W), (_, h, w) = images.shape, rows.shape
    framed = bordered(images, (1, 1, 1, 1), fill).reshape(B, C, (H + 2) * (W + 2))
    places = np.clip(rows, -1, H) * (W + 2) + np.clip(columns, -1, W) + (W + 3)
    flat = places.astype(np.intp).reshape(B, 1, h * w)
    found: Array = np.take_along_axis(framed, flat, axis=2).reshape(B, C, h, w)
    return found

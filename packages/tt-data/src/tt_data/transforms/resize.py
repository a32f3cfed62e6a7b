"""The transform that makes an image larger or smaller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .image import Array, ImageTransform, pair

__all__ = ["Resize", "resampling"]


class Resize(ImageTransform):
    """The image at another size, by linear interpolation; made smaller, it is averaged first.

    Shape: (..., C, H, W) -> (..., C, H', W')

    Args:
        size: (H', W'); one int is the shorter side, and the other keeps the proportion.

    >>> Resize((1, 2))(np.array([[0.0, 0.0, 2.0, 2.0]])).tolist()
    [[0.2857142857142857, 1.7142857142857142]]
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = size
        pair(size, "Resize: size")

    def apply(self, images: Array) -> Array:
        H, W = images.shape[-2:]
        if isinstance(self.size, int) or len(self.size) == 1:
            shorter = self.size if isinstance(self.size, int) else self.size[0]
            height, width = shorter * H // min(H, W), shorter * W // min(H, W)
        else:
            height, width = self.size
        if (height, width) == (H, W):
            return images
        out = resampling(H, height) @ images @ resampling(W, width).T
        if images.dtype.kind in "iu":
            out = np.rint(out)
        return out.astype(images.dtype)

    def __repr__(self) -> str:
        return f"Resize(size={self.size})"


def resampling(before: int, after: int) -> Array:
    """The matrix (after, before) that resamples a row of pixels.

    Pixel i of the result lies at c = (i + ½) · s, s = before / after, in the source. The weight of
    source pixel j falls linearly with its distance from there, 1 - |j + ½ - c| / max(s, 1), to 0;
    weights sum to 1. With s > 1 the triangle is wider, which averages what falls into one pixel.

    >>> resampling(2, 2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    scale = before / after
    centers = (np.arange(after) + 0.5)[:, None] * scale
    distance = np.abs(np.arange(before) + 0.5 - centers) / max(scale, 1.0)
    weights = np.maximum(1.0 - distance, 0.0)
    normalized: Array = weights / weights.sum(axis=1, keepdims=True)
    return normalized

"""Transforms that mirror an image now and then."""

from __future__ import annotations

from tt_tensor.random import numpy_generator

from ..randomness import current_generator
from .image import Array, ImageTransform

__all__ = ["RandomHorizontalFlip", "RandomVerticalFlip"]


class RandomFlip(ImageTransform):
    """Mirror with probability p; each image of a batch is decided by itself."""

    axis: int

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: expected a probability p, 0 to 1; got {p}")
        self.p = p

    def apply(self, images: Array) -> Array:
        turned = numpy_generator(current_generator()).random(len(images)) < self.p
        if not turned.any():
            return images
        out = images.copy()
        for number in turned.nonzero()[0]:
            image = images[number]
            out[number] = image[..., ::-1] if self.axis == -1 else image[..., ::-1, :]
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(RandomFlip):
    """Left and right change places with probability p, for each image of a batch by itself.

    Shape: (..., C, H, W) -> the same

    >>> import numpy as np
    >>> RandomHorizontalFlip(p=1)(np.array([[1, 2, 3]])).tolist()
    [[3, 2, 1]]
    """

    axis = -1


class RandomVerticalFlip(RandomFlip):
    """Top and bottom change places with probability p, for each image of a batch by itself.

    Shape: (..., C, H, W) -> the same

    >>> import numpy as np
    >>> RandomVerticalFlip(p=1)(np.array([[1], [2]])).tolist()
    [[2], [1]]
    """

    axis = -2

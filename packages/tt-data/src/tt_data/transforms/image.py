"""What an image is to a transform: which layouts it takes, and how all become one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tt_tensor import Tensor, from_numpy

__all__ = ["Array", "ImageTransform", "on_images", "pair"]

Array = npt.NDArray[Any]


class ImageTransform:
    """A transform of pictures: write `apply`, which gets a batch (B, C, H, W) and returns one.

    Called with a tensor (..., C, H, W), one (H, W), or an array (H, W) or (H, W, C), it returns the
    same kind. What it draws at random it draws for each image of a batch by itself.
    """

    takes_batches = True  # a whole batch at once may be handed to it

    def __call__(self, image: Any) -> Any:
        return on_images(self.apply, image, type(self).__name__)

    def apply(self, images: Array) -> Array:
        """The transformed images, (B, C, H, W) -> (B, C, H', W')."""
        raise NotImplementedError(f"{type(self).__name__} needs a method apply(self, images)")


def on_images(function: Callable[[Array], Array], image: Any, name: str) -> Any:
    """Apply a function of (B, C, H, W) to an image, or images, in any layout.

    A Tensor has its channels before height and width, with any dims before those; an array has
    them last, as NumPy's friends keep pictures, or has none.

    Raises:
        TypeError: if it is neither a Tensor nor an array.
        ValueError: if it has another number of dims.

    >>> flipped = on_images(lambda images: images[..., ::-1], np.array([[1, 2, 3]]), "flip")
    >>> flipped.tolist()
    [[3, 2, 1]]
    """
    if isinstance(image, Tensor):
        array = image.numpy()
        if array.ndim < 2:
            raise ValueError(
                f"{name}: expected a tensor (..., C, H, W) or (H, W); got {array.shape}"
            )
        shape = (1,) * (3 - array.ndim) + array.shape[-3:]  # (C, H, W)
        count = math.prod(array.shape[:-3])
        batch = array.reshape(count, *shape)
        done = function(batch)
        if done is batch:
            return image
        return from_numpy(np.ascontiguousarray(done.reshape(*array.shape[:-2], *done.shape[-2:])))
    if not isinstance(image, np.ndarray):
        raise TypeError(
            f"{name}: expected a Tensor (..., C, H, W) or an array (H, W, C); got "
            f"{type(image).__name__}. Begin with ToTensor()"
        )
    if image.ndim not in (2, 3):
        raise ValueError(
            f"{name}: expected an array (H, W) or (H, W, C); got {image.shape}. Arrays have their "
            "channels last; make a batch a Tensor (B, C, H, W)"
        )
    channels = image[..., None] if image.ndim == 2 else image
    done = function(channels.transpose(2, 0, 1)[None])[0].transpose(1, 2, 0)
    return np.ascontiguousarray(done[..., 0] if image.ndim == 2 else done)


def pair(value: int | Sequence[int], name: str) -> tuple[int, int]:
    """Height and width: one int means both.

    >>> pair(3, "size"), pair((2, 4), "size")
    ((3, 3), (2, 4))
    """
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) == 1:
        both = (both[0], both[0])
    if len(both) != 2 or any(not isinstance(side, int) or side < 1 for side in both):
        raise ValueError(f"{name}: expected an int of at least 1, or two (H, W); got {value!r}")
    return both

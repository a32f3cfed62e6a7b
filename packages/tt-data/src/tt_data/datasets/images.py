"""What datasets of labelled images have in common: their items, and how they become batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tt_tensor import Tensor, from_numpy, int64, tensor

from ..dataset import Dataset, position
from ..transforms.image import Array
from ..transforms.values import from_0_to_1

__all__ = ["ImageDataset", "check_labels"]


class ImageDataset(Dataset[tuple[Any, Any]]):
    """Items `(image, label)`: a float32 tensor (C, H, W) from 0 to 1, and an int.

    That is what a transform is given, too: `ToTensor`, which programs for torchvision begin with,
    lets it pass, for torchvision's pictures are Pillow's and ours are tensors from the start.

    For a dataset of your own, set `data`, `targets` and `classes` in a subclass.

    Attributes:
        data: the pixels as they are in the source, uint8 (N, H, W) or (N, H, W, C).
        targets: the labels, a tensor or a list.
        classes: what each label means.
    """

    classes: ClassVar[list[str]] = []
    white: ClassVar[int] = 255  # the pixel that becomes 1
    data: Any
    targets: Any

    def __init__(
        self,
        root: str | Path | None = None,
        train: bool = True,
        transform: Callable[[Tensor], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
    ) -> None:
        self.root = root
        self.train = train
        self.transform = transform
        self.target_transform = target_transform

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class."""
        return {name: label for label, name in enumerate(self.classes)}

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        index = position(index, len(self), type(self).__name__)
        image: Any = self._images([index])[0]
        label: Any = int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def __len__(self) -> int:
        return len(self.data)

    def tensors(self) -> tuple[Tensor, Tensor]:
        """All images (N, C, H, W), float32 from 0 to 1, and labels (N,), without transforms.

        Four bytes a pixel: 188 MB for the training images of MNIST, 614 MB for those of CIFAR-10.
        """
        return self._images(slice(None)), self._labels(range(len(self)))

    def gathers(self) -> bool:
        """Whether `gather` may be used: its transforms take whole batches."""
        takes_batches = self.transform is None or getattr(self.transform, "takes_batches", False)
        return takes_batches and self.target_transform is None

    def gather(self, indices: Sequence[int]) -> list[Any]:
        """The batch of these items, `[images, labels]`, transformed all at once.

        Without random transforms, it equals `default_collate([self[i] for i in indices])`.
        """
        places = [position(index, len(self), type(self).__name__) for index in indices]
        images: Any = self._images(places)
        return [
            images if self.transform is None else self.transform(images),
            self._labels(places),
        ]

    def _channels_first(self) -> Array:
        """The pixels as (N, C, H, W), sharing their memory."""
        pixels = np.asarray(self.data)
        return pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)

    def _images(self, places: Any) -> Tensor:
        """The images at these places, float32 from 0 to 1."""
        pixels = np.ascontiguousarray(self._channels_first()[places])
        return from_numpy(from_0_to_1(pixels, self.white))

    def _labels(self, places: Sequence[int]) -> Tensor:
        """The labels at these places."""
        if isinstance(self.targets, Tensor):
            return self.targets[list(places)]
        return tensor([self.targets[place] for place in places], dtype=int64)


def check_labels(labels: Array, images: int, classes: int, name: str) -> None:
    """Raise a ValueError unless there are as many labels as images, each below `classes`."""
    if len(labels) != images:
        raise ValueError(
            f"{name}: expected as many labels as images, {images:,}; got {len(labels):,}"
        )
    if images == 0:
        raise ValueError(f"{name}: expected at least one image, got none")
    wrong = np.flatnonzero(labels >= classes)
    if len(wrong):
        raise ValueError(
            f"{name}: expected labels from 0 to {classes - 1}; got {labels[wrong[0]]} for item "
            f"{wrong[0]}, and {len(wrong):,} such labels in all"
        )

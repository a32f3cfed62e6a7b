"""Digits: 1,797 handwritten digits of 8x8 pixels, which come with the package."""

from __future__ import annotations

import io
from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tt_tensor import Tensor, from_numpy

from .images import ImageDataset

__all__ = ["Digits", "digits", "load_arrays"]

SHA256 = "2a44bd3e0e8d5621b1949aaf55544f1939f3f945ba3e7a995e40e03fece852e6"
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Digits(ImageDataset):
    """Handwritten digits: items `(image, label)`, as torchvision's MNIST has them, but smaller.

    An image is a float32 tensor (1, 8, 8) from 0 (paper) to 1 (ink): the source's number of inked
    pixels in a block, 0 to 16, divided by 16. A label is an int from 0 to 9.

    The split never changes: 36 images of each digit, 360 in all, are for testing, the other 1,437
    for training. They are chosen so: among the images of one digit, sort their places in the source
    (0 to 1796) by the SHA-256 of the text "tinytorch digits <place>" and take the first 36. Both
    parts keep the source's order. The same 13 people wrote both; see NOTICE-digits.txt for this and
    for authors and licence (E. Alpaydin and C. Kaynak 1998, CC BY 4.0).

    Args:
        root: accepted, so that programs for other datasets run; nothing is read from there.
        train: the training images, or else those for testing.
        transform: applied to the image of an item.
        target_transform: applied to the label of an item.
        download: accepted as well; there is nothing to download.

    Attributes:
        data: the pixels as they are, uint8 (N, 8, 8), 0 to 16.
        targets: the labels, int64 (N,).
        classes: what each label means.

    >>> train, test = Digits(train=True), Digits(train=False)
    >>> len(train), len(test)
    (1437, 360)
    >>> image, label = test[0]
    >>> image.shape, label, test.classes[label]
    ((1, 8, 8), 0, '0 - zero')
    """

    classes: ClassVar[list[str]] = [f"{label} - {name}" for label, name in enumerate(NAMES)]
    white: ClassVar[int] = 16

    def __init__(
        self,
        root: str | Path | None = None,
        train: bool = True,
        transform: Callable[[Tensor], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = True,
    ) -> None:
        super().__init__(root, train, transform, target_transform)
        source = files(__package__).joinpath("digits.npz")
        images, labels, test = load_arrays(source.read_bytes(), str(source))
        chosen = np.ones(len(labels), bool)
        chosen[test] = False
        chosen = chosen if train else ~chosen
        self.data = from_numpy(images[chosen])
        self.targets = from_numpy(labels[chosen])


def digits(
    train: bool = True,
    transform: Callable[[Tensor], Any] | None = None,
    target_transform: Callable[[int], Any] | None = None,
) -> Digits:
    """The handwritten digits that come with the package: see `Digits`.

    >>> images, labels = digits(train=False).tensors()
    >>> images.shape, labels.shape
    ((360, 1, 8, 8), (360,))
    """
    return Digits(train=train, transform=transform, target_transform=target_transform)


def load_arrays(content: bytes, name: str) -> tuple[Any, Any, Any]:
    """The arrays of digits.npz: images (1797, 8, 8), labels (1797,), places for testing (360,).

    The bytes are compared by their hash before anything reads them: whatever is wrong with the
    file, there is one error, and no code of a stranger's file is ever run.

    Raises:
        ValueError: if these are not the bytes of that file.
    """
    if (got := sha256(content).hexdigest()) != SHA256:
        raise ValueError(
            f"{name}: expected the digits that come with tt-data, sha256 {SHA256}; got "
            f"{len(content):,} bytes with sha256 {got}. The file is damaged: install tt-data "
            "again, or in a clone of the repository run packages/tt-data/digits/build.py"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"], arrays["test"]

"""MNIST and Fashion-MNIST: 70,000 images of 28x28 grey pixels each, downloaded or found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tt_tensor import Tensor, from_numpy

from ..download import fetch
from ..transforms.image import Array
from .files import KnownFile, check_hash, find, folder_of, read_bytes
from .idx import parse_idx
from .images import ImageDataset, check_labels

__all__ = ["MNIST", "FashionMNIST"]


class MNIST(ImageDataset):
    """70,000 handwritten digits: items `(image, label)`, 60,000 for training, 10,000 for testing.

    An image is a float32 tensor (1, 28, 28) from 0 (paper) to 1 (ink), a label an int from 0 to 9.

    Files that are there already are read, packed with gzip or not: torchvision's, `root/MNIST/raw/
    train-images-idx3-ubyte` and so on, or the same names in `root` itself or in `root/mnist`. What
    is missing is downloaded to torchvision's places.

    Args:
        root: the folder of the files; by default the cache folder: $TT_DATA_DIR, if it is set.
        train: the training images, or else those for testing.
        transform: applied to the image of an item.
        target_transform: applied to the label of an item.
        download: fetch files that are not there.

    Attributes:
        data: the pixels as they are, uint8 (N, 28, 28), 0 to 255.
        targets: the labels, int64 (N,).
        classes: what each label means.

    Raises:
        FileNotFoundError, ConnectionError: if a file is not there: it says which to put where.
        ValueError: if a file is damaged, images and labels do not belong together, or a label is
            out of range; in the cache folder, if its bytes are not the published ones. In a `root`
            of your own, such bytes are read with a warning.

    Y. LeCun, C. Cortes and C. Burges 1998, "The MNIST database of handwritten digits".
    """

    classes: ClassVar[list[str]] = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four",
        "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip
    folder: ClassVar[str] = "MNIST/raw"  # where torchvision keeps the files
    folders: ClassVar[tuple[str, ...]] = ("MNIST/raw", "MNIST", "mnist")
    system: ClassVar[str | None] = None  # where a Linux distribution installs them
    mirrors: ClassVar[tuple[str, ...]] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",  # torchvision's
        "https://storage.googleapis.com/cvdf-datasets/mnist/",  # Common Visual Data Foundation's
    )
    files: ClassVar[dict[str, KnownFile]] = {
        file.name: file
        for file in (
            KnownFile(
                "train-images-idx3-ubyte",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                47_040_016,
            ),
            KnownFile(
                "train-labels-idx1-ubyte",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                60_008,
            ),
            KnownFile(
                "t10k-images-idx3-ubyte",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                7_840_016,
            ),
            KnownFile(
                "t10k-labels-idx1-ubyte",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                10_008,
            ),
        )
    }

    def __init__(
        self,
        root: str | Path | None = None,
        train: bool = True,
        transform: Callable[[Tensor], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = True,
    ) -> None:
        super().__init__(root, train, transform, target_transform)
        part = "train" if train else "t10k"
        images, where = self._read(f"{part}-images-idx3-ubyte", 3, download)
        labels, _ = self._read(f"{part}-labels-idx1-ubyte", 1, download)
        check_labels(labels, len(images), len(self.classes), str(where.parent))
        self.data = from_numpy(images)
        self.targets = from_numpy(labels.astype(np.int64))

    def _read(self, name: str, dims: int, download: bool) -> tuple[Array, Path]:
        """The array in the file of this name, and where it was found, or put."""
        known, base = self.files[name], folder_of(self.root)
        own = self.root is not None
        folders = [base / folder for folder in self.folders] + ([base] if own else [])
        path = find(folders, name)
        if path is None and self.system is not None:
            path, own = find([Path(self.system)], name), False
        if path is None:
            path = fetch(
                f"{self.folder}/{name}",
                [f"{mirror}{name}.gz" for mirror in self.mirrors],
                known.hash,
                size=known.size,
                folder=base,
                download=download,
            )
        content = read_bytes(path)
        check_hash(path, content, known, own)
        return parse_idx(content, dims, str(path)), path


class FashionMNIST(MNIST):
    """70,000 pictures of clothes, as large as MNIST's and harder to tell apart.

    All is as in `MNIST`, with `FashionMNIST/raw` in place of `MNIST/raw`. The files of Debian's
    package `dataset-fashion-mnist` are found where it installs them.

    H. Xiao, K. Rasul and R. Vollgraf 2017, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
    Machine Learning Algorithms". MIT licence.
    """

    classes: ClassVar[list[str]] = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip
    folder: ClassVar[str] = "FashionMNIST/raw"
    folders: ClassVar[tuple[str, ...]] = ("FashionMNIST/raw", "FashionMNIST", "fashion-mnist")
    system: ClassVar[str | None] = "/usr/share/datasets/fashion-mnist"
    mirrors: ClassVar[tuple[str, ...]] = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",  # the authors'
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    )
    files: ClassVar[dict[str, KnownFile]] = {
        file.name: file
        for file in (
            KnownFile(
                "train-images-idx3-ubyte",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                47_040_016,
            ),
            KnownFile(
                "train-labels-idx1-ubyte",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                60_008,
            ),
            KnownFile(
                "t10k-images-idx3-ubyte",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                7_840_016,
            ),
            KnownFile(
                "t10k-labels-idx1-ubyte",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                10_008,
            ),
        )
    }

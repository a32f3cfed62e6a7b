"""CIFAR-10: 60,000 colour images of 32x32 pixels, downloaded or found, in the binary version."""

from __future__ import annotations

import os
import tempfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from tt_tensor import Tensor

from ..download import fetch
from ..transforms.image import Array
from .files import KnownFile, check_hash, find, folder_of, read_bytes
from .images import ImageDataset, check_labels

__all__ = ["CIFAR10"]

FOLDER = "cifar-10-batches-bin"
ARCHIVE = KnownFile(
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170_052_171,
)
URLS = (
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",  # the author's
    "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
    "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz",
)
# Only the archive has a published SHA-256. These SHA-1s are in Apache MXNet's source; they serve to
# recognise files that lie there already, never to trust what comes from the network.
TRAIN = tuple(
    KnownFile(f"data_batch_{number}.bin", sha1, 30_730_000, "sha1")
    for number, sha1 in enumerate(
        (
            "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
            "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
            "1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
            "aab85764eb3584312d3c7f65fd2fd016e36a258e",
            "26e2849e66a845b7f1e4614ae70f4889ae604628",
        ),
        start=1,
    )
)
TEST = (
    KnownFile("test_batch.bin", "67eb016db431130d61cd03c7ad570b013799c88c", 30_730_000, "sha1"),
)
RECORD = 1 + 3 * 32 * 32  # bytes: a label, then the red, the green and the blue pixels


class CIFAR10(ImageDataset):
    """60,000 small photographs of ten kinds of things: items `(image, label)`, 50,000 for training.

    An image is a float32 tensor (3, 32, 32), red, green and blue, from 0 to 1; a label is an int
    from 0 to 9.

    The binary version is read, and never the Python version, whose files are pickles: loading one
    runs whatever code is in it. Files that are there already, packed with gzip or not, are read
    from `root/cifar-10-batches-bin`, `root/cifar10` or `root` itself. If there are some training
    batches but not all five, those are read, with a warning. If there are none, the archive
    `root/cifar-10-binary.tar.gz` is unpacked, and downloaded first if it is not there.

    Args:
        root: the folder of the files; by default the cache folder: $TT_DATA_DIR, if it is set.
        train: the training images, or else those for testing.
        transform: applied to the image of an item.
        target_transform: applied to the label of an item.
        download: fetch the archive if there are no files.

    Attributes:
        data: the pixels as they are, a uint8 array (N, 32, 32, 3), as torchvision has it.
        targets: the labels, a list of ints.
        classes: what each label means.

    Raises:
        FileNotFoundError, ConnectionError: if there are no files: it says which to put where.
        ValueError: if a file is damaged or a label is out of range; in the cache folder, if the
            bytes are not the published ones. In a `root` of your own, such bytes are read with a
            warning.

    A. Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", chapter 3.
    """

    classes: ClassVar[list[str]] = [
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ]  # fmt: skip

    def __init__(
        self,
        root: str | Path | None = None,
        train: bool = True,
        transform: Callable[[Tensor], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = True,
    ) -> None:
        super().__init__(root, train, transform, target_transform)
        parts, self.targets = [], []
        for path, known in self._find(TRAIN if train else TEST, download):
            images, labels = self._read(path, known)
            parts.append(images)
            self.targets += labels.tolist()
        # a view: in memory the channels stay first, as batches need them
        self.data = np.concatenate(parts).transpose(0, 2, 3, 1)

    def _find(self, wanted: tuple[KnownFile, ...], download: bool) -> list[tuple[Path, KnownFile]]:
        """Where the files are; they are unpacked from the archive if there is none of them."""
        base = folder_of(self.root)
        folders = [base / FOLDER, base / "cifar10", base / "CIFAR10"]
        folders += [base] if self.root is not None else []
        found = [(path, known) for known in wanted if (path := find(folders, known.name))]
        if not found:
            unpack(base, download)
            found = [(base / FOLDER / known.name, known) for known in wanted]
        if len(found) < len(wanted):
            missing = [known.name for known in wanted if known not in dict(found).values()]
            warnings.warn(
                f"CIFAR10: {base} has {len(found)} of {len(wanted)} training batches; missing: "
                f"{', '.join(missing)}. What is there is read",
                UserWarning,
                stacklevel=3,
            )
        return found

    def _read(self, path: Path, known: KnownFile) -> tuple[Array, Array]:
        """Images (N, 3, 32, 32) and labels (N,) of one file."""
        content = read_bytes(path)
        check_hash(path, content, known, own=self.root is not None)
        if not content or len(content) % RECORD:
            raise ValueError(
                f"{path}: expected images of {RECORD:,} bytes each, a label and 3 x 32 x 32 "
                f"pixels; got {len(content):,} bytes, {len(content) % RECORD:,} too many. "
                "The file is damaged"
            )
        records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
        check_labels(records[:, 0], len(records), len(self.classes), str(path))
        return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def unpack(base: Path, download: bool) -> None:
    """Make the folder of the files from the archive; get that first if it is not there.

    The folder takes its name when all files are in it. An archive that was downloaded for this
    is removed afterwards, one that was there already stays.
    """
    was_there = (base / ARCHIVE.name).is_file()
    try:
        archive = fetch(
            ARCHIVE.name, URLS, ARCHIVE.hash, size=ARCHIVE.size, folder=base, download=download
        )
    except (FileNotFoundError, ConnectionError) as error:
        if (base / "cifar-10-batches-py").is_dir():
            error.add_note(
                f"{base / 'cifar-10-batches-py'} is the Python version. It consists of pickles, "
                "which are never read here: the binary version is needed"
            )
        raise
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=base) as temporary:
        folder = Path(temporary, FOLDER)
        folder.mkdir()
        extract(archive, folder)
        try:
            os.replace(folder, base / FOLDER)
        except OSError:  # there is one, with other files, or from a program that was faster
            for path in folder.iterdir():
                os.replace(path, base / FOLDER / path.name)
    if not was_there:
        archive.unlink(missing_ok=True)


def extract(archive: Path, folder: Path) -> None:
    """Write the six files of the archive to the folder: these names, this size, nothing else.

    Raises:
        ValueError: if one is not in it, or the archive is damaged.
    """
    import tarfile  # 20 ms to import, and rarely needed

    missing = {known.name: known.size for known in (*TRAIN, *TEST)}
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                name = member.name.rpartition("/")[2]
                if member.isfile() and missing.get(name) == member.size:
                    copy(tar.extractfile(member), folder / name)
                    del missing[name]
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{archive}: expected a packed archive, got a damaged one: {error}"
        ) from None
    if missing:
        raise ValueError(f"{archive}: expected it to hold {', '.join(missing)}; it does not")


def copy(source: IO[bytes] | None, target: Path) -> None:
    """Write what is left of an open file to another, chunk by chunk."""
    with open(target, "wb") as file:
        while source is not None and (chunk := source.read(1 << 20)):
            file.write(chunk)

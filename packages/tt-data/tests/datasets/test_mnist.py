"""MNIST and Fashion-MNIST, from small files in their format: no test here needs a network."""

import gzip
import os
import struct
import warnings
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tt_data import DataLoader, Subset, transforms
from tt_data.datasets import MNIST, FashionMNIST, files
from tt_tensor import Tensor, equal

from ..conftest import Server

REAL = Path(os.environ.get("TT_SHARED_DATA", "absent"))
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 28, 28), np.uint8)
LABELS = RNG.integers(0, 10, 12, np.uint8)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


CONTENTS = {
    "train-images-idx3-ubyte": idx(IMAGES),
    "train-labels-idx1-ubyte": idx(LABELS),
    "t10k-images-idx3-ubyte": idx(IMAGES[:5]),
    "t10k-labels-idx1-ubyte": idx(LABELS[:5]),
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The files above are the published ones, and nowhere else is a file or a network."""
    if "real" in request.node.name:
        return
    for kind in (MNIST, FashionMNIST):
        known = {
            name: replace(file, hash=sha256(CONTENTS[name]).hexdigest(), size=len(CONTENTS[name]))
            for name, file in kind.files.items()
        }
        monkeypatch.setattr(kind, "files", known)
        monkeypatch.setattr(kind, "mirrors", ())
    monkeypatch.setattr(FashionMNIST, "system", None)


def put(folder: Path, *, packed: bool = False, **changed: bytes) -> Path:
    """The four files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENTS.items():
        content = changed.get(name.replace("-", "_"), content)
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


# --- where files are found ------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("folder", ["MNIST/raw", "MNIST", "mnist", "."])
def test_files_in_root(tmp_path: Path, folder: str, packed: bool) -> None:
    put(tmp_path / folder, packed=packed)
    train, test = (MNIST(tmp_path, train=train, download=False) for train in (True, False))
    assert (len(train), len(test)) == (12, 5)
    assert np.array_equal(train.data, IMAGES)
    assert np.array_equal(test.targets, LABELS[:5])


def test_the_cache_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TT_DATA_DIR", str(tmp_path))
    put(tmp_path / "FashionMNIST/raw")
    assert len(FashionMNIST()) == 12
    with pytest.raises(FileNotFoundError):
        MNIST(download=False)


def test_files_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FashionMNIST, "system", str(put(tmp_path / "system", packed=True)))
    assert len(FashionMNIST(tmp_path / "mine", train=False)) == 5
    put(tmp_path / "system", packed=True, t10k_images_idx3_ubyte=idx(255 - IMAGES[:5]))
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte\.gz: expected the published"):
        FashionMNIST(tmp_path / "mine", train=False)


def test_no_file_no_network(tmp_path: Path, nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MNIST, "mirrors", (nobody + "/",))
    with pytest.raises(ConnectionError, match="none of its addresses") as caught:
        MNIST(tmp_path)
    place = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    assert f"Put the file yourself as {place}.gz, or unpacked as {place}" in str(caught.value)
    with pytest.raises(FileNotFoundError, match="download=False"):
        MNIST(tmp_path, download=False)


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
def test_downloads(
    tmp_path: Path, server: Server, kind: type[MNIST], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files = {f"{name}.gz": gzip.compress(part) for name, part in CONTENTS.items()}
    mirrors = tuple(server.url(how) + "/" for how in ("404", "wrong", "half", "right"))
    monkeypatch.setattr(kind, "mirrors", mirrors)
    for _ in range(2):  # the second time nothing is left to ask for
        data = kind(tmp_path)
        assert np.array_equal(data.data, IMAGES)
        assert len(server.asked) == 8
    raw = tmp_path / kind.__name__ / "raw"
    assert sorted(path.name for path in raw.iterdir()) == sorted(CONTENTS)[2:]


# --- what is in them ------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield put(tmp_path)


def test_as_torchvision_has_it(root: Path) -> None:
    data = MNIST(root, train=True, transform=None, target_transform=None, download=False)
    assert (type(data.data), data.data.shape, data.data.dtype.name) == (
        Tensor,
        (12, 28, 28),
        "uint8",
    )
    assert (data.targets.shape, data.targets.dtype.name) == ((12,), "int64")
    assert data.classes[3] == "3 - three"
    assert FashionMNIST.classes[9] == "Ankle boot"
    assert data.class_to_idx["3 - three"] == 3


def test_items(root: Path) -> None:
    data = MNIST(root)
    image, label = data[-1]
    assert isinstance(image, Tensor)
    assert (image.shape, image.dtype.name, type(label)) == ((1, 28, 28), "float32", int)
    assert np.array_equal(image.array[0], IMAGES[-1] / np.float32(255))
    assert label == LABELS[-1]
    with pytest.raises(IndexError, match="MNIST: expected an index from -12 to 11; got 12"):
        data[12]


def test_to_tensor_lets_items_pass(root: Path) -> None:
    """Programs for torchvision begin with it."""
    plain, through = MNIST(root), MNIST(root, transform=transforms.ToTensor())
    assert all(equal(a[0], b[0]) for a, b in zip(plain, through, strict=True))


def test_transforms(root: Path) -> None:
    data = MNIST(root, transform=lambda image: 1 - image, target_transform=str)
    image, label = data[0]
    assert equal(image, 1 - MNIST(root)[0][0])
    assert label == str(LABELS[0])


@pytest.mark.parametrize(
    "transform",
    [None, transforms.Compose([transforms.CenterCrop(20), transforms.Normalize([0.5], [0.25])])],
)
def test_gathered_batches_are_those_made_of_items(root: Path, transform: object) -> None:
    data = MNIST(root, transform=transform)
    assert data.gathers()
    part = Subset(data, [5, 3, 8, 1, 0])
    fast = DataLoader(part, 2)
    slow = DataLoader([data[i] for i in part.indices], 2)
    for ours, theirs in zip(fast, slow, strict=True):
        assert all(equal(a, b) and a.dtype == b.dtype for a, b in zip(ours, theirs, strict=True))


def test_functions_that_take_one_image_get_one_at_a_time(root: Path) -> None:
    def checked(image: Tensor) -> Tensor:
        assert image.shape == (1, 28, 28)
        return image

    for transform in (checked, transforms.Lambda(checked), transforms.Compose([checked])):
        data = MNIST(root, transform=transform)
        assert not data.gathers()
        assert [len(labels) for _, labels in DataLoader(data, 5)] == [5, 5, 2]
    named = MNIST(root, target_transform=lambda label: data.classes[label])
    assert next(iter(DataLoader(named, 2)))[1][0] == data.classes[LABELS[0]]


def test_data_may_be_cut_short(root: Path) -> None:
    data = MNIST(root)
    data.data, data.targets = data.data[:4], data.targets[:4]
    assert len(data) == 4
    assert [images.shape for images, _ in DataLoader(data, 3)] == [(3, 1, 28, 28), (1, 1, 28, 28)]
    images, labels = data.tensors()
    assert (images.shape, labels.tolist()) == ((4, 1, 28, 28), LABELS[:4].tolist())


# --- what is wrong with them ----------------------------------------------------------------------


def test_other_bytes_are_read_from_ones_own_folder_with_a_warning(tmp_path: Path) -> None:
    put(tmp_path, train_images_idx3_ubyte=idx(IMAGES[:, :8, :8]))
    with pytest.warns(
        UserWarning, match=r"train-images-idx3-ubyte: expected the .* sha256"
    ) as told:
        data = MNIST(tmp_path)
    assert data.data.shape == (12, 8, 8)
    assert len(told) == 1
    assert told[0].filename == __file__


def test_other_bytes_in_the_cache_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TT_DATA_DIR", str(tmp_path))
    put(tmp_path / "MNIST/raw", train_images_idx3_ubyte=idx(255 - IMAGES))
    with pytest.raises(ValueError, match="Delete the file to have it downloaded again"):
        MNIST()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_images_idx3_ubyte": idx(IMAGES)[:-1]}, "The file is damaged"),
        ({"train_images_idx3_ubyte": idx(LABELS)}, "Are files swapped"),
        ({"train_labels_idx1_ubyte": idx(IMAGES)}, "Are files swapped"),
        ({"train_labels_idx1_ubyte": idx(LABELS[:5])}, "as many labels as images, 12; got 5"),
        ({"train_labels_idx1_ubyte": idx(LABELS + 8)}, r"labels from 0 to 9; got \d+ for item"),
        ({"train_images_idx3_ubyte": b""}, "got 0 bytes"),
    ],
)
def test_damaged_files(tmp_path: Path, changed: dict[str, bytes], message: str) -> None:
    put(tmp_path, **changed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the hash, as above
        with pytest.raises(ValueError, match=message):
            MNIST(tmp_path)


@pytest.mark.parametrize("cut", [1, 9, 100])
def test_a_packed_file_cut_short(root: Path, cut: int) -> None:
    (root / "train-images-idx3-ubyte").unlink()
    packed = gzip.compress(CONTENTS["train-images-idx3-ubyte"])
    (root / "train-images-idx3-ubyte.gz").write_bytes(packed[:-cut])
    with pytest.raises(ValueError, match=r"ubyte\.gz: expected a gzip file, got a damaged one"):
        MNIST(root)


def test_a_file_that_unpacks_without_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "train-images-idx3-ubyte").write_bytes(gzip.compress(bytes(1 << 24)))
    monkeypatch.setattr(files.read_bytes, "__defaults__", (1 << 20,))
    with pytest.raises(ValueError, match="expected at most 1,048,576 bytes when unpacked"):
        MNIST(root)


@pytest.mark.skipif(not REAL.is_dir(), reason="TT_SHARED_DATA names no folder")
def test_the_real_one() -> None:
    train, test = (MNIST(REAL, train=train, download=False) for train in (True, False))
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.targets[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(test.targets.array).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert abs(train.tensors()[0].mean().item() - 0.1307) < 1e-4  # everybody's constant


@pytest.mark.skipif(not Path(FashionMNIST.system).is_dir(), reason="no dataset-fashion-mnist here")
def test_the_real_fashion() -> None:
    train, test = (FashionMNIST(train=train, download=False) for train in (True, False))
    for part, size in ((train, 6000), (test, 1000)):
        assert np.bincount(part.targets.array).tolist() == [size] * 10
    assert abs(train.tensors()[0].mean().item() - 0.2860) < 1e-4

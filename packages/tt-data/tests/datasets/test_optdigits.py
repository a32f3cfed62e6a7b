"""The handwritten digits that come with the package."""

from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_data import DataLoader, TensorDataset
from tt_data.datasets import Digits, digits
from tt_data.datasets.optdigits import load_arrays
from tt_tensor import Tensor, equal

FILE = files("tt_data.datasets").joinpath("digits.npz")
CONTENT = FILE.read_bytes()


@pytest.fixture(scope="module")
def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return load_arrays(CONTENT, "digits.npz")


def test_what_is_shipped(arrays: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    images, labels, _ = arrays
    assert (images.shape, images.dtype, images.min(), images.max()) == ((1797, 8, 8), "u1", 0, 16)
    # the source lists how often each digit is in its test set
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    both = sha256(images.tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    assert both == "65e5b4619795efb40c1082f4c350c049e4ad552200d369b6ae99e21eef5e72c5"


def test_the_split_is_what_the_docstring_says(
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    _, labels, test = arrays
    chosen = []
    for digit in range(10):
        places = [place for place in range(1797) if labels[place] == digit]
        places.sort(key=lambda place: sha256(b"tinytorch digits %d" % place).digest())
        chosen += places[:36]
    assert sorted(chosen) == test.tolist()


def test_the_parts_are_disjoint_and_complete(
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    images, labels, test = arrays
    rest = np.setdiff1d(np.arange(1797), test)
    for part, places in ((Digits(), rest), (Digits(train=False), test)):
        assert np.array_equal(part.data, images[places])
        assert np.array_equal(part.targets, labels[places])
    assert (len(rest), len(test)) == (1437, 360)
    assert np.bincount(labels[test]).tolist() == [36] * 10


def test_as_torchvision_has_it() -> None:
    data = Digits("./data", train=False, download=True)
    assert (data.data.shape, data.data.dtype.name) == ((360, 8, 8), "uint8")
    assert (data.targets.shape, data.targets.dtype.name) == ((360,), "int64")
    assert data.classes[3] == "3 - three"
    assert len(data.classes) == 10


def test_items() -> None:
    data = Digits()
    image, label = data[-1]
    assert isinstance(image, Tensor)
    assert (image.shape, image.dtype.name, type(label)) == ((1, 8, 8), "float32", int)
    assert np.array_equal(image.array[0] * 16, data.data.array[-1])
    assert label == data.targets[-1].item()
    with pytest.raises(IndexError, match="Digits: expected an index from -1437 to 1436; got 1437"):
        data[1437]


def test_transforms() -> None:
    data = digits(transform=lambda image: 1 - image, target_transform=str)
    image, label = data[0]
    assert equal(image, 1 - Digits()[0][0])
    assert label == str(Digits()[0][1])


def test_all_at_once() -> None:
    data = digits(train=False)
    images, labels = data.tensors()
    assert (images.shape, images.dtype.name) == ((360, 1, 8, 8), "float32")
    assert (images.min().item(), images.max().item()) == (0.0, 1.0)
    for index, (image, label) in enumerate(data):
        assert equal(image, images[index])
        assert label == labels[index].item()


def test_batches_of_items_are_those_of_tensors() -> None:
    data = digits(train=False)
    one_by_one, at_once = (
        DataLoader(dataset, batch_size=100) for dataset in (data, TensorDataset(*data.tensors()))
    )
    for ours, theirs in zip(one_by_one, at_once, strict=True):
        assert all(equal(a, b) and a.dtype == b.dtype for a, b in zip(ours, theirs, strict=True))


def test_an_item_may_be_changed_in_place() -> None:
    data = digits()
    before = data.data.tolist()
    data[0][0].zero_()
    assert data.data.tolist() == before


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_a_damaged_file(place: int, change: int) -> None:
    damaged = bytearray(CONTENT)
    damaged[place] ^= change
    with pytest.raises(ValueError, match=r"here\.npz: expected .* sha256 .*46,428 bytes.* again"):
        load_arrays(bytes(damaged), "here.npz")


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT[: 1 << 14], b"<html>", b"PK\3\4"])
def test_a_truncated_or_foreign_file(content: bytes) -> None:
    with pytest.raises(ValueError, match=rf"got {len(content):,} bytes with sha256"):
        load_arrays(content, "here.npz")


def test_the_notice_is_shipped_with_the_data() -> None:
    notice = files("tt_data.datasets").joinpath("NOTICE-digits.txt").read_text(encoding="utf-8")
    for part in ("E. Alpaydin", "C. Kaynak", "https://creativecommons.org/licenses/by/4.0/"):
        assert part in notice
    assert Path(str(FILE)).name in notice

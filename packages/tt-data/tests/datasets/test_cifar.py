"""CIFAR-10, from small files in its format: no test here needs a network."""

import gzip
import io
import os
import tarfile
import warnings
from dataclasses import replace
from hashlib import sha1, sha256
from pathlib import Path

import numpy as np
import pytest

from tt_data import DataLoader, Subset, transforms
from tt_data.datasets import CIFAR10, cifar
from tt_tensor import Tensor, equal

from ..conftest import Server

REAL = Path(os.environ.get("TT_SHARED_DATA", "absent"))
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (18, 3, 32, 32), np.uint8)
LABELS = RNG.integers(0, 10, 18, np.uint8)
NAMES = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]


def records(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    return np.hstack([labels[:, None], pixels.reshape(len(pixels), -1)]).tobytes()


CONTENTS = {
    name: records(PIXELS[3 * i : 3 * i + 3], LABELS[3 * i : 3 * i + 3])
    for i, name in enumerate(NAMES)
}


def archive(contents: dict[str, bytes], folder: str = "cifar-10-batches-bin/") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(folder + name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def publish(monkeypatch: pytest.MonkeyPatch, content: bytes) -> bytes:
    """Take these bytes for the published archive."""
    known = replace(cifar.ARCHIVE, hash=sha256(content).hexdigest(), size=len(content))
    monkeypatch.setattr(cifar, "ARCHIVE", known)
    return content


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The files above are the published ones, and there is no network."""
    if "real" in request.node.name:
        return
    known = [
        replace(file, hash=sha1(CONTENTS[file.name]).hexdigest(), size=len(CONTENTS[file.name]))
        for file in (*cifar.TRAIN, *cifar.TEST)
    ]
    monkeypatch.setattr(cifar, "TRAIN", tuple(known[:5]))
    monkeypatch.setattr(cifar, "TEST", tuple(known[5:]))
    monkeypatch.setattr(cifar, "URLS", ())


def put(folder: Path, *names: str, packed: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or NAMES:
        content = gzip.compress(CONTENTS[name]) if packed else CONTENTS[name]
        (folder / (f"{name}.gz" if packed else name)).write_bytes(content)
    return folder


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("folder", ["cifar-10-batches-bin", "cifar10", "."])
def test_files_in_root(tmp_path: Path, folder: str, packed: bool) -> None:
    put(tmp_path / folder, packed=packed)
    train, test = (CIFAR10(tmp_path, train=train, download=False) for train in (True, False))
    assert (len(train), len(test)) == (15, 3)
    assert np.array_equal(train.data, PIXELS[:15].transpose(0, 2, 3, 1))
    assert test.targets == LABELS[15:].tolist()


def test_as_torchvision_has_it(tmp_path: Path) -> None:
    data = CIFAR10(put(tmp_path), True, None, None, False)
    assert (type(data.data), data.data.shape, data.data.dtype) == (
        np.ndarray,
        (15, 32, 32, 3),
        np.uint8,
    )
    assert (type(data.targets), type(data.targets[0])) == (list, int)
    assert (data.classes[8], data.class_to_idx["ship"]) == ("ship", 8)


def test_items(tmp_path: Path) -> None:
    data = CIFAR10(put(tmp_path))
    image, label = data[4]
    assert isinstance(image, Tensor)
    assert (image.shape, image.dtype.name, type(label)) == ((3, 32, 32), "float32", int)
    assert np.array_equal(image.array, PIXELS[4] / np.float32(255))
    assert label == LABELS[4]


def test_gathered_batches_are_those_made_of_items(tmp_path: Path) -> None:
    normalize = transforms.Normalize((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))
    data = CIFAR10(put(tmp_path), transform=transforms.Compose([transforms.ToTensor(), normalize]))
    for dataset in (data, Subset(data, [3, 1, 4, 1, 5])):
        for ours, theirs in zip(DataLoader(dataset, 4), DataLoader(list(dataset), 4), strict=True):
            assert all(
                equal(a, b) and a.dtype == b.dtype for a, b in zip(ours, theirs, strict=True)
            )


def test_data_may_be_replaced(tmp_path: Path) -> None:
    data = CIFAR10(put(tmp_path))
    data.data, data.targets = np.ascontiguousarray(data.data[:2]), data.targets[:2]
    images, labels = data.tensors()
    assert np.array_equal(images.array, PIXELS[:2] / np.float32(255))
    assert labels.tolist() == LABELS[:2].tolist()


# --- the archive ----------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["cifar-10-batches-bin/", "./cifar-10-batches-bin/"])
def test_downloads_once(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    extra = {"../../evil.bin": b"x", "readme.html": b"<html>"}
    server.files["a.tar.gz"] = publish(monkeypatch, archive(extra | CONTENTS, folder))
    urls = tuple(server.url(f"{how}/a.tar.gz") for how in ("wrong", "half", "ranged"))
    monkeypatch.setattr(cifar, "URLS", urls)
    for train in (True, False):
        assert len(CIFAR10(tmp_path, train)) == (15 if train else 3)
    assert len(server.asked) == 3
    paths = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    folder = "cifar-10-batches-bin"
    assert paths == [folder, *(f"{folder}/{name}" for name in NAMES)]
    assert not (tmp_path.parent / "evil.bin").exists()


def test_an_archive_that_is_there_is_unpacked_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = publish(monkeypatch, archive(CONTENTS))
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(content)
    assert len(CIFAR10(tmp_path, download=False)) == 15
    assert (tmp_path / "cifar-10-binary.tar.gz").read_bytes() == content


def test_a_folder_with_the_other_files_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "cifar-10-batches-bin", "test_batch.bin")
    (tmp_path / "cifar-10-batches-bin" / "mine.txt").write_text("mine")
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(publish(monkeypatch, archive(CONTENTS)))
    assert len(CIFAR10(tmp_path, download=False)) == 15
    assert (tmp_path / "cifar-10-batches-bin" / "mine.txt").read_text() == "mine"


def test_an_archive_without_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = {name: CONTENTS[name] for name in NAMES[1:]} | {NAMES[0]: b"short"}
    content = publish(monkeypatch, archive(some))
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"expected it to hold data_batch_1\.bin; it does not"):
        CIFAR10(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["cifar-10-binary.tar.gz"]


@pytest.mark.parametrize("content", [b"<html>", archive(CONTENTS)[:-2000]])
def test_an_archive_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(publish(monkeypatch, content))
    with pytest.raises(ValueError, match="got a damaged one"):
        CIFAR10(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["cifar-10-binary.tar.gz"]


def test_no_file_no_network(tmp_path: Path, nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "URLS", (nobody,))
    with pytest.raises(ConnectionError) as caught:
        CIFAR10(tmp_path)
    place = tmp_path / "cifar-10-binary.tar.gz"
    assert f"Put the file yourself as {place} (sha256 " in str(caught.value)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"cos\nsystem\n.")
    with pytest.raises(FileNotFoundError) as caught:
        CIFAR10(tmp_path, download=False)
    assert "It consists of pickles, which are never read here" in caught.value.__notes__[0]


# --- files that are wrong -------------------------------------------------------------------------


def test_some_batches(tmp_path: Path) -> None:
    put(tmp_path, "data_batch_1.bin", "data_batch_3.bin")
    with pytest.warns(UserWarning, match=r"2 of 5 training batches; missing: data_batch_2\.bin, "):
        data = CIFAR10(tmp_path)
    assert data.targets == [*LABELS[:3].tolist(), *LABELS[6:9].tolist()]


def test_other_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "cifar10")
    (tmp_path / "cifar10" / "test_batch.bin").write_bytes(records(255 - PIXELS[:7], LABELS[:7]))
    with pytest.warns(
        UserWarning, match=r"test_batch\.bin: expected the published .* sha1"
    ) as told:
        assert len(CIFAR10(tmp_path, train=False)) == 7
    assert told[0].filename == __file__
    monkeypatch.setenv("TT_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match="Delete the file to have it downloaded again"):
        CIFAR10(train=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected images of 3,073 bytes each.*got 0 bytes"),
        (CONTENTS["test_batch.bin"][:-1], "got 9,218 bytes, 3,072 too many"),
        (records(PIXELS[:3], np.array([3, 10, 200], np.uint8)), "got 10 for item 1, and 2 such"),
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes, message: str) -> None:
    put(tmp_path)
    (tmp_path / "test_batch.bin").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the hash, as above
        with pytest.raises(ValueError, match=message):
            CIFAR10(tmp_path, train=False)


@pytest.mark.filterwarnings("ignore:.*data_batch_1:UserWarning")  # a tenth, and slightly lossy
@pytest.mark.filterwarnings("ignore:.*test_batch:UserWarning")
@pytest.mark.filterwarnings("ignore:CIFAR10.* training batches:UserWarning")
@pytest.mark.skipif(not REAL.is_dir(), reason="TT_SHARED_DATA names no folder")
def test_a_real_tenth() -> None:
    train, test = (CIFAR10(REAL, train=train, download=False) for train in (True, False))
    assert len(train) in (10_000, 50_000)
    assert np.bincount(test.targets).tolist() == [1000] * 10
    mean = test.data.mean((0, 1, 2)) / 255
    assert np.allclose(mean, [0.4942, 0.4851, 0.4504], atol=2e-3)

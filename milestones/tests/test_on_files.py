"""The milestones that read files: how they fail without, and with --full what they reach.

By default the bundled digits, written in the formats of MNIST and CIFAR-10, stand in for the real
files: what is tested then is the program, and never an accuracy.
"""

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from tt_data.datasets import FashionMNIST, digits
from tt_data.transforms import Resize

Run = Callable[..., CompletedProcess[str]]
Claims = Callable[[str], dict[str, float]]

REAL = Path(os.environ.get("TT_SHARED_DATA", "absent"))
DEBIAN = Path(FashionMNIST.system or "absent")

# Where the files are, and what must have been measured at least, whatever the scripts ask for.
FULL = {
    "1986_mlp/mlp_mnist.py": ([REAL / "mnist"], {"unseen digits read correctly": 98.0}),
    "1998_cnn/lenet_mnist.py": ([REAL / "mnist"], {"unseen digits read correctly": 99.0}),
    "1998_cnn/cnn_fashion.py": (
        [REAL / "fashion-mnist", DEBIAN],
        {"unseen clothes, perceptron": 89.0, "unseen clothes, convolutions": 91.5},
    ),
    "1998_cnn/lecun_cifar10.py": (
        [REAL / "cifar10"],
        {
            "unseen images recognised after learning from 10,000": 66.0,
            "unseen images recognised after learning from 50,000": 82.0,
        },
    ),
}
FILES = {  # one that is damaged is enough
    "1986_mlp/mlp_mnist.py": "train-images-idx3-ubyte",
    "1998_cnn/lenet_mnist.py": "train-images-idx3-ubyte",
    "1998_cnn/cnn_fashion.py": "train-images-idx3-ubyte",
    "1998_cnn/lecun_cifar10.py": "data_batch_1.bin",
}

each_script = pytest.mark.parametrize("script", FULL)


def images_and_labels(train: bool, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The bundled digits as bytes, (N, side, side) and (N,)."""
    images, labels = digits(train=train, transform=Resize(side)).gather(
        range(len(digits(train=train)))
    )
    return np.round(255 * images.numpy()[:, 0].clip(0, 1)).astype(np.uint8), labels.numpy()


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the digits in both formats."""
    folder = tmp_path_factory.mktemp("digits in other formats")
    for part, train in (("train", True), ("t10k", False)):
        images, labels = images_and_labels(train, 28)
        header = struct.pack(">IIII", 2051, *images.shape)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = struct.pack(">II", 2049, len(labels))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(header + bytes(labels.tolist()))
        images, labels = images_and_labels(train, 32)
        colours = np.repeat(images.reshape(-1, 1, 32 * 32), 3, 1).reshape(-1, 3 * 32 * 32)
        records = np.concatenate([labels[:, None].astype(np.uint8), colours], 1)
        name = "data_batch_1.bin" if train else "test_batch.bin"
        (folder / name).write_bytes(records.tobytes())
    return folder


@each_script
def test_it_runs_to_its_end(
    script: str, stand_in: Path, run: Run, claims: Claims, tmp_path: Path
) -> None:
    """It learns, tells what the files are, saves a picture, and its output is plain."""
    png = tmp_path / "mistakes.png"
    result = run(
        script, "--quick", "--epochs", "2", "--data", str(stand_in), "--png", str(png), COLUMNS="80"
    )
    assert result.stderr == ""
    assert claims(result.stdout)
    read = re.findall(r"^.* (\d+\.\d\d) % .* s$", result.stdout, re.MULTILINE)
    assert len(read) == 2  # the predecessor and its successor, which may need longer to learn
    assert max(map(float, read)) > 30, result.stdout  # chance is 10 %
    assert result.stdout.count("\nnote: ") >= 2  # these are not the published bytes
    assert "1,437 " in result.stdout
    assert "on the same 360 images" in result.stdout
    assert png.read_bytes().startswith(b"\x89PNG\r\n")
    assert result.stdout.isascii()
    assert "\x1b" not in result.stdout
    story = [line for line in result.stdout.splitlines() if not line.startswith("note: ")]
    assert max(len(line.rstrip()) for line in story if str(png) not in line) <= 80


@each_script
def test_a_claim_that_fails_fails_the_program(
    script: str, stand_in: Path, run: Run, claims: Claims
) -> None:
    result = run(script, "--epochs", "0", "--data", str(stand_in))
    assert result.returncode == 1
    assert result.stderr == ""
    assert claims(result.stdout)
    assert "IT FAILS." in result.stdout


@each_script
def test_damaged_files_are_not_learned_from(script: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / FILES[script]).write_bytes(b"what is this?")
    result = run(script, "--data", str(tmp_path))
    assert result.returncode == 1
    assert FILES[script] in result.stderr
    assert "help: --data FOLDER" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Claim: " not in result.stdout


@pytest.mark.parametrize("script", [script for script in FULL if "fashion" not in script])
def test_without_files_it_says_which_to_put_where(script: str, run: Run, tmp_path: Path) -> None:
    result = run(script, "--data", str(tmp_path))  # which is not downloaded to: it may be a typo
    assert result.returncode == 1
    assert "Put the file yourself as" in result.stderr
    assert str(tmp_path) in result.stderr
    assert list(tmp_path.iterdir()) == []
    assert "Claim: " not in result.stdout


@pytest.mark.full
@each_script
def test_the_accuracy_is_reached(script: str, run: Run, claims: Claims) -> None:
    folders, least = FULL[script]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        pytest.skip(f"TT_SHARED_DATA names no folder with {folders[0].name}")
    result = run(script, "--data", str(folder))
    measured = claims(result.stdout)
    assert measured.keys() & least.keys(), result.stdout + result.stderr
    for what in measured.keys() & least.keys():
        assert measured[what] >= least[what]  # times are printed and not tested

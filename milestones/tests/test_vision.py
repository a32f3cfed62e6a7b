"""What the milestones with images share: the confusion matrix, mistakes, and their pictures."""

import importlib
import struct
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tt_tensor as torch
from tt_nn import Linear

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    """vision.py, as a script imports it."""
    monkeypatch.syspath_prepend(request.path.parents[1])
    module = importlib.import_module("vision")
    console = importlib.import_module("story").Console(color_system=None, width=80)
    monkeypatch.setattr(importlib.import_module("story"), "console", console)
    monkeypatch.setattr(module, "console", console)
    return module


def decoded(path: Path) -> np.ndarray:
    """The pixels of a PNG file without filters, (H, W, 3); every checksum is compared."""
    content, place, chunks = path.read_bytes(), 8, {}
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        (checksum,) = struct.unpack_from(">I", content, place + 8 + length)
        assert checksum == zlib.crc32(kind + data)
        chunks[kind] = data
        place += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 2, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_the_confusion_matrix_counts(shared: ModuleType, capsys: Captured) -> None:
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 2])
    answers = torch.tensor([0, 0, 0, 2, 1, 0, 2])
    shared.confusion(answers, labels, ["cat", "dog", "owl"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[-4:]] == [
        ["0", "1", "2"],
        ["0", "cat", "3", ".", "1", "75.0", "%", "right"],
        ["1", "dog", "1", "1", ".", "50.0", "%", "right"],
        ["2", "owl", ".", ".", "1", "100.0", "%", "right"],
    ]


def test_mistakes_are_shown_and_saved(shared: ModuleType, capsys: Captured, tmp_path: Path) -> None:
    images = torch.zeros(3, 1, 8, 8)
    images[1] = torch.ones(1, 8, 8)
    labels, answers = torch.tensor([4, 7, 2]), torch.tensor([4, 1, 2])
    names = [str(digit) for digit in range(10)]
    path = tmp_path / "wrong.png"
    shared.mistakes(images, labels, answers, names, path)
    output = capsys.readouterr().out
    assert "\nMisread: 1. " in output
    assert "7, read as 1" in output
    assert "They are in" in output  # all of them: there are no more than the file has room for
    assert "@@" * 8 in output
    assert ". . " not in output  # the two that were read are not shown
    pixels = decoded(path)
    assert (pixels[12:140, 12:140] == 255).all()  # the image, sixteen times as large
    assert (pixels[:12] == pixels[0, 0]).all()

    shared.mistakes(images, labels, labels, names, tmp_path / "none.png")
    assert "Not one of them was misread." in capsys.readouterr().out
    assert not (tmp_path / "none.png").exists()

    shared.mistakes(images, labels, answers, names, tmp_path / "no folder" / "wrong.png")
    assert "No picture was saved: " in capsys.readouterr().out


def test_a_png_keeps_every_pixel(shared: ModuleType, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    png = importlib.import_module("png")
    png.write_png(tmp_path / "noise.png", pixels)
    assert (decoded(tmp_path / "noise.png") == pixels).all()


def test_letters_are_drawn(shared: ModuleType) -> None:
    png = importlib.import_module("png")
    squares = png.lettering("L\n-")[::2, ::2, 0] > 128
    drawn = ["".join("#" if square else "." for square in row) for row in squares]
    assert drawn[:5] == ["#...", "#...", "#...", "#...", "###."]
    assert drawn[7:12] == ["....", "....", "###.", "....", "...."]


def test_every_class_can_be_written(shared: ModuleType) -> None:
    png, datasets = importlib.import_module("png"), importlib.import_module("tt_data.datasets")
    for dataset in (datasets.MNIST, datasets.FashionMNIST, datasets.CIFAR10):
        assert set("".join(shared.names_of(dataset)).upper()) <= set(png.GLYPHS)


def test_colours_of_a_photo(shared: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.zeros(3, 32, 32)
    image[0, 0] = 1.0  # the uppermost row is red
    plain = shared.photo(image, "a bird")
    assert [len(line) for line in plain.plain.split("\n")] == [6] + [32] * 16
    console = importlib.import_module("story").Console(color_system="truecolor", width=80)
    monkeypatch.setattr(shared, "console", console)
    monkeypatch.setattr(type(console), "encoding", "utf-8")
    photo = shared.photo(image, "a bird")
    assert [len(line) for line in photo.plain.split("\n")] == [6] + [32] * 16
    first, last = photo.spans[0].style, photo.spans[-1].style
    assert (first.color.name, first.bgcolor.name) == ("rgb(255,0,0)", "rgb(0,0,0)")
    assert (last.color.name, last.bgcolor.name) == ("rgb(0,0,0)", "rgb(0,0,0)")


def test_two_readers_are_compared(shared: ModuleType, capsys: Captured) -> None:
    labels = torch.tensor([0, 1, 2, 3])
    model = Linear(2, 3)
    old = shared.Reader("old", model, 1.5, torch.tensor([0, 0, 0, 3]))  # half
    new = shared.Reader("newer", model, 2.0, torch.tensor([0, 1, 2, 0]))  # three quarters
    shared.compare(old, new, labels)
    lines = capsys.readouterr().out.splitlines()
    table = [line.split() for line in lines if line.startswith(("old ", "newer "))]
    assert table == [
        ["old", "9", "50.00", "%", "2", "1.50", "s"],
        ["newer", "9", "75.00", "%", "1", "2.00", "s"],
    ]
    assert lines[-2:] == [
        "Of what old misread, newer reads 2;",
        "of what old read, it misreads 1.",
    ]


def test_mirrored_images_have_a_say(shared: ModuleType) -> None:
    class Corner(Linear):
        """Class 1 if the first pixel is bright, by its brightness; otherwise class 0."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            bright = x[:, 0, 0, 0]
            return torch.stack([torch.zeros(len(x)) + 0.4, bright], 1)

    images = torch.tensor([[[[0.0, 1.0]]]])
    model = Corner(1, 1)
    assert shared.answers(model, images).tolist() == [0]
    assert shared.answers(model, images, flips=True).tolist() == [1]
    assert model.training

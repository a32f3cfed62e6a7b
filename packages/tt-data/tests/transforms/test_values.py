"""Pictures become tensors, tensors get mean 0."""

import numpy as np
import pytest

from tt_data.transforms import Normalize, ToTensor
from tt_tensor import Tensor, equal, float32, rand, tensor, uint8

PICTURE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


def test_a_picture_of_bytes() -> None:
    image = ToTensor()(PICTURE)
    assert (image.shape, image.dtype) == ((3, 2, 4), float32)
    assert np.array_equal(image.array, PICTURE.transpose(2, 0, 1) / np.float32(255))
    assert image.is_contiguous()
    assert ToTensor()(PICTURE[..., 0]).shape == (1, 2, 4)


def test_an_array_of_floats_only_changes_its_layout() -> None:
    picture = PICTURE / 7
    image = ToTensor()(picture)
    assert image.dtype.name == "float64"
    assert np.array_equal(image.array, picture.transpose(2, 0, 1))
    for source in (picture, picture[..., :1], picture[..., 0]):
        ToTensor()(source).zero_()
    assert np.array_equal(picture, PICTURE / 7), "the result has memory of its own"


def test_tensors() -> None:
    image = rand(3, 2, 4)
    assert ToTensor()(image) is image
    pixels = tensor([[[0, 255]]], dtype=uint8)
    assert ToTensor()(pixels).tolist() == [[[0.0, 1.0]]]


def test_whatever_numpy_reads_as_a_picture() -> None:
    class Picture:
        """As Pillow's images are."""

        __array_interface__ = PICTURE.__array_interface__

    assert equal(ToTensor()(Picture()), ToTensor()(PICTURE))


@pytest.mark.parametrize("picture", [[[1, 2]], "picture.png", 3, np.array([["a"]]), None])
def test_what_is_no_picture(picture: object) -> None:
    with pytest.raises(TypeError, match="ToTensor: expected an array of numbers or a picture, got"):
        ToTensor()(picture)


def test_other_dims() -> None:
    with pytest.raises(ValueError, match=r"a picture \(H, W\) or \(H, W, C\); got \(2,\)"):
        ToTensor()(np.zeros(2))


def test_normalize() -> None:
    images = rand(5, 3, 2, 2)
    mean, std = (0.5, 0.25, 0.125), (0.5, 1.0, 2.0)
    done = Normalize(mean, std)(images)
    for c in range(3):
        expected = (images.array[:, c] - mean[c]) / std[c]
        assert np.allclose(done.array[:, c], expected, atol=1e-6)
    assert equal(Normalize(mean, std)(images[2]), done[2])
    assert equal(Normalize(0.5, 2)(images), (images - 0.5) / 2)


def test_normalize_in_place() -> None:
    image = rand(1, 2, 2)
    expected = Normalize([0.5], [0.5])(image)
    assert Normalize([0.5], [0.5], inplace=True)(image) is image
    assert equal(image, expected)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (PICTURE, TypeError, "a tensor of floats, got .*ndarray.*Use ToTensor first"),
        (tensor([[[1]]]), TypeError, "got one of int64"),
        (rand(2, 2), ValueError, r"a tensor \(\.\.\., C, H, W\); got \(2, 2\)"),
        (rand(4, 2, 2), ValueError, r"as many as x has channels, 4; got \(1, 2, 3\)"),
    ],
)
def test_what_normalize_refuses(
    image: Tensor | np.ndarray, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"Normalize: expected .*{message}"):
        Normalize((1, 2, 3), (1, 2, 3))(image)


def test_a_std_of_0() -> None:
    with pytest.raises(ValueError, match="a std other than 0"):
        Normalize((0.5, 0.5), (1, 0))

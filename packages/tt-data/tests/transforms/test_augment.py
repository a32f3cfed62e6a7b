"""Crops, flips and rotations: what they do to one image and to many, and that seeds repeat it."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_data import current_generator, transforms as T, using_generator
from tt_data.transforms.rotation import rotated
from tt_tensor import Generator, Tensor, equal, from_numpy, manual_seed, rand, tensor

IMAGES = from_numpy(np.arange(6 * 3 * 5 * 7, dtype=np.float32).reshape(6, 3, 5, 7))

EACH = {
    "Pad": T.Pad((1, 2)),
    "CenterCrop": T.CenterCrop((3, 4)),
    "RandomCrop": T.RandomCrop((3, 4)),
    "RandomCrop, padded": T.RandomCrop((5, 7), padding=2, fill=9),
    "RandomCrop, if needed": T.RandomCrop(9, pad_if_needed=True),
    "RandomHorizontalFlip": T.RandomHorizontalFlip(),
    "RandomVerticalFlip": T.RandomVerticalFlip(),
    "RandomRotation": T.RandomRotation(30),
    "RandomRotation, bilinear": T.RandomRotation(30, "bilinear"),
    "Resize": T.Resize((4, 4)),
}


@pytest.mark.parametrize("name", EACH)
def test_every_layout_gives_the_same(name: str) -> None:
    transform = EACH[name]
    manual_seed(3)
    image = transform(IMAGES[2])
    assert image.shape[0] == 3
    for picture, back in (
        (IMAGES[2:3], lambda x: x[0]),
        (IMAGES[2:3].reshape(1, 1, 3, 5, 7), lambda x: x[0, 0]),
        (IMAGES[2].array.transpose(1, 2, 0), lambda x: from_numpy(x.transpose(2, 0, 1))),
    ):
        manual_seed(3)
        done = transform(picture)
        assert type(done) is type(picture)
        assert equal(back(done), image)
    for picture in (IMAGES[2, 0], IMAGES[2, 0].array):
        manual_seed(3)
        done = transform(picture)
        assert type(done) is type(picture)
        assert np.array_equal(np.asarray(done), image[0].array)


@pytest.mark.parametrize("name", EACH)
def test_kinds_and_sizes_of_data(name: str) -> None:
    transform = EACH[name]
    before = IMAGES.tolist()
    for dtype in (np.uint8, np.float32, np.float64):
        images = IMAGES.array.astype(dtype)
        assert transform(from_numpy(images)).numpy().dtype == dtype
        assert transform(images[0].transpose(1, 2, 0)).dtype == dtype
    assert transform(IMAGES[:0]).shape[:2] == (0, 3)
    assert IMAGES.tolist() == before, "images are not changed in place"


@pytest.mark.parametrize("name", EACH)
def test_what_is_no_image(name: str) -> None:
    with pytest.raises(TypeError, match=r"or an array \(H, W, C\); got list\. Begin with ToTensor"):
        EACH[name]([[1, 2]])
    with pytest.raises(ValueError, match=r"\(\.\.\., C, H, W\) or \(H, W\); got \(3,\)"):
        EACH[name](tensor([1, 2, 3]))
    with pytest.raises(ValueError, match=r"got \(2, 3, 5, 7\).*make a batch a Tensor"):
        EACH[name](np.zeros((2, 3, 5, 7)))


@pytest.mark.parametrize("name", [name for name in EACH if name.startswith("Random")])
def test_seeds(name: str) -> None:
    many = rand(40, 1, 5, 7)
    transform = EACH[name]

    def drawn(seed: int) -> Tensor:
        manual_seed(seed)
        return transform(many)

    assert equal(drawn(0), drawn(0))
    assert not equal(drawn(0), drawn(1))
    with using_generator(Generator().manual_seed(0)) as mine:
        assert current_generator() is mine
        first = transform(many)
        assert not equal(transform(many), first), "the generator went on"
    assert equal(drawn(0), first)


def places(windows: Tensor) -> list[tuple[int, int]]:
    """Where in IMAGES each of these parts comes from."""
    corners = windows.array[:, 0, 0, 0].astype(int) % (5 * 7 * 3)
    return [(corner // 7, corner % 7) for corner in corners.tolist()]


def test_crops_are_parts_of_their_images_each_elsewhere() -> None:
    manual_seed(0)
    found = set()
    for _ in range(50):
        parts = T.RandomCrop((3, 4))(IMAGES)
        tops_and_lefts = places(parts)
        for image, part, (top, left) in zip(IMAGES, parts, tops_and_lefts, strict=True):
            assert equal(part, image[:, top : top + 3, left : left + 4])
        assert len(set(tops_and_lefts)) > 1
        found |= set(tops_and_lefts)
    assert found == {(top, left) for top in range(3) for left in range(4)}


def test_a_padded_crop_moves_by_up_to_the_padding() -> None:
    one = tensor([[0.0, 0, 0], [0, 5, 0], [0, 0, 0]]).expand(200, 1, 3, 3)
    manual_seed(0)
    moved = T.RandomCrop(3, padding=1)(one).array
    where = {tuple(map(int, np.argwhere(image[0] == 5)[0])) for image in moved}
    assert where == {(y, x) for y in range(3) for x in range(3)}


@given(st.floats(0, 1))
def test_flips_come_as_often_as_they_should(p: float) -> None:
    manual_seed(0)
    images = tensor([[[[0.0, 1.0]]]]).expand(4000, 1, 1, 2)
    share = T.RandomHorizontalFlip(p)(images).array[:, 0, 0, 0].mean()
    assert abs(share - p) < 5 * 0.5 / 4000**0.5


def test_flips() -> None:
    assert equal(T.RandomHorizontalFlip(1)(IMAGES), IMAGES.flip(3))
    assert equal(T.RandomVerticalFlip(1)(IMAGES), IMAGES.flip(2))
    assert T.RandomHorizontalFlip(0)(IMAGES) is IMAGES


def test_pad() -> None:
    done = T.Pad((1, 2, 3, 4), fill=7)(IMAGES)
    assert done.shape == (6, 3, 2 + 5 + 4, 1 + 7 + 3)
    assert equal(done[:, :, 2:7, 1:8], IMAGES)
    assert done.sum().item() == IMAGES.sum().item() + 7 * 18 * (11 * 11 - 35)


def test_quarter_turns_are_exact() -> None:
    square = rand(4, 2, 6, 6)
    turns = np.array([0.0, 90, 180, -90])
    for mode in ("nearest", "bilinear"):
        done = rotated(square.array, turns, mode)
        for image, k, result in zip(square.array, (0, 1, 2, 3), done, strict=True):
            assert np.allclose(result, np.rot90(image, k, (1, 2)), atol=1e-6)


def test_each_image_is_turned_by_its_own_angle() -> None:
    manual_seed(0)
    turned = T.RandomRotation((0, 360))(IMAGES[:1].expand(8, 3, 5, 7)).array
    assert len({image.tobytes() for image in turned}) == 8


def test_what_comes_in_from_outside() -> None:
    ones = np.ones((1, 1, 8, 8))
    for mode in ("nearest", "bilinear"):
        corner = rotated(ones, np.array([45.0]), mode, fill=3)[0, 0, 0, 0]
        assert corner == 3
    away = rotated(ones, np.array([180.0]), center=(0, 0), fill=3)
    assert (away == 3).all()


def test_resize_by_the_shorter_side() -> None:
    assert T.Resize(10)(IMAGES).shape == (6, 3, 10, 14)
    assert T.Resize([10])(IMAGES).shape == (6, 3, 10, 14)
    assert T.Resize((5, 7))(IMAGES) is IMAGES


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: T.RandomCrop(0), "RandomCrop: size: expected an int of at least 1, or two"),
        (lambda: T.RandomCrop((1, 2, 3)), r"got \(1, 2, 3\)"),
        (lambda: T.RandomCrop(3, padding=-1), "padding: expected ints of at least 0"),
        (lambda: T.Pad((1, 2, 3)), r"four \(left, top, right, bottom\); got \(1, 2, 3\)"),
        (lambda: T.Pad(1, padding_mode="wrap"), "expected one of constant, edge, .*got 'wrap'"),
        (lambda: T.RandomHorizontalFlip(1.5), "a probability p, 0 to 1; got 1.5"),
        (lambda: T.RandomRotation(-5), "degrees of at least 0, or a range; got -5"),
        (lambda: T.RandomRotation((5, -5)), r"\(lowest, highest\); got \(5, -5\)"),
        (lambda: T.RandomRotation(5, "cubic"), "'cubic' is not a valid InterpolationMode"),
        (lambda: T.RandomCrop((6, 7))(IMAGES), r"of at least \(6, 7\); got \(5, 7\).*padding"),
    ],
)
def test_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

"""Transforms made of others."""

import numpy as np
import pytest

from tt_data.transforms import Compose, ImageTransform, Lambda, Normalize, RandomCrop, ToTensor
from tt_tensor import equal, rand


def test_one_after_the_other() -> None:
    assert Compose([str.strip, str.upper, len])(" ab ") == 2
    assert Compose([])("as it is") == "as it is"


def test_what_takes_batches() -> None:
    assert Compose([ToTensor(), RandomCrop(4), Normalize(0.5, 0.5)]).takes_batches
    assert not Compose([ToTensor(), Lambda(str)]).takes_batches
    assert not Compose([ToTensor(), str]).takes_batches
    assert Compose([Compose([ToTensor()])]).takes_batches


def test_one_of_ones_own() -> None:
    class Negative(ImageTransform):
        def apply(self, images: np.ndarray) -> np.ndarray:
            return 1 - images

    images = rand(2, 3, 4, 5)
    assert equal(Negative()(images), 1 - images)
    assert Negative().takes_batches
    with pytest.raises(NotImplementedError, match="needs a method apply"):
        ImageTransform()(images)


def test_how_they_look() -> None:
    steps = Compose([RandomCrop(4, padding=1), ToTensor(), Lambda(str)])
    assert repr(steps) == (
        "Compose(\n    RandomCrop(size=(4, 4), padding=1)\n    ToTensor()\n    Lambda()\n)"
    )


def test_what_cannot_be_called() -> None:
    with pytest.raises(TypeError, match="Lambda: expected a function, got int"):
        Lambda(3)

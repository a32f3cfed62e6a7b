"""A tensor is shown as by PyTorch: the same characters, but for the "torch." before a dtype."""

from typing import Any

import numpy as np
import pytest

import tt_tensor

torch = pytest.importorskip("torch")

SHAPES = [(), (0,), (2, 0), (1,), (9,), (2, 7), (7, 2), (3, 1, 4), (2, 2, 2, 2), (1001,), (40, 40)]
SHAPES += [(12, 9, 12), (2, 600), (3, 400, 1)]
DTYPES = ["float32", "float64", "float16", "int64", "int32", "uint8", "bool"]
VALUES = {
    "ordinary": lambda x: x,
    "whole": np.round,
    "large": lambda x: x * 3e4,
    "small": lambda x: x * 1e-4,
    "far apart": lambda x: x**9,
    "not finite": lambda x: np.where(x > 1, np.inf, np.where(x < -1, np.nan, x)),
    "whole or not finite": lambda x: np.where(x > 1, -np.inf, np.round(x)),
    "zero": lambda x: x * 0,
}


def shown(framework: Any, array: Any) -> str:
    """The text without what depends on the length of a dtype's name: where its line breaks."""
    lines = repr(framework.tensor(array)).replace("torch.", "").splitlines()
    return "\n".join(lines).replace(",\n       dtype=", ", dtype=")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", VALUES)
def test_the_same_characters(kind: str, dtype: str) -> None:
    for shape in SHAPES:
        numbers = 3 * np.sin(np.arange(np.prod(shape, dtype=int)) * 1.7).reshape(shape)
        with np.errstate(all="ignore"):
            array = np.asarray(VALUES[kind](numbers)).astype(dtype)
        assert shown(tt_tensor, array) == shown(torch, array), (shape, array)

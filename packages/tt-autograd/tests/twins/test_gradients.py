"""Every expression of tt-tensor's twins has the same gradients in both frameworks."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

_TWINS = Path(__file__).parents[3] / "tt-tensor" / "tests" / "twins"
EXPRESSIONS = runpy.run_path(str(_TWINS / "test_expressions.py"))["EXPRESSIONS"]

_STEP = "a step function has the gradient 0; PyTorch has none"
_SURPLUS = "elements of src beyond the index get the gradient 0; PyTorch raises"
_NUMPY = "numpy() refuses tensors that require grad in both"
DIFFERENT = {
    "x // y": _STEP,
    "x // 2": _STEP,
    "x // 0": _STEP,
    "7 // p": _STEP,
    "t.floor_divide(x, y)": _STEP,
    "x.floor_divide(2)": _STEP,
    "x.norm(0)": _STEP,
    "5 % p": "PyTorch has no gradient by the divisor of a number",
    "f.relu()": "a nan passes no gradient back; in PyTorch it does",
    "t.scatter(x, 1, l[:, :2], y)": _SURPLUS,
    "x.scatter(1, l[:, :1], y)": _SURPLUS,
    "x.scatter(dim=0, index=k[None], src=y)": _SURPLUS,
    "x.scatter_add(0, k[None], y)": _SURPLUS,
    "x.scatter_add(1, l[:, :2], y)": _SURPLUS,
    "x.numpy().sum()": _NUMPY,
    "np.asarray(x).dtype.name": _NUMPY,
    "np.sum(x.numpy())": _NUMPY,
}


@pytest.mark.parametrize("expression", [e for e in EXPRESSIONS if e not in DIFFERENT])
@pytest.mark.filterwarnings("ignore")  # PyTorch's own notices; ours would fail the other suites
def test_gradient(expression: str, same_gradients: Callable[[str], None]) -> None:
    same_gradients(expression)


def test_the_differences_are_of_expressions_that_exist() -> None:
    assert DIFFERENT.keys() <= set(EXPRESSIONS)

"""One source, two frameworks: every expression here is evaluated by both and must agree."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tt_tensor

torch = pytest.importorskip("torch")

OPERANDS: dict[str, Any] = {
    "x": [[0.5, -1.5, 2.0], [-0.25, 3.0, -2.5]],
    "y": [[1.5, 0.75, -2.0], [2.25, -1.0, 0.5]],
    "p": [[0.5, 1.5, 2.0], [0.25, 3.0, 2.5]],  # positive
    "u": [[0.5, -0.75, 0.1], [-0.25, 0.9, 0.0]],  # within -1 to 1
    "r": [[1.0, 3.0, 3.0], [2.0, 2.0, -1.0]],  # with ties
    "c": [[2.0], [-3.0]],  # a column
    "v": [1.0, -2.0, 3.0],  # a vector
    "s": 1.5,  # 0-d
    "e": np.zeros((0, 3), np.float32),  # empty
    "o": [[[1.0], [2.0]]],  # (1, 2, 1)
    "w": np.linspace(-2, 2, 24, dtype=np.float32).reshape(2, 3, 4) ** 3,
    "a": np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 4, 3),
    "m": [[1.0, 2.0], [-3.0, 4.0], [0.5, -6.0]],  # (3, 2)
    "q": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]],  # square
    "f": [[np.inf, -np.inf, np.nan], [0.0, 1.0, -1.0]],
    "g": np.array([[0.5, -1.5, 2.0], [-0.25, 3.0, -2.5]], np.float16),
    "d": np.array([[0.5, -1.5, 2.0], [-0.25, 3.0, -2.5]], np.float64),
    "i": [[1, -2, 3], [4, 0, -7]],
    "j": [[2, 3, -4], [3, 5, 2]],
    "k": [1, 0, 1],  # positions of rows
    "l": [[0, 2, 1], [1, 1, 0]],  # positions of columns
    "h": np.array([[1, 200, 3], [4, 0, 7]], np.uint8),
    "b": [[True, False, True], [False, False, True]],
    "n": [True, False, True],
}


def inputs(framework: Any) -> dict[str, Any]:
    """The operands as tensors of that framework; z is a transposed (not contiguous) one."""
    named = {}
    for name, data in OPERANDS.items():
        array = np.array(data)
        wide = isinstance(data, np.ndarray) or array.dtype != np.float64
        named[name] = framework.tensor(array if wide else array.astype(np.float32))
    named["z"] = framework.tensor(np.arange(6, dtype=np.float32).reshape(3, 2) - 2).T
    return named


def plain(value: Any) -> Any:
    """A result as (dtype, array), numbers, and tuples of these: comparable across frameworks."""
    if isinstance(value, tt_tensor.Tensor):
        return value.dtype.name, value.array
    if isinstance(value, torch.Tensor):
        return str(value.dtype).removeprefix("torch."), value.detach().numpy()
    if isinstance(value, (tt_tensor.Generator, torch.Generator)):
        return "a generator"
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, (tuple, list)):
        return tuple(plain(item) for item in value)
    return value


def agree(ours: Any, theirs: Any, rtol: float = 2e-5, atol: float = 2e-6) -> None:
    """Compare two plain results: dtypes, shapes and values."""
    assert isinstance(ours, tuple) == isinstance(theirs, tuple), (ours, theirs)
    if not isinstance(ours, tuple):
        if isinstance(ours, np.ndarray):
            assert ours.shape == theirs.shape, f"shape {ours.shape}, expected {theirs.shape}"
            if ours.dtype == np.float16:
                rtol, atol = 2e-3, 1e-3
            np.testing.assert_allclose(ours, theirs, rtol, atol)
        else:
            assert type(ours) is type(theirs), (ours, theirs)
            exact = not isinstance(ours, float)
            assert ours == (theirs if exact else pytest.approx(theirs, rtol, nan_ok=True))
        return
    assert len(ours) == len(theirs), (ours, theirs)
    for one, other in zip(ours, theirs, strict=True):
        agree(one, other, rtol, atol)


def evaluate(expression: str, framework: Any) -> Any:
    """The plain result of an expression in which ``t`` is the framework."""
    return plain(eval(expression, {"t": framework, "np": np} | inputs(framework)))


@pytest.fixture
def both() -> Callable[[Any], None]:
    """Check that an expression, or a function of the framework, gives the same in both."""

    def check(case: Any) -> None:
        if isinstance(case, str):
            agree(evaluate(case, tt_tensor), evaluate(case, torch))
        else:
            agree(plain(case(tt_tensor)), plain(case(torch)))

    return check


@pytest.fixture
def both_raise() -> Callable[[str], None]:
    """Check that an expression is refused by both, by us with a message that helps."""

    def check(expression: str) -> None:
        refusals = (ValueError, TypeError, IndexError, RuntimeError)
        with pytest.raises((*refusals, AssertionError)):  # the last for a build without a device
            evaluate(expression, torch)
        with pytest.raises(refusals) as caught:
            evaluate(expression, tt_tensor)
        assert len(str(caught.value)) > 15, "an error needs a message"

    return check

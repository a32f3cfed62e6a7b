"""One source, two frameworks: every gradient must agree with PyTorch's.

The operands, the expressions and the comparison are those of tt-tensor's twins.
"""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tt_tensor

torch = pytest.importorskip("torch")

TENSOR_TWINS = Path(__file__).parents[3] / "tt-tensor" / "tests" / "twins"
_shared = runpy.run_path(str(TENSOR_TWINS / "conftest.py"))
inputs, plain, agree = _shared["inputs"], _shared["plain"], _shared["agree"]


def leaves(framework: Any) -> dict[str, Any]:
    """The operands, the floating ones requiring grad."""
    named = inputs(framework)
    for x in named.values():
        if x.is_floating_point():
            x.requires_grad_()
    named["z"] = named["z"].detach().requires_grad_()
    return named


def tensors(value: Any) -> list[Any]:
    """All tensors in a result."""
    if isinstance(value, (tuple, list)):
        return [x for item in value for x in tensors(item)]
    return [value] if isinstance(value, (tt_tensor.Tensor, torch.Tensor)) else []


def gradients(expression: str, framework: Any) -> dict[str, Any]:
    """The gradient of a weighted sum of the results by each operand, None where there is none."""
    named = leaves(framework)
    results = tensors(eval(expression, {"t": framework, "np": np} | named))
    live = [x for x in results if x.requires_grad]
    total = None
    for x in live:
        weight = np.cos(np.arange(x.numel()) + 1.0).reshape(tuple(x.shape))
        part = (x * framework.tensor(weight).to(x.dtype)).to(framework.float64).sum()
        total = part if total is None else total + part
    if total is not None:
        total.backward()
    found = {name: None if x.grad is None else plain(x.grad) for name, x in named.items()}
    return found | {"followed": [x.requires_grad for x in results]}


@pytest.fixture
def same_gradients() -> Callable[[str], None]:
    """Check that an expression has the same gradients in both frameworks."""

    def check(expression: str) -> None:
        ours, theirs = gradients(expression, tt_tensor), gradients(expression, torch)
        for name, expected in theirs.items():
            if name == "followed":
                assert ours[name] == expected
                continue
            assert (ours[name] is None) == (expected is None), name
            if expected is not None:
                agree(ours[name], expected, 1e-4, 1e-5)

    return check


@pytest.fixture
def compare() -> Callable[[Any, Any], None]:
    """Check that two results, of one framework each, are the same."""
    return lambda ours, theirs: agree(plain(ours), plain(theirs))

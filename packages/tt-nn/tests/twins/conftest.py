"""One source, two frameworks: expressions over ``t``, ``nn`` and ``F`` that both evaluate.

The results must agree, and so must the gradients by every operand and every parameter.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import tt_nn
import tt_nn.functional
import tt_tensor

torch = pytest.importorskip("torch")


class Framework(NamedTuple):
    """The three imports that a source changes."""

    t: Any
    nn: Any
    F: Any


OURS = Framework(tt_tensor, tt_nn, tt_nn.functional)
THEIRS = Framework(torch, torch.nn, torch.nn.functional)
TOLERANCE = {"float64": 1e-10, "float32": 2e-4}


def wave(*shape: int, phase: float = 0.0) -> Any:
    """Numbers within -1.6 to 1.6 that repeat nowhere."""
    count = int(np.prod(shape))
    return 1.6 * np.sin(np.arange(count) * 1.7 + phase).reshape(shape)


def probabilities(*shape: int, phase: float = 0.0) -> Any:
    """Rows that sum to 1."""
    e = np.exp(wave(*shape, phase=phase))
    return e / e.sum(-1, keepdims=True)


ROWS_OPEN = np.array([[True, False, True, True, False, True, False]] * 5)
ROWS_OPEN[1] = False  # a row that may look nowhere
ROWS_OPEN[3] = True

FLOATING: dict[str, Any] = {
    "x": wave(2, 3),
    "y": wave(2, 3, phase=1),
    "z": np.array([[0.0, -60.0, 60.0], [1e-3, -20.5, 21.0]]),  # far from 0, and 0
    "p": np.array([[0.2, 0.9, 0.5], [0.01, 0.7, 0.3]]),
    "edge": np.array([[0.0, 1.0, 1e-7], [0.5, 1.0, 0.0]]),
    "wide": np.array([[0.5, 3.0, -2.0], [np.inf, 0.0, -np.inf]]),
    "low": np.array([[-np.inf, 1.0, 2.0], [0.5, -np.inf, 1.0]]),
    "s": np.array(0.7),
    "v": wave(3, phase=2),
    "m": wave(4, 3, phase=3),
    "e": np.zeros((0, 3)),
    "a3": wave(2, 4, 3, phase=4),
    "zeros": np.zeros((2, 3)),
    "logits": wave(4, 5, phase=5),
    "image": wave(2, 5, 3, 2, phase=6),
    "row": wave(5, phase=7),
    "none": np.zeros((0, 5)),
    "w5": np.array([0.5, 2.0, 1.0, 0.1, 3.0]),
    "share": probabilities(4, 5, phase=8),
    "shares": np.moveaxis(probabilities(2, 3, 2, 5, phase=9), -1, 1),
    "share1": probabilities(5, phase=10),
    "hot": np.eye(5)[[0, 2, 4, 1]],
    "table": wave(7, 4, phase=11),
    "q": wave(2, 4, 5, 6, phase=12),
    "k": wave(2, 4, 7, 6, phase=13),
    "u": wave(2, 4, 7, 3, phase=14),
    "k2": wave(2, 2, 7, 6, phase=15),
    "u2": wave(2, 2, 7, 3, phase=16),
    "bias": wave(5, 7, phase=17),
    "bias4": wave(2, 1, 5, 7, phase=18),
    "seq": wave(5, 2, 8, phase=19),  # (T, B, E)
    "mem": wave(7, 2, 8, phase=20),
    "memk": wave(7, 2, 3, phase=21),
    "memv": wave(7, 2, 6, phase=22),
    "square": wave(5, 5, phase=23),
    "padbias": wave(2, 7, phase=24),
    "photo": wave(2, 4, 7, 6, phase=25),  # (N, C, H, W)
    "flat": np.round(wave(2, 4, 7, 6, phase=26)),  # many ties
    "holes": np.where(wave(2, 4, 7, 6, phase=27) > 1.3, np.nan, wave(2, 4, 7, 6)),
    "signal": wave(2, 4, 9, phase=28),  # (N, C, L)
    "kernels": wave(6, 4, 3, 2, phase=29),
    "halves": wave(6, 2, 3, 3, phase=30),  # for two groups
    "depth": wave(8, 1, 2, 2, phase=31),  # for each channel two of its own
    "waves": wave(6, 2, 3, phase=32),
    "six": wave(6, phase=33),
    "four": wave(4, phase=34),
}
FIXED: dict[str, Any] = {
    "i": np.array([0, 4, 2, 1]),
    "ignored": np.array([0, -100, 2, -100]),
    "nothing": np.array([-100] * 4),
    "minus": np.array([-1, 4, -1, 1]),
    "i0": np.array(3),
    "iimage": np.array([[[0, 4], [2, -100], [1, 1]], [[3, 3], [-100, 0], [4, 2]]]),
    "inone": np.zeros(0, np.int64),
    "ids": np.array([[0, 6, 2], [2, 2, 5]]),
    "t01": np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]),
    "open": ROWS_OPEN,
    "shut": ~ROWS_OPEN,
    "open4": ROWS_OPEN[None, None] ^ (np.arange(2) > 0)[:, None, None, None],
    "future": np.triu(np.ones((5, 5), bool), 1),
    "padded": np.array([[False] * 7, [False] * 4 + [True] * 3]),
    "pad5": np.array([[False] * 5, [False, False, True, True, True]]),
    "rmean": wave(4, phase=35),
    "rvar": np.abs(wave(4, phase=36)) + 0.1,
    "heads": (np.arange(2 * 4 * 5 * 7) % 5 == 0).reshape(8, 5, 7),
}


def expressions(name: str) -> list[str]:
    """The lines of a text file here, without comments and empty ones."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def operands(f: Framework, dtype: str) -> dict[str, Any]:
    """All operands; the floating ones are leaves that require grad."""
    named = {}
    for name, data in FLOATING.items():
        named[name] = f.t.tensor(data.astype(dtype)).requires_grad_()
    for name, data in FIXED.items():
        fixed = data.astype(dtype) if data.dtype.kind == "f" else data
        named[name] = f.t.tensor(fixed)
    return named


def filled(f: Framework, module: Any, dtype: str) -> Any:
    """The module with parameters that both frameworks can have: functions of their place."""
    module = module.to(getattr(f.t, dtype))
    for number, (_, parameter) in enumerate(module.named_parameters()):
        values = wave(*parameter.shape, phase=number) * 0.5
        parameter.data.copy_(f.t.tensor(values.astype(dtype)))
    return module


def tensors(value: Any) -> list[Any]:
    """All tensors in a result."""
    if isinstance(value, (tuple, list)):
        return [x for item in value for x in tensors(item)]
    return [value] if isinstance(value, (tt_tensor.Tensor, torch.Tensor)) else []


def array(x: Any) -> Any:
    return None if x is None else x.detach().numpy()


def weighted_sum(f: Framework, x: Any) -> Any:
    """Every element with a weight of its own, so that no gradient cancels."""
    weights = np.cos(np.arange(x.numel()) + 1.0).reshape(tuple(x.shape))
    return (x * f.t.tensor(weights).to(x.dtype)).sum()


def evaluate(f: Framework, expression: str, dtype: str) -> dict[str, Any]:
    """The results and gradients of an expression. ``L`` in it fills a module's parameters."""
    named = operands(f, dtype)
    modules: list[Any] = []

    def layer(module: Any) -> Any:
        modules.append(filled(f, module, dtype))
        return module

    results = tensors(eval(expression, {**f._asdict(), "np": np, "L": layer} | named))
    found = {f"result {n}": array(x) for n, x in enumerate(results)}
    total = sum(weighted_sum(f, x) for x in results if x.requires_grad)
    if tensors(total):
        total.backward()
    found |= {name: array(named[name].grad) for name in FLOATING}
    for module in modules:
        found |= {name: array(p.grad) for name, p in module.named_parameters()}
    return found


@pytest.fixture(params=["float64", "float32"])
def same(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Check that an expression has the same results and gradients in both frameworks."""

    def check(expression: str) -> None:
        ours = evaluate(OURS, expression, request.param)
        theirs = evaluate(THEIRS, expression, request.param)
        assert ours.keys() == theirs.keys()
        tolerance = TOLERANCE[request.param]
        for name, expected in theirs.items():
            assert (ours[name] is None) == (expected is None), name
            if expected is not None:
                assert ours[name].dtype == expected.dtype, name
                np.testing.assert_allclose(ours[name], expected, tolerance, tolerance, err_msg=name)

    return check


@pytest.fixture
def both_refuse() -> Callable[[str], None]:
    """Check that an expression is refused by both, by us with a message that helps."""

    def check(expression: str) -> None:
        refusals = (ValueError, TypeError, IndexError, RuntimeError, AttributeError)
        with pytest.raises((*refusals, AssertionError, KeyError)):
            evaluate(THEIRS, expression, "float32")
        with pytest.raises(refusals) as caught:
            evaluate(OURS, expression, "float32")
        assert len(str(caught.value)) > 15, "an error needs a message"

    return check

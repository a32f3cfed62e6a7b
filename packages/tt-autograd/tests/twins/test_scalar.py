"""The engine for single numbers trains like micrograd and like PyTorch."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from tt_autograd import scalar


def losses(number: Callable[[float], Any], read: Callable[[Any], float]) -> list[float]:
    """30 steps of a 2-4-4-1 network on four points, number by number."""
    generator = random.Random(0)
    layers = [
        [([number(generator.uniform(-1, 1)) for _ in range(m)], number(0.1)) for _ in range(n)]
        for m, n in ((2, 4), (4, 4), (4, 1))
    ]
    parameters = [p for layer in layers for w, b in layer for p in (*w, b)]
    points = [(0.5, 1.0, 1.0), (-1.0, 0.3, -1.0), (0.2, -0.7, 1.0), (-0.4, -0.9, -1.0)]
    found = []
    for _ in range(30):
        loss: Any = 0.0
        for a, b, target in points:
            x = [number(a), number(b)]
            for k, layer in enumerate(layers):
                x = [sum((w * v for w, v in zip(ws, x, strict=True)), bias) for ws, bias in layer]
                x = [v.relu() for v in x] if k < 2 else x
            loss = (x[0] - target) ** 2 / 4 + loss
        loss.backward()
        found.append(read(loss))
        for p in parameters:
            p.data = p.data - 0.05 * p.grad
            p.grad = None if hasattr(p, "detach") else 0.0
    return found


@pytest.fixture(scope="module")
def ours() -> list[float]:
    found = losses(scalar.Value, lambda v: v.data)
    assert found[-1] < 0.5 * found[0] and math.isfinite(found[-1])
    return found


def test_as_micrograd(ours: list[float]) -> None:
    engine = pytest.importorskip("micrograd.engine")
    assert ours == pytest.approx(losses(engine.Value, lambda v: v.data), rel=1e-9)


def test_as_torch(ours: list[float]) -> None:
    torch = pytest.importorskip("torch")

    def number(value: float) -> Any:
        return torch.tensor(value, dtype=torch.float64, requires_grad=True)

    assert ours == pytest.approx(losses(number, lambda v: v.item()), rel=1e-9)

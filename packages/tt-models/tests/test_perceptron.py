"""The perceptron decides, and learns what a line can separate."""

import numpy as np
import pytest

from tt_models import Perceptron
from tt_tensor import float64, ones, tensor, zeros


def test_decisions_are_0_or_1() -> None:
    model = Perceptron(2)
    model.linear.weight.data.copy_(tensor([[1.0, -2.0]]))
    model.linear.bias.data.copy_(tensor([0.5]))
    x = tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.25], [3.0, 1.0]])
    assert model.score(x).tolist() == [1.5, -1.5, 0.0, 1.5]
    assert model(x).tolist() == [1, 0, 0, 1], "exactly on the line is not above it"
    assert model(x).dtype == np.float32
    assert model(x[0]).shape == () and model(zeros(2, 3, 2)).shape == (2, 3)


def test_the_rule() -> None:
    model = Perceptron(2)
    model.linear.weight.data.copy_(tensor([[1.0, 1.0]]))
    model.linear.bias.data.copy_(tensor([-0.5]))
    x = tensor([1.0, 2.0])
    assert not model.learn(x, 1), "a right decision changes nothing"
    assert model.linear.weight.tolist() == [[1, 1]] and model.linear.bias.tolist() == [-0.5]
    assert model.learn(x, 0, rate=0.5)
    assert model.linear.weight.tolist() == [[0.5, 0.0]] and model.linear.bias.tolist() == [-1.0]
    assert model.learn(x, 1)
    assert model.linear.weight.tolist() == [[1.5, 2.0]] and model.linear.bias.tolist() == [0.0]
    assert model.linear.weight.requires_grad and model.linear.weight.grad is None


def test_it_learns_what_a_line_separates() -> None:
    draw = np.random.default_rng(0)
    points = draw.uniform(-1, 1, (200, 2))
    margin = points @ [2.0, -1.0] + 0.3
    points = points[np.abs(margin) > 0.2]
    x = tensor(points, dtype=float64)
    y = tensor((points @ [2.0, -1.0] + 0.3 > 0) * 1.0, dtype=float64)
    model = Perceptron(2).double()
    for _ in range(100):
        wrong = sum(model.learn(p, t.item()) for p, t in zip(x, y, strict=True))
        if not wrong:
            break
    assert wrong == 0 and model(x).tolist() == y.tolist()


def test_it_cannot_learn_exclusive_or() -> None:
    x, y = tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), [0, 1, 1, 0]
    model = Perceptron(2)
    for _ in range(50):
        wrong = sum(model.learn(p, t) for p, t in zip(x, y, strict=True))
        assert wrong > 0


@pytest.mark.parametrize("target", [-1, 2, 0.5])
def test_targets_are_0_or_1(target: float) -> None:
    with pytest.raises(ValueError, match=f"the target must be 0 or 1, got {target}"):
        Perceptron(2).learn(ones(2), target)

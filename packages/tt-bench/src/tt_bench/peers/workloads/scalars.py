"""The network of micrograd's demonstration, 2-16-16-1: four programs that train it alike.

Eight points, a score for each, the hinge loss, and a little weight decay:

    loss = mean(relu(1 - label · score)) + 10⁻⁴ · (sum of the squares of all parameters)

then every parameter p becomes p - 0.1 · d loss / d p.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from .frameworks import Framework
from .workload import Step

__all__ = [
    "numbers_micrograd",
    "numbers_scalar",
    "numbers_tensor",
    "tensors",
]

SIZES, POINTS, DECAY, RATE = (2, 16, 16, 1), 8, 1e-4, 0.1


def _data() -> tuple[Any, Any, list[Any]]:
    """Points (8, 2), labels (8,) of -1 and 1, and each layer's weight (out, in), all float64."""
    generator = np.random.default_rng(0)
    points = generator.standard_normal((POINTS, SIZES[0]))
    labels = np.where(points[:, 0] * points[:, 1] > 0, 1.0, -1.0)
    return points, labels, [generator.uniform(-1, 1, (n, m)) for m, n in pairwise(SIZES)]


def _numbers(
    number: Callable[[float], Any],
    constant: Callable[[float], Any],
    neuron: Callable[[Any, Any, Any], Any],
    squares: Callable[[list[Any]], Any],
    update: Callable[[list[Any]], None],
) -> Step:
    """The network number by number, whatever a number is.

    Args:
        number: makes a parameter.
        constant: makes a coordinate of a point.
        neuron: w · x + b.
        squares: the sum of the squares.
        update: takes the parameters a step on and makes their gradients 0.
    """
    points, labels, weights = _data()
    layers = [
        [([number(w) for w in row], number(0.0)) for row in weight.tolist()] for weight in weights
    ]
    parameters = [p for layer in layers for w, b in layer for p in (*w, b)]
    inputs = [[constant(x) for x in point] for point in points.tolist()]
    examples = list(zip(inputs, labels.tolist(), strict=True))

    def score(x: list[Any]) -> Any:
        for layer in layers[:-1]:
            x = [neuron(w, x, b).relu() for w, b in layer]
        ((w, b),) = layers[-1]
        return neuron(w, x, b)

    def step() -> tuple[Any, ...]:
        hinges = [(1 - label * score(x)).relu() for x, label in examples]
        loss = sum(hinges[1:], hinges[0]) * (1 / POINTS) + DECAY * squares(parameters)
        loss.backward()
        update(parameters)
        return (loss,)

    return step


def _neuron(w: list[Any], x: list[Any], b: Any) -> Any:
    """micrograd's: 2n operations."""
    return sum((wi * xi for wi, xi in zip(w, x, strict=True)), b)


def _squares(parameters: list[Any]) -> Any:
    return sum((p * p for p in parameters[1:]), parameters[0] * parameters[0])


def _update_data(parameters: list[Any]) -> None:
    for p in parameters:
        p.data -= RATE * p.grad
        p.grad = 0.0


def numbers_micrograd(framework: Framework) -> Step:
    """Number by number in micrograd."""
    value = import_module("micrograd.engine").Value
    step = _numbers(value, value, _neuron, _squares, _update_data)
    return lambda: tuple(loss.data for loss in step())


def numbers_scalar(framework: Framework) -> Step:
    """Number by number in tt_autograd.scalar, where a neuron is one operation."""
    scalar = import_module("tt_autograd.scalar")
    zero = scalar.Value(0.0)

    def squares(parameters: list[Any]) -> Any:
        return scalar.dot(parameters, parameters, zero)

    step = _numbers(scalar.Value, scalar.Value, scalar.dot, squares, _update_data)
    return lambda: tuple(loss.data for loss in step())


def numbers_tensor(framework: Framework) -> Step:
    """micrograd's program with a tensor for each number: the dearest way to use tensors."""
    torch = framework.torch

    def number(value: float) -> Any:
        return torch.tensor(value, dtype=torch.float64, requires_grad=True)

    def constant(value: float) -> Any:
        return torch.tensor(value, dtype=torch.float64)

    def update(parameters: list[Any]) -> None:
        with framework.no_grad():
            for p in parameters:
                p -= RATE * p.grad
                p.grad = None

    return _numbers(number, constant, _neuron, _squares, update)


def tensors(framework: Framework) -> Step:
    """The network as one would write it: modules, and all points at once."""
    torch, nn = framework.torch, framework.nn
    points, labels, weights = _data()
    x, y = torch.from_numpy(points), torch.from_numpy(labels).reshape(-1, 1)
    first, second, last = (nn.Linear(m, n) for m, n in pairwise(SIZES))
    model = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last).double()
    with framework.no_grad():
        for layer, weight in zip((first, second, last), weights, strict=True):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.zero_()
    parameters = list(model.parameters())
    sgd = framework.optim.SGD(parameters, lr=RATE)

    def step() -> tuple[Any, ...]:
        sgd.zero_grad()
        loss = (1 - y * model(x)).relu().mean()
        loss = loss + DECAY * sum((p * p).sum() for p in parameters)
        loss.backward()
        sgd.step()
        return (loss,)

    return step

"""What is timed against peers: each workload is one function, run on either framework.

A workload builds its data and its model, the same numbers on every framework, and returns a step. A
step returns the tensors by which it can be checked; it reads no value out of them, which would make
a framework wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .frameworks import Framework
from .gpt import build_gpt

__all__ = ["WORKLOADS", "Step", "Workload", "chain", "gpt_step", "mlp_step", "tiny", "watch"]

Step = Callable[[], tuple[Any, ...]]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Workload:
    """A named workload.

    Attributes:
        build: from a framework to the step that is timed.
        goal: the ratio, peer's time / our time, that we mean to reach; None if there is none.
        trains: it has an optimizer, so a peer's faster optimizer makes a difference.
    """

    name: str
    build: Callable[[Framework], Step]
    goal: float | None = None
    trains: bool = False


def watch(step: Step, steps: int) -> list[list[float]]:
    """Take so many steps; of each tensor that they return, the sum of the absolute values."""
    return [[float(tensor.detach().abs().sum()) for tensor in step()] for _ in range(steps)]


def tiny(framework: Framework) -> Step:
    """(x * y + x).sum() of 32 elements, forward and backward: the cost of an operation as such."""
    generator = np.random.default_rng(0)
    x = framework.torch.from_numpy(_normal(generator, 32)).requires_grad_()
    y = framework.torch.from_numpy(_normal(generator, 32)).requires_grad_()

    def step() -> tuple[Any, ...]:
        x.grad = y.grad = None
        out = (x * y + x).sum()
        out.backward()
        return out, x.grad, y.grad

    return step


def chain(framework: Framework) -> Step:
    """100 elementwise operations in a row on 32 elements, forward and backward."""
    generator = np.random.default_rng(0)
    x = framework.torch.from_numpy(_normal(generator, 32)).requires_grad_()

    def step() -> tuple[Any, ...]:
        x.grad = None
        h = x
        for _ in range(25):
            h = ((h * x + x).tanh()) * 0.5
        out = h.sum()
        out.backward()
        return out, x.grad

    return step


def mlp_step(framework: Framework) -> Step:
    """A training step of an MLP 784-128-10 on 64 images, with Adam."""
    nn, generator = framework.nn, np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    initialise(framework, model, generator)
    images = framework.torch.from_numpy(generator.random((64, 784), np.float32))
    labels = framework.torch.from_numpy(generator.integers(0, 10, 64))
    adam = framework.optim.Adam(model.parameters(), lr=1e-3, **framework.optimizer_options)

    def step() -> tuple[Any, ...]:
        adam.zero_grad()
        loss = framework.F.cross_entropy(model(images), labels)
        loss.backward()
        adam.step()
        return (loss,)

    return step


def gpt_step(framework: Framework) -> Step:
    """A training step of a GPT, width 128, 4 layers, 4 heads, on 16 texts of 64 tokens, AdamW."""
    generator = np.random.default_rng(0)
    vocabulary, width, layers, heads, length, batch = 96, 128, 4, 4, 64, 16
    model = build_gpt(framework, vocabulary, length, layers, heads, width)
    initialise(framework, model, generator)
    tokens = framework.torch.from_numpy(generator.integers(0, vocabulary, (batch, length + 1)))
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    options = framework.optimizer_options
    adamw = framework.optim.AdamW(model.parameters(), lr=1e-3, **options)

    def step() -> tuple[Any, ...]:
        adamw.zero_grad()
        logits = model(inputs)  # (B, T, V)
        loss = framework.F.cross_entropy(logits.reshape(-1, vocabulary), targets.reshape(-1))
        loss.backward()
        adamw.step()
        return (loss,)

    return step


def initialise(framework: Framework, model: Any, generator: np.random.Generator) -> None:
    """The same parameters on every framework: biases 0, norms 1, matrices normal / sqrt(fan in)."""
    with framework.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.ndim == 1:
                parameter.fill_(1.0)
            else:
                values = _normal(generator, *parameter.shape) / np.sqrt(parameter.shape[-1])
                parameter.copy_(framework.torch.from_numpy(values.astype(np.float32)))


def _normal(generator: np.random.Generator, *shape: int) -> Array:
    return generator.standard_normal(shape, np.float32)


WORKLOADS = (
    Workload("(x*y+x).sum() forward+backward, 32 elements", tiny, goal=2.0),
    Workload("chain of 100 elementwise ops, 32 elements", chain),
    Workload("MLP 784-128-10, batch 64, Adam step", mlp_step, goal=1.0, trains=True),
    Workload("GPT d128 L4 H4 T64 B16, AdamW step", gpt_step, trains=True),
)

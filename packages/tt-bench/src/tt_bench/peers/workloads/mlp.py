"""A multilayer perceptron for digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .frameworks import Framework
from .workload import Step, initialise

__all__ = ["mlp_step"]


def mlp_step(framework: Framework) -> Step:
    """A training step of an MLP 784-128-10 on 64 images, with Adam."""
    nn, generator = framework.nn, np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    initialise(framework, model, generator)
    images = framework.torch.from_numpy(generator.random((64, 784), np.float32))
    labels = framework.torch.from_numpy(generator.integers(0, 10, 64))
    adam = framework.optim.Adam(model.parameters(), lr=1e-3, **framework.options)

    def step() -> tuple[Any, ...]:
        adam.zero_grad()
        loss = framework.F.cross_entropy(model(images), labels)
        loss.backward()
        adam.step()
        return (loss,)

    return step

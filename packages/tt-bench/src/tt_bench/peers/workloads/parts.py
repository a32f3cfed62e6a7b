"""Parts of a training step by themselves, on arrays large enough that arithmetic decides."""

from __future__ import annotations

from typing import Any

import numpy as np

from .frameworks import Framework
from .workload import Step, normal

__all__ = ["adam_step", "cross_entropy"]


def adam_step(framework: Framework) -> Step:
    """A step of Adam on four matrices of a million parameters each."""
    generator, from_numpy = np.random.default_rng(0), framework.torch.from_numpy
    parameters = [from_numpy(normal(generator, 1000, 1000)).requires_grad_() for _ in range(4)]
    for p in parameters:
        p.grad = from_numpy(normal(generator, 1000, 1000))
    adam = framework.optim.Adam(parameters, lr=1e-3, **framework.options)

    def step() -> tuple[Any, ...]:
        adam.step()
        return tuple(parameters)

    return step


def cross_entropy(framework: Framework) -> Step:
    """The cross-entropy of 1024 softmaxes over 1000 classes, forward and backward."""
    generator = np.random.default_rng(0)
    logits = framework.torch.from_numpy(normal(generator, 1024, 1000)).requires_grad_()
    labels = framework.torch.from_numpy(generator.integers(0, 1000, 1024))
    criterion = framework.nn.CrossEntropyLoss()

    def step() -> tuple[Any, ...]:
        logits.grad = None
        loss = criterion(logits, labels)
        loss.backward()
        return loss, logits.grad

    return step

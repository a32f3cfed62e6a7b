"""Elementwise operations on few numbers: what an operation costs, whatever it computes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from .frameworks import Framework
from .workload import Step, normal

__all__ = ["chain", "chain_autograd", "tiny", "tiny_autograd"]


def tiny(framework: Framework) -> Step:
    """(x * y + x).sum() of 32 elements, forward and backward."""
    generator = np.random.default_rng(0)
    x = framework.torch.from_numpy(normal(generator, 32)).requires_grad_()
    y = framework.torch.from_numpy(normal(generator, 32)).requires_grad_()

    def step() -> tuple[Any, ...]:
        x.grad = y.grad = None
        out = (x * y + x).sum()
        out.backward()
        return out, x.grad, y.grad

    return step


def tiny_autograd(framework: Framework) -> Step:
    """The same with HIPS autograd, which turns a function into that of its value and gradients."""
    autograd, anp = import_module("autograd"), import_module("autograd.numpy")
    generator = np.random.default_rng(0)
    x, y = normal(generator, 32), normal(generator, 32)
    differentiated = autograd.value_and_grad(lambda x, y: anp.sum(x * y + x), (0, 1))

    def step() -> tuple[Any, ...]:
        out, (by_x, by_y) = differentiated(x, y)
        return out, by_x, by_y

    return step


def chain(framework: Framework) -> Step:
    """100 elementwise operations in a row on 32 elements, forward and backward."""
    generator = np.random.default_rng(0)
    x = framework.torch.from_numpy(normal(generator, 32)).requires_grad_()

    def step() -> tuple[Any, ...]:
        x.grad = None
        h = x
        for _ in range(25):
            h = ((h * x + x).tanh()) * 0.5
        out = h.sum()
        out.backward()
        return out, x.grad

    return step


def chain_autograd(framework: Framework) -> Step:
    """The same with HIPS autograd."""
    autograd, anp = import_module("autograd"), import_module("autograd.numpy")
    x = normal(np.random.default_rng(0), 32)

    def program(x: Any) -> Any:
        h = x
        for _ in range(25):
            h = anp.tanh(h * x + x) * np.float32(0.5)
        return anp.sum(h)

    differentiated = autograd.value_and_grad(program)

    def step() -> tuple[Any, ...]:
        out, gradient = differentiated(x)
        return out, gradient

    return step

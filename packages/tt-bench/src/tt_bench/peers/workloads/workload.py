"""A workload: what is timed, on which frameworks, and how what it computed is checked.

It builds its data and its model, the same numbers on every framework, and returns a step. A step
returns the tensors, arrays or numbers by which it can be checked; it reads no value out of them,
which would make a framework wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .frameworks import Framework

__all__ = ["Build", "Step", "Workload", "both", "initialise", "normal", "watch"]

Step = Callable[[], tuple[Any, ...]]
Build = Callable[[Framework], Step]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Workload:
    """A named workload.

    Attributes:
        programs: for each framework that can do it, what builds the step that is timed.
        goals: by contender, the ratio, its time / our time, that we mean to reach.
        options: those of a peer's options that make it faster here, such as ``"fused"``.
        memory_steps: if any, the memory that so many steps take is measured as well.
    """

    name: str
    programs: Mapping[str, Build]
    goals: Mapping[str, float] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    memory_steps: int = 0

    def build(self, framework: Framework) -> Step:
        """The step on this framework.

        Raises:
            ValueError: the framework cannot do it.
        """
        if framework.name not in self.programs:
            raise ValueError(
                f"{self.name}: there is no program for {framework.name!r}, only for "
                f"{', '.join(self.programs)}"
            )
        return self.programs[framework.name](framework)


def both(build: Build, **others: Build) -> dict[str, Build]:
    """One program for TinyTorch and PyTorch, and those of peers with names of their own."""
    return {"tt": build, "torch": build, **others}


def watch(step: Step, steps: int) -> list[list[float]]:
    """Take so many steps; the values that each returned, every one as two weighted sums."""
    return [[total for value in step() for total in _sums(value)] for _ in range(steps)]


def _sums(value: Any) -> tuple[float, float]:
    """The sums of the positive and of the negative elements, with weights from 1 to 2 that tell
    places apart: neither a wrong sign nor a wrong order stays hidden."""
    array = np.asarray(value.detach() if hasattr(value, "detach") else value, np.float64).ravel()
    weights = 1 + np.arange(array.size) % 97 / 97
    return float(np.maximum(array, 0) @ weights), float(np.minimum(array, 0) @ weights)


def initialise(framework: Framework, model: Any, generator: np.random.Generator) -> None:
    """The same parameters on every framework: biases 0, norms 1, matrices normal / sqrt(fan in)."""
    with framework.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.ndim == 1:
                parameter.fill_(1.0)
            else:
                values = normal(generator, *parameter.shape) / np.sqrt(parameter.shape[-1])
                parameter.copy_(framework.torch.from_numpy(values.astype(np.float32)))


def normal(generator: np.random.Generator, *shape: int) -> Array:
    """Standard normal float32."""
    return generator.standard_normal(shape, np.float32)

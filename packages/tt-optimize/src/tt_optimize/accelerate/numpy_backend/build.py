"""Which fast class stands for which model."""

from __future__ import annotations

from tt_models import GPT, LeNet5
from tt_nn import Module, Sequential

from ...replace import replace_layers
from ..base import Accelerated
from .gpt import NumpyGPT
from .sequential import NumpyLeNet5, NumpySequential

__all__ = ["build"]

CLASSES: dict[type[Module], type[Accelerated]] = {
    GPT: NumpyGPT,
    LeNet5: NumpyLeNet5,
    Sequential: NumpySequential,
}


def build(model: Module) -> Module:
    """The model with everything replaced that this backend knows."""
    found = 0

    def make(name: str, layer: Module) -> Module | None:
        nonlocal found
        fast = type(layer) if isinstance(layer, Accelerated) else CLASSES.get(type(layer))
        found += fast is not None
        return None if fast is None else fast.of(layer)

    result: Module = replace_layers(model, make)
    if not found:
        raise ValueError(
            f"accelerate: in {type(model).__name__} the NumPy backend knows nothing; expected a "
            "GPT, an MLP, a CNN, a LeNet5, or layers in a Sequential"
        )
    return result

"""Which compiled class stands for which layer."""

from __future__ import annotations

from tt_models import GPT
from tt_nn import Module

from ...aligned import align
from ...replace import replace_layers
from .. import numpy_backend
from .gpt import CompiledGPT
from .layers import LAYERS

__all__ = ["build"]


def build(model: Module) -> Module:
    """The model with every layer compiled that has a compiled form, on the same parameters.

    A GPT's are moved to where ``decode`` reads them fastest, see ``align``. A model without such
    layers (an MLP, a CNN: large products, which no loop here would beat) is given to the backend
    numpy.

    Raises:
        ValueError: that does not know it either.
    """
    fast: Module = replace_layers(model, lambda name, layer: None)
    found = 0
    for module in fast.modules():
        compiled = CompiledGPT if type(module) is GPT else LAYERS.get(type(module))
        if compiled is not None:
            # the same layer with another forward: attributes, hooks and place in the model stay
            module.__class__ = compiled
            found += 1
        if isinstance(module, CompiledGPT):
            module.prepare()
            align(module)
            found += 1
    if found:
        return fast
    try:
        return numpy_backend.build(model)
    except ValueError as error:
        known = ", ".join(["GPT", *(kind.__name__ for kind in LAYERS)])
        raise ValueError(
            f"accelerate: in {type(model).__name__} the backend numba knows nothing; it compiles "
            f"{known}, and leaves an MLP, a CNN, a LeNet5 and layers in a Sequential to NumPy's"
        ) from error

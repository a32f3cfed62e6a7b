"""Which compiled class stands for which layer."""

from __future__ import annotations

from tt_models import GPT
from tt_nn import Module

from ...aligned import align
from ...replace import replace_layers
from .gpt import CompiledGPT
from .layers import LAYERS

__all__ = ["build"]


def build(model: Module) -> Module:
    """The model with every layer compiled that has a compiled form, on the same parameters.

    A GPT's are moved to where ``decode`` reads them fastest, see ``align``.

    Raises:
        ValueError: it has no such layer.
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
    if not found:
        known = ", ".join(["GPT", *(kind.__name__ for kind in LAYERS)])
        raise ValueError(
            f"accelerate: in {type(model).__name__} the backend numba knows nothing; it compiles "
            f'{known}. Use backend="numpy"'
        )
    return fast

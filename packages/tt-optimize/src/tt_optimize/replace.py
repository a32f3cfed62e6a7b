"""Other layers in the place of a model's layers: the step that all ways of compressing share.

A model is a tree of modules, and a compressed model is the same tree with other leaves: an int8
layer for each Linear, two thin layers for a wide one. What differs from technique to technique is
how one layer is made from another; the walk over the tree is the same, and stands here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tt_nn import Module

__all__ = ["replace_layers"]

_HOOKS = {"_forward_hooks", "_forward_pre_hooks"}


def replace_layers(model: Module, make: Callable[[str, Module], Module | None]) -> Any:
    """The model with ``make(name, layer)`` in the place of each layer for which that is not None.

    All modules of the result are new, and the given model stays as it is. Its tensors are not
    copied: what was not replaced is on the same memory as in the model. For a model that is to live
    on its own, copy the result: ``copy.deepcopy(replace_layers(model, make))``.

    ``make`` is asked from the outside in, the model itself first (under the name ""). It is not
    asked about what is inside a layer it has replaced, and once only about a layer that stands in
    several places: its replacement will stand in all of them. The hooks of a layer are its
    replacement's.

    Args:
        make: gets the dotted name of a module, as in ``named_modules()``, and the module; returns
            what is to stand in its place, or None to keep it and to look inside.

    Raises:
        TypeError: ``make`` returned something that is no module.

    >>> from tt_nn import Linear, ReLU, Tanh, Sequential
    >>> model = Sequential(Linear(4, 3), ReLU())
    >>> replace_layers(model, lambda name, layer: Tanh() if isinstance(layer, ReLU) else None)
    Sequential(
      (0): Linear(in_features=4, out_features=3, bias=True)
      (1): Tanh()
    )
    """
    # what deepcopy finds in its memo counts as copied: it takes that and does not look inside
    memo: dict[int, Any] = {}
    kept: set[int] = set()

    def visit(name: str, module: Module) -> None:
        if id(module) in memo or id(module) in kept:
            return
        made = make(name, module)
        if made is None:
            kept.add(id(module))
            for child_name, child in module.named_children():
                visit(f"{name}.{child_name}" if name else child_name, child)
        elif isinstance(made, Module):
            memo[id(module)] = made
            for hooks in _HOOKS & vars(module).keys() - vars(made).keys():
                vars(made)[hooks] = vars(module)[hooks].copy()
        else:
            raise TypeError(
                f"replace_layers: for {name!r} expected a Module or None, got {type(made).__name__}"
            )

    visit("", model)
    for tensor in (*model.parameters(), *model.buffers()):
        memo[id(tensor)] = tensor
    return copy.deepcopy(model, memo)

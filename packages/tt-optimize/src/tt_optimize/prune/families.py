"""What each family of models applies, and in which order: two tables, one line a family.

`couplings` looks each module of a model up here. A model of your own is one line, too:

    CHAINS[MyNet] = lambda net: [net.conv1, ReLU(), net.conv2, Flatten(), net.head]

A Sequential needs no entry. What has none is left alone, apart from the modules inside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from tt_models import CNN, MLP, LeNet5, gpt
from tt_nn import Flatten, MaxPool2d, Module, ReLU, Sequential, SwiGLU

from .couplings import Coupling, chained, columns, first, last, leaves, rows

__all__ = ["CHAINS", "PARTS", "couplings"]


def neurons(mlp: Any) -> list[Coupling]:
    """c_proj(gelu(c_fc(x))): neuron j is row j of c_fc and column j of c_proj."""
    up, down = last(mlp.c_fc), first(mlp.c_proj)
    each = np.arange(up.weight.shape[0]).reshape(-1, 1)  # type: ignore[attr-defined]
    return [Coupling("neurons", up, (*rows(up, each), columns(down, each)))]


def gated_neurons(mlp: Any) -> list[Coupling]:
    """w2(silu(w1 x) · w3 x): neuron j is row j of w1 and of w3, and column j of w2."""
    up, gate, down = last(mlp.w1), last(mlp.w3), first(mlp.w2)
    each = np.arange(up.weight.shape[0]).reshape(-1, 1)  # type: ignore[attr-defined]
    cuts = (*rows(up, each), *rows(gate, each), columns(down, each))
    return [Coupling("neurons", up, cuts)]


def heads(attention: Any) -> list[Coupling]:
    """Head h is its queries, keys and values, rows of c_attn, and its columns of c_proj.

    Where several query heads share keys and values, the whole group is one unit.
    """
    groups, size = attention.n_kv_head, attention.head_dim
    q, k, _ = attention.widths
    queries = np.arange(q).reshape(groups, -1)  # (groups, query heads in it · head_dim)
    keys = np.arange(groups * size).reshape(groups, size)
    places = np.concatenate([queries, q + keys, q + k + keys], axis=1)
    cuts = (*rows(last(attention.c_attn), places), columns(first(attention.c_proj), queries))
    return [Coupling("heads", last(attention.c_attn), cuts)]


CHAINS: dict[type[Module], Callable[[Any], list[Module]]] = {
    Sequential: list,
    MLP: lambda m: [m.layers],
    CNN: lambda m: [m.stem, m.blocks, m.pool, Flatten(), m.head],
    LeNet5: lambda m: [
        *(m.conv1, ReLU(), MaxPool2d(2), m.conv2, ReLU(), MaxPool2d(2), Flatten()),
        *(m.fc1, ReLU(), m.fc2, ReLU(), m.fc3),
    ],
}
PARTS: dict[type[Module], Callable[[Any], list[Coupling]]] = {
    gpt.MLP: neurons,
    gpt.GatedMLP: gated_neurons,
    SwiGLU: gated_neurons,
    gpt.CausalSelfAttention: heads,
}


def couplings(model: Module) -> list[Coupling]:
    """All units of a model that can be removed, layer by layer.

    Layers and weights that the model uses in several places are left out: what is right for one
    place would be wrong for another.

    >>> from tt_models import CNN
    >>> [(c.kind, c.units) for c in couplings(CNN(1, widths=(16, 32, 64)))]
    [('channels', 16), ('channels', 32), ('channels', 32), ('channels', 64), ('channels', 64)]
    """
    uses = Counter(id(module) for module in model.modules(remove_duplicate=False))
    uses.update(id(tensor) for _, tensor in model.named_parameters(remove_duplicate=False))
    uses.update(id(tensor) for _, tensor in model.named_buffers(remove_duplicate=False))
    return [
        coupling
        for coupling in _found(model)
        if all(uses[id(c.layer)] == uses[id(getattr(c.layer, c.name))] == 1 for c in coupling.cuts)
    ]


def _found(module: Module) -> list[Coupling]:
    """The couplings of a module, and of what is inside it."""
    if type(module) in PARTS:
        return PARTS[type(module)](module)
    if type(module) in CHAINS:
        inside = list(leaves(CHAINS[type(module)](module)))
        found = chained(inside)
    else:
        inside, found = list(module.children()), []
    return found + [coupling for child in inside for coupling in _found(child)]

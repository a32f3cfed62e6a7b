"""Structured pruning: whole channels, neurons and heads go, and the layers are rebuilt smaller.

Unlike single zeros, this makes a model faster on any machine: what is left is an ordinary, smaller
network. Half of the channels of every layer is a quarter of the multiplications of a convolution,
as it loses half of its inputs and half of its outputs.

It also costs more than single zeros, as a unit goes with all its weights. Train on for some epochs
afterwards; that gives back most of what was lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from tt_models import GPT
from tt_nn import Linear, Module, Parameter
from tt_tensor.tensor import wrap

from .couplings import CONVOLUTIONS, NORMS, Coupling, last
from .families import couplings
from .importance import LossStep, importance_of

__all__ = ["KINDS", "remove_units"]

Array = np.ndarray[Any, np.dtype[Any]]
KINDS = ("channels", "neurons", "heads")


def remove_units(
    model: Module,
    amount: float,
    scope: str,
    kinds: Iterable[str],
    importance: str,
    calibration: Iterable[Any] | None,
    loss_step: LossStep | None,
) -> None:
    """Remove the share ``amount`` of the units of these kinds, the least important, in place.

    Raises:
        ValueError: there are none, or a layer would be left with none.
    """
    kinds = tuple(kinds)
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ValueError(f"prune: expected units among {', '.join(KINDS)}; got {unknown[0]!r}")
    found = [coupling for coupling in couplings(model) if coupling.kind in kinds]
    if not found:
        raise ValueError(
            f"prune: found no {', '.join(kinds)} to remove from this {type(model).__name__}: units "
            "can go only where it is known which layer reads them. help: put the layers into a "
            "Sequential, or say what feeds what in tt_optimize.prune.families.CHAINS"
        )
    models = [module for module in model.modules() if isinstance(module, GPT)]
    if models and scope == "global":
        raise ValueError(
            "prune: a GPT has one size for all its layers (GPTConfig, and a KVCache, know one "
            "n_head and one intermediate_size). help: scope='layer'"
        )
    scores = importance_of(model, found, importance, calibration, loss_step)
    kept = _kept(scores, amount, scope)
    names = {id(module): name for name, module in model.named_modules()}
    for coupling, keep in zip(found, kept, strict=True):
        if not keep.any():
            raise ValueError(
                f"prune: amount={amount} would leave {names[id(coupling.layer)]!r} without "
                f"{coupling.kind}; it has {coupling.units}. help: a smaller amount"
                + (", or scope='layer'" if scope == "global" else "")
            )
    _rebuild(found, kept)
    for gpt in models:
        _resize(gpt)


def _kept(scores: list[Array], amount: float, scope: str) -> list[Array]:
    """True for each unit that stays, (units,) for each coupling."""
    if scope == "layer":
        return [_largest(score, amount) for score in scores]
    # what a layer's scores are on average depends on its sizes and says nothing: divide by it
    relative = [score / max(score.mean(), 1e-30) for score in scores]
    ends = np.cumsum([score.size for score in scores])[:-1]
    return np.split(_largest(np.concatenate(relative), amount), ends)


def _largest(score: Array, amount: float) -> Array:
    """True for all but the ``amount`` · n smallest; among equals, the first stay."""
    keep = np.zeros(score.size, bool)
    keep[np.argsort(-score, kind="stable")[: score.size - round(amount * score.size)]] = True
    return keep


def _rebuild(found: list[Coupling], kept: list[Array]) -> None:
    """Cut the tensors down to what stays, and set the sizes that the layers know."""
    stays: dict[tuple[Module, str], dict[int, Array]] = defaultdict(dict)
    for coupling, keep in zip(found, kept, strict=True):
        for cut in coupling.cuts:
            stays[cut.layer, cut.name][cut.dim] = np.sort(cut.places[keep].reshape(-1))
    for (layer, name), places in stays.items():
        tensor = getattr(layer, name)
        array = tensor.array
        for dim, indices in places.items():
            array = np.take(array, indices, axis=dim)
        array = np.ascontiguousarray(array)
        if isinstance(tensor, Parameter):
            setattr(layer, name, Parameter(wrap(array), requires_grad=tensor.requires_grad))
        else:
            setattr(layer, name, wrap(array))
    for layer in {layer for layer, _ in stays}:
        _set_sizes(layer)


def _set_sizes(layer: Any) -> None:
    """The sizes that a layer keeps as numbers, from the shape of its weight."""
    if type(layer) is Linear:
        layer.out_features, layer.in_features = layer.weight.shape
    elif type(layer) in CONVOLUTIONS:
        layer.out_channels = layer.weight.shape[0]
        layer.in_channels = layer.weight.shape[1] * layer.groups
    elif type(layer) in NORMS:
        sized = next(t for t in (layer.weight, layer.running_mean) if t is not None)
        (layer.num_features,) = sized.shape


def _resize(model: GPT) -> None:
    """Make ``config`` and what the attention layers know agree with the weights.

    So the result is what ``GPT(model.config)`` would make: it can be saved, loaded, given a cache.
    """
    config = model.config
    found: set[tuple[int, int]] = set()
    for block in model.transformer["h"]:  # type: ignore[attr-defined]
        attention, mlp = block.attn, block.mlp
        size, per_group = attention.head_dim, config.n_head // config.kv_heads
        width = last(attention.c_attn).weight.shape[0]  # type: ignore[attr-defined]
        groups = width // (size * (per_group + 2))
        attention.n_head, attention.n_kv_head = groups * per_group, groups
        attention.widths = [groups * per_group * size, groups * size, groups * size]
        up = last(mlp.c_fc if config.mlp == "gelu" else mlp.w1)
        inner = up.weight.shape[0]  # type: ignore[attr-defined]
        found.add((groups, inner))
    if len(found) > 1:
        raise ValueError(
            "prune: the layers of this GPT would differ in size, as some of them share weights or "
            "are of another kind and are left alone; a GPTConfig has one size for all. help: "
            "units=('heads',) or units=('neurons',), whichever all layers have"
        )
    sizes: dict[str, Any] = {}
    if inner != config.inner_size:
        sizes["intermediate_size"] = inner
    if attention.n_head != config.n_head:
        sizes |= {"n_head": attention.n_head, "head_dim": size}
        if config.n_kv_head is not None:
            sizes["n_kv_head"] = groups
    model.config = replace(config, **sizes)

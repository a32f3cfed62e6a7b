"""Which rows and columns of a model's weights belong together: what must go if a unit goes.

A unit is a channel, a neuron or an attention head. It is computed from some rows of one weight, may
have numbers of its own on the way (a bias, batch norm's scale and statistics), and is read by some
columns of the next weight:

    Linear(64, 128)  →  ReLU  →  Linear(128, 10)         neuron j: row j, bias j; column j
    Conv2d(16, 32)   →  BatchNorm2d(32), MaxPool2d, ReLU  →  Conv2d(32, 64)
                                                         channel c: row c; its norm; column c
    Conv2d(6, 16)    →  pool, Flatten  →  Linear(16·25, 120)
                                                         channel c: row c; columns 25c to 25c + 24

`chained` finds these couplings between layers that are applied one after another. What lies
between two layers must treat each channel by itself: a ReLU or a pooling does, a LayerNorm or a
Softmax does not, and a layer that is not known might do anything, so units before it are left
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tt_nn import (
    ELU,
    GELU,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    Dropout,
    Dropout2d,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    LogSigmoid,
    MaxPool1d,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)

__all__ = ["Coupling", "Cut", "chained", "columns", "first", "last", "leaves", "rows"]

Array = np.ndarray[Any, np.dtype[Any]]

ACTIVATIONS = (ELU, GELU, LeakyReLU, LogSigmoid, ReLU, Sigmoid, SiLU, Softplus, Tanh)
ELEMENTWISE = {*ACTIVATIONS, Dropout, Identity}
POOLINGS = {AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, Dropout2d, MaxPool1d, MaxPool2d}
NORMS = {BatchNorm1d, BatchNorm2d}
CONVOLUTIONS = {Conv1d, Conv2d}


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Where the units' numbers stand in one tensor of one layer.

    Attributes:
        layer: whose tensor it is.
        name: of the attribute, such as "weight".
        dim: along which dim of it; 0 are the rows that compute a unit, 1 the columns that read it.
        places: (units, n), the n indices along that dim that belong to each unit.
    """

    layer: Module
    name: str
    dim: int
    places: Array


@dataclass(frozen=True, slots=True, eq=False)
class Coupling:
    """Units of one kind that can be removed, and everything that goes with them.

    Attributes:
        kind: "channels", "neurons" or "heads".
        layer: the layer that computes them.
        cuts: in all tensors that have numbers of theirs.
    """

    kind: str
    layer: Module
    cuts: tuple[Cut, ...]

    @property
    def units(self) -> int:
        """How many there are."""
        return len(self.cuts[0].places)


def rows(layer: Module, places: Array) -> list[Cut]:
    """The cuts through what a layer has for each output: weight, bias, a norm's statistics."""
    names = ("weight", "bias", "running_mean", "running_var")
    there = (name for name in names if getattr(layer, name, None) is not None)
    return [Cut(layer, name, 0, places) for name in there]


def columns(layer: Module, places: Array) -> Cut:
    """The cut through the numbers with which a layer reads its inputs."""
    return Cut(layer, "weight", 1, places)


def first(layer: Module) -> Module:
    """The layer that reads: of several in a row (one that `low_rank` has split) the first."""
    return first(layer[0]) if type(layer) is Sequential else layer


def last(layer: Module) -> Module:
    """The layer whose outputs come out: of several in a row the last."""
    return last(layer[-1]) if type(layer) is Sequential else layer


def chained(layers: Iterable[Module]) -> list[Coupling]:
    """The couplings between layers that are applied one after another.

    >>> from tt_nn import LayerNorm, Linear, ReLU
    >>> net = [Linear(4, 8), ReLU(), Linear(8, 6), LayerNorm(6), Linear(6, 2)]
    >>> [(c.kind, c.units) for c in chained(net)]
    [('neurons', 8)]
    """
    found: list[Coupling] = []
    source: Module | None = None  # whose outputs are on their way
    cuts: list[Cut] = []
    flat = False  # whether images have become rows of numbers since
    for layer in leaves(layers):
        kind = type(layer)
        if kind is Linear or kind in CONVOLUTIONS:
            places = None if source is None else _places(source, layer, flat)
            if source is not None and places is not None:
                of = "neurons" if type(source) is Linear else "channels"
                found.append(Coupling(of, source, (*cuts, columns(layer, places))))
            # a grouped convolution computes each channel from some of its inputs only
            source = None if getattr(layer, "groups", 1) > 1 else layer
            cuts = rows(layer, _one_each(layer.weight.shape[0]))  # type: ignore[attr-defined]
            flat = False
        elif source is None or kind in ELEMENTWISE:
            continue
        elif kind in NORMS and (places := _places(source, layer, flat)) is not None:
            cuts += rows(layer, places)
        elif kind is Flatten and (layer.start_dim, layer.end_dim) == (1, -1):  # type: ignore[attr-defined]
            flat = True
        elif kind not in POOLINGS or type(source) is Linear or flat:
            source = None
    return found


def leaves(layers: Iterable[Module]) -> Iterator[Module]:
    """The layers with those of each Sequential in its place."""
    for layer in layers:
        if type(layer) is Sequential:
            yield from leaves(layer)
        else:
            yield layer


def _places(source: Module, layer: Module, flat: bool) -> Array | None:
    """Which inputs of ``layer`` are each output of ``source``; None if that is not certain."""
    units = source.weight.shape[0]  # type: ignore[attr-defined]
    read = layer.num_features if type(layer) in NORMS else layer.weight.shape[1]  # type: ignore[attr-defined]
    if flat and type(source) is not Linear:  # (C, H, W) in a row: all of a channel stand together
        spread = type(layer) in (Linear, BatchNorm1d) and read % units == 0
        return np.arange(read).reshape(units, -1) if spread else None
    alike = type(layer) in NORMS or (type(layer) is type(source) and _ungrouped(layer))
    return _one_each(units) if alike and read == units else None


def _ungrouped(layer: Module) -> bool:
    return getattr(layer, "groups", 1) == 1


def _one_each(count: int) -> Array:
    return np.arange(count).reshape(-1, 1)

"""Batch norm as a part of the convolution before it: one layer less, the same function.

In evaluation batch norm is an affine map of each channel with fixed numbers, and a convolution is
affine too; one after the other they are one convolution with other weights:

    g = γ / √(var + ε),    weight' = g · weight,    bias' = (bias - mean) · g + β

A max-pooling between the two is no obstacle as long as g > 0: the largest of some numbers stays the
largest when all are scaled by the same positive number and moved by the same amount.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import numpy as np

from tt_nn import BatchNorm2d, Conv2d, Identity, MaxPool2d, Module, Parameter, Sequential
from tt_tensor.tensor import wrap

from .replace import replace_layers
from .technique import technique

__all__ = ["fold_batch_norm"]

Pairs = list[tuple[Conv2d, BatchNorm2d]]


@technique
def fold_batch_norm(model: Module) -> Any:
    """A copy of the model in evaluation mode, whose convolutions do their batch norm's work.

    Folded is each BatchNorm2d that follows a Conv2d in a Sequential, at once or after a MaxPool2d;
    an Identity takes its place, so that all other layers keep their names. What stands otherwise
    (batch norm without running statistics, a layer used in two places, g ≤ 0 behind a pooling)
    stays as it is, and so does the model itself. The result is for inference: trained further, it
    would no longer normalise.

    Source: Jacob et al. 2018, §3.2.

    >>> from tt_nn import ReLU
    >>> model = Sequential(Conv2d(1, 4, 3, bias=False), BatchNorm2d(4), ReLU())
    >>> fold_batch_norm(model)
    Sequential(
      (0): Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1))
      (1): Identity()
      (2): ReLU()
    )
    """
    new: dict[int, Module] = {}
    for convolution, norm in _pairs(model):
        new[id(convolution)] = _folded(convolution, norm)
        new[id(norm)] = Identity()
    return copy.deepcopy(replace_layers(model, lambda name, layer: new.get(id(layer)))).eval()


def _pairs(model: Module) -> Pairs:
    """Each batch norm that can be folded, with its convolution."""
    places: dict[int, int] = {}  # in how many a layer stands
    for layer in model.modules(remove_duplicate=False):
        places[id(layer)] = places.get(id(layer), 0) + 1
    found: Pairs = []
    for part in model.modules():
        if not isinstance(part, Sequential) or type(part).forward is not Sequential.forward:
            continue  # a subclass may apply its layers in another order
        layers = [layer for layer in part if not isinstance(layer, Identity)]
        pooled = [layer for layer in layers if not isinstance(layer, MaxPool2d)]
        for first, second in pairwise(pooled):
            if not (type(first) is Conv2d and type(second) is BatchNorm2d):
                continue
            adjacent = layers.index(second) == layers.index(first) + 1
            alone = places[id(first)] == places[id(second)] == 1
            known = second.running_mean is not None and second.running_var is not None
            if alone and known and (adjacent or (_gain(second) > 0).all()):
                found.append((first, second))
    return found


def _gain(norm: BatchNorm2d) -> Any:
    """g = γ / √(var + ε), one for each channel."""
    assert norm.running_var is not None
    gamma = 1.0 if norm.weight is None else norm.weight.array
    return gamma / np.sqrt(norm.running_var.array + norm.eps)


def _folded(convolution: Conv2d, norm: BatchNorm2d) -> Conv2d:
    """The convolution with the batch norm's work in its weight and bias."""
    assert norm.running_mean is not None
    gain, weight = _gain(norm), convolution.weight.array
    bias = 0.0 if convolution.bias is None else convolution.bias.array
    bias = (bias - norm.running_mean.array) * gain
    bias += 0.0 if norm.bias is None else norm.bias.array
    made = replace_layers(convolution, lambda name, layer: None)  # the same settings
    made.weight = Parameter(wrap((weight * gain[:, None, None, None]).astype(weight.dtype)))
    made.bias = Parameter(wrap(bias.astype(weight.dtype)))
    return made  # type: ignore[no-any-return]

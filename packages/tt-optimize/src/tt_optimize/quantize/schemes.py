"""``quantize``: a model whose layers hold integers, in one of four ways.

===============  ===========================  ======================  ===========================
scheme           weights                      inputs of a product     what it is for
===============  ===========================  ======================  ===========================
``weight_only``  int8, or int4 in groups      float32                 memory; the least error
``dynamic``      int8                         int8, each row by its   integer units, no data
                                              own peak, at each call  needed
``static``       int8                         int8, by ranges         integer units, no searching
                                              measured beforehand     for peaks at each call
``float16``      float16                      float32                 half the memory, no error
                                                                      to speak of
===============  ===========================  ======================  ===========================
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tt_nn import Conv2d, Embedding, Linear, Module
from tt_tensor import Tensor
from tt_text import LearnedPositionalEmbedding

from ..replace import replace_layers
from ..technique import technique
from .affine import quantized_weight
from .calibration import measured_ranges
from .half import half_weight
from .int4 import packed_weight
from .layers.conv import QuantizedConv2d
from .layers.embedding import QuantizedEmbedding
from .layers.int8 import Int8Layer
from .layers.linear import QuantizedLinear
from .layers.packed import (
    HalfConv2d,
    HalfEmbedding,
    HalfLinear,
    Int4Conv2d,
    Int4Embedding,
    Int4Linear,
    PackedLayer,
)
from .observers import OBSERVERS, Observer

__all__ = ["quantizable", "quantize"]

_SCHEMES = ("weight_only", "dynamic", "static", "float16")


@technique
def quantize(
    model: Module,
    scheme: str = "weight_only",
    bits: int = 8,
    calibration: Any = None,
    *,
    observer: str | Callable[[], Observer] = "minmax",
    per_channel: bool = True,
    symmetric: bool = True,
    group_size: int = 32,
    skip: Collection[str] = (),
) -> Any:
    """A copy of the model whose Linear, Conv2d and Embedding weights take fewer bits.

    The copy is for inference: its floats are gone, and none of its parameters require grad. A
    weight that two layers share is still stored once. The model itself stays as it is. What was
    not quantized, ``quantization_report(result)`` lists.

    To load a saved one, quantize a model of the same kind in the same way and load the state into
    it; for "static" the state takes the place of the batches:

        state = load("small.safetensors")
        small = quantize(GPT(config), scheme="static", calibration=state)
        small.load_state_dict(state)

    Args:
        scheme: "weight_only", "dynamic", "static" or "float16"; see above.
        bits: of a weight: 8, or 4 for "weight_only".
        calibration: for "static": batches (Tensors, or tuples that begin with one) as the model
            will meet them; or the ``state_dict`` of a model quantized before.
        observer: how ranges are chosen from them: "minmax", "percentile", "mse", or what makes an
            object with their methods.
        per_channel: a scale for each output of a layer, instead of one for the whole weight.
        symmetric: zero points of 0 for weights. Inputs are symmetric if "dynamic", affine if
            "static".
        group_size: with 4 bits, how many weights share a scale.
        skip: names of layers that are to stay float.

    Raises:
        ValueError: an option is unknown or does not go with the others; the model is quantized
            already, or has nothing to quantize; a weight is not float32, or holds nan or inf;
            calibration fails.

    Source: Jacob et al. 2018; Nagel et al. 2021.

    >>> from tt_nn import Linear, Sequential
    >>> from tt_optimize import size_of
    >>> model = Sequential(Linear(256, 256))
    >>> size_of(quantize(model)) / size_of(model) < 0.27
    True
    >>> size_of(quantize(model, bits=4)) / size_of(model) < 0.15
    True
    """
    _check_options(scheme, bits, calibration, observer, group_size)
    if any(isinstance(layer, (Int8Layer, PackedLayer)) for layer in model.modules()):
        raise ValueError("quantize: the model is quantized already; quantize the float model")
    found = {name: layer for name, layer in model.named_modules() if quantizable(layer)}
    if unknown := set(skip) - found.keys():
        raise ValueError(f"quantize: skip names {sorted(unknown)}; there is {', '.join(found)}")
    chosen: dict[str, Any] = {name: layer for name, layer in found.items() if name not in skip}
    if not chosen:
        raise ValueError("quantize: found no Linear, Conv2d or Embedding to quantize")
    for name, layer in chosen.items():
        if layer.weight.dtype != np.float32:
            raise ValueError(
                f"quantize: expected float32, but the weight of {name or 'the layer'} is "
                f"{layer.weight.dtype}; call model.float() first"
            )
        if not np.isfinite(layer.weight.array).all():
            raise ValueError(f"quantize: the weight of {name or 'the layer'} holds nan or inf")
    ranges: Mapping[str, tuple[Tensor, Tensor]] = {}
    if scheme == "static":
        products = [name for name, layer in chosen.items() if not isinstance(layer, Embedding)]
        make = OBSERVERS[observer] if isinstance(observer, str) else observer
        ranges = measured_ranges(model, products, calibration, make)
    maker = _Maker(scheme, bits, per_channel, symmetric, group_size, ranges)

    def replacement(name: str, layer: Module) -> Module | None:
        return maker.made(name, layer) if name in chosen else None

    result = copy.deepcopy(replace_layers(model, replacement)).eval().requires_grad_(False)
    result.zero_grad()
    return result


def quantizable(layer: Module) -> bool:
    """Whether it is a Linear, Conv2d or Embedding, and works as those do."""
    if isinstance(layer, Embedding):
        return type(layer).forward in (Embedding.forward, LearnedPositionalEmbedding.forward)
    kinds = (Linear, Conv2d)
    return any(isinstance(layer, kind) and type(layer).forward is kind.forward for kind in kinds)


def _check_options(
    scheme: str, bits: int, calibration: Any, observer: Any, group_size: int
) -> None:
    if scheme not in _SCHEMES:
        raise ValueError(f"quantize: scheme must be one of {', '.join(_SCHEMES)}; got {scheme!r}")
    if bits not in (8, 4) or (bits == 4 and scheme != "weight_only"):
        raise ValueError(
            f"quantize: bits must be 8, or 4 with scheme='weight_only'; got bits={bits} with "
            f"scheme={scheme!r}"
        )
    if calibration is not None and scheme != "static":
        raise ValueError(f"quantize: calibration is for scheme='static', not for {scheme!r}")
    if isinstance(observer, str) and observer not in OBSERVERS:
        raise ValueError(
            f"quantize: observer must be one of {', '.join(OBSERVERS)}; got {observer!r}"
        )
    if not isinstance(group_size, int) or group_size < 1:
        raise ValueError(f"quantize: group_size must be a whole number above 0, got {group_size}")


@dataclass
class _Maker:
    """Makes a layer of integers of a layer of floats; a shared weight is stored once."""

    scheme: str
    bits: int
    per_channel: bool
    symmetric: bool
    group_size: int
    ranges: Mapping[str, tuple[Tensor, Tensor]]
    stored: dict[int, Any] = field(default_factory=dict)

    def made(self, name: str, layer: Any) -> Any:
        """The new layer; its bias is still the given one's."""
        settings = _settings(layer)
        if self.scheme == "float16":
            stored = self._once(layer, half_weight)
            half = _pick(layer, HalfLinear, HalfConv2d, HalfEmbedding)
            return half(stored, layer.weight.shape, _bias(layer), **settings)
        if self.bits == 4:
            stored = self._once(layer, lambda weight: packed_weight(weight, self.group_size))
            int4 = _pick(layer, Int4Linear, Int4Conv2d, Int4Embedding)
            return int4(stored, self.group_size, layer.weight.shape, _bias(layer), **settings)
        q, scale, zero_point = self._once(layer, self._as_int8)
        if isinstance(layer, Embedding):
            return QuantizedEmbedding(q, scale, zero_point)
        inputs = {"input_range": self.ranges.get(name), "dynamic": self.scheme == "dynamic"}
        int8 = _pick(layer, QuantizedLinear, QuantizedConv2d, None)
        return int8(q, scale, _bias(layer), zero_point, **settings, **inputs)

    def _as_int8(self, weight: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        return quantized_weight(weight, self.per_channel, self.symmetric)

    def _once(self, layer: Any, convert: Callable[[Tensor], Any]) -> Any:
        """The layer's weight converted, the same for all layers that share it."""
        weight = layer.weight
        if id(weight) not in self.stored:
            self.stored[id(weight)] = convert(weight)
        return self.stored[id(weight)]


def _pick(layer: Module, linear: Any, convolution: Any, embedding: Any) -> Any:
    """What belongs to the kind of the layer."""
    if isinstance(layer, Linear):
        return linear
    return convolution if isinstance(layer, Conv2d) else embedding


def _bias(layer: Module) -> Any:
    return getattr(layer, "bias", None)


def _settings(layer: Module) -> dict[str, Any]:
    if not isinstance(layer, Conv2d):
        return {}
    return {what: getattr(layer, what) for what in ("stride", "padding", "dilation", "groups")}

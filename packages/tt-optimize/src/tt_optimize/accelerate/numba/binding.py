"""What ``decode`` computes with: the arrays of a GPT's weights, gathered once and never copied.

Gathering takes as long as the token itself, so what was gathered is used again as long as it is
what a walk through the model would find: the same modules, in them the same tensors, in those the
same arrays. Values may change as they like, as the memory is the model's own.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter, is_
from typing import Any

import numpy as np

from tt_models.gpt import MLP, Block, CausalSelfAttention, GatedMLP
from tt_nn import GELU, Embedding, LayerNorm, Linear, Module, RMSNorm, RotaryEmbedding
from tt_text import LearnedPositionalEmbedding

from ...quantize import QuantizedEmbedding, QuantizedLinear
from .layers import (
    CompiledAttention,
    CompiledGatedMLP,
    CompiledGELU,
    CompiledLayerNorm,
    CompiledRMSNorm,
)

__all__ = ["Binding", "Unknown"]

Array = np.ndarray[Any, np.dtype[Any]]


class Unknown(Exception):
    """The model has a part that ``decode`` does not compute."""


class Binding:
    """The weights of a GPT in the form that ``decode`` takes, and whether they still are.

    Attributes:
        table, places, layers, last: arguments of ``decode``.
        rms, gated, eps: likewise.
        rotary: what knows the angles of the positions, if they are rotary.
        widths: of the residual stream, of queries, keys and values, of attention's result, of the
            MLP's hidden layer, and of the logits.

    Raises:
        Unknown: naming a part that is not computed here.
    """

    def __init__(self, model: Module) -> None:
        self._spaces: list[dict[str, Any]] = []
        self._names: list[str] = []
        self._found: list[Any] = []
        self._tensors: list[Any] = []
        self._arrays: list[Array] = []
        parts = self._get(model, "transformer")
        table, head = self._get(parts, "wte"), self._affine(self._get(model, "lm_head"))
        blocks = self._get(parts, "h")
        numbers = [str(i) for i in range(len(blocks))]
        self.gated = type(blocks[0].mlp) in (GatedMLP, CompiledGatedMLP)
        self.rms = isinstance(blocks[0].ln_1, RMSNorm)
        self.eps = blocks[0].ln_1.eps
        self.rotary: RotaryEmbedding | None = blocks[0].attn.rotary
        self.table = self._rows(table, Embedding)
        self.places = None
        if "wpe" in parts:
            self.places = self._rows(self._get(parts, "wpe"), LearnedPositionalEmbedding)
        self.layers = tuple(self._layer(self._get(blocks, number)) for number in numbers)
        self.last = (self._norm(parts, "ln_f"), head)
        if len({str([[_kind(a) for a in part] for part in layer]) for layer in self.layers}) > 1:
            raise Unknown("layers that differ in kind")
        _, attn, proj, _, up, _, _ = self.layers[0]
        self.widths = (*map(len, (proj[0], attn[0])), proj[0].shape[1], len(up[0]), len(head[0]))
        if self.eps is None:
            self.eps = float(np.finfo(np.float32).eps)

    def holds(self) -> bool:
        """Would gathering anew find the same? 1 µs for each layer of a GPT."""
        found = map(dict.get, self._spaces, self._names)
        arrays = map(_array, self._tensors)
        return all(map(is_, found, self._found)) and all(map(is_, arrays, self._arrays))

    def _get(self, module: Module, name: str) -> Any:
        """An attribute, which has to stay what it is."""
        value = vars(module).get(name)
        self._spaces.append(vars(module))
        self._names.append(name)
        self._found.append(value)
        return value

    def _array(self, module: Module, name: str, dtype: Any = np.float32) -> Array | None:
        """The array of a tensor, which has to stay the tensor's; None if there is no tensor."""
        tensor = self._get(module, name)
        if tensor is None:
            return None
        array: Array = tensor.array
        if array.dtype != dtype or not array.flags.c_contiguous:
            raise Unknown(f"{name} is {array.dtype} {array.strides}, not row-major {dtype}")
        self._tensors.append(tensor)
        self._arrays.append(array)
        return array

    def _layer(self, block: Module) -> tuple[Any, ...]:
        _expect(block, Block)
        attn, mlp = self._get(block, "attn"), self._get(block, "mlp")
        _expect(attn, CausalSelfAttention, CompiledAttention)
        self._check_rotary(self._get(attn, "rotary"))
        names = ("w1", "w3", "w2") if self.gated else ("c_fc", "c_proj")
        if self.gated:
            _expect(mlp, GatedMLP, CompiledGatedMLP)
        else:
            _expect(mlp, MLP)
            gelu = self._get(mlp, "gelu")
            _expect(gelu, GELU, CompiledGELU)
            if self._get(gelu, "approximate") != "tanh":
                raise Unknown("GELU by erf")
        maps = [(attn, "c_attn"), (attn, "c_proj"), *((mlp, name) for name in names)]
        qkv, proj, up, *others = (self._affine(self._get(owner, name)) for owner, name in maps)
        gate = others[0] if self.gated else up  # which GELU's MLP does not look at
        norms = self._norm(block, "ln_1"), self._norm(block, "ln_2")
        return (norms[0], qkv, proj, norms[1], up, gate, others[-1])

    def _check_rotary(self, rotary: RotaryEmbedding | None) -> None:
        """All layers turn alike, halves paired; or none does."""
        if self.rotary is None or rotary is None:
            alike = self.rotary is rotary
        else:
            alike = type(rotary) is RotaryEmbedding and not self._get(rotary, "interleaved")
            alike = alike and self._get(rotary, "theta") == self.rotary.theta
        if not alike:
            raise Unknown("rotary positions of another kind")

    def _norm(self, owner: Module, name: str) -> tuple[Array, Array]:
        """Weight and bias; one of zeros if it has none."""
        norm = self._get(owner, name)
        _expect(norm, *((RMSNorm, CompiledRMSNorm) if self.rms else (LayerNorm, CompiledLayerNorm)))
        if self._get(norm, "eps") != self.eps:
            raise Unknown("norms with different eps")
        weight = self._array(norm, "weight")
        if weight is None or weight.ndim != 1:
            raise Unknown(f"{name} without weight, or of several dims")
        bias = None if self.rms else self._array(norm, "bias")
        return weight, np.zeros_like(weight) if bias is None else bias

    def _affine(self, layer: Module) -> tuple[Array, Array | None, Array | None]:
        """(weight, scale, bias); of floats without scale."""
        if type(layer) is not Linear:
            return (*self._integers(layer, QuantizedLinear), self._array(layer, "bias"))
        weight = self._array(layer, "weight")
        assert weight is not None
        return weight, None, self._array(layer, "bias")

    def _rows(self, layer: Module, kind: type[Module]) -> tuple[Array, Array | None]:
        """The table of an embedding."""
        if type(layer) is not kind:
            return self._integers(layer, QuantizedEmbedding)
        weight = self._array(layer, "weight")
        assert weight is not None
        return weight, None

    def _integers(self, layer: Any, kind: type[Module]) -> tuple[Array, Array]:
        """int8 with a scale for each row and no zero point, whose inputs stay floats."""
        _expect(layer, kind)
        weight, scale = self._array(layer, "weight_int8", np.int8), self._array(layer, "scale")
        assert weight is not None and scale is not None
        rounds = self._get(layer, "dynamic") or self._get(layer, "input_scale") is not None
        if rounds or self._get(layer, "zero_point") is not None or scale.ndim != 1:
            raise Unknown(f"{layer}: expected weight_only, symmetric, a scale for each row")
        return weight, scale


_array: Callable[[Any], Any] = attrgetter("array")


def _expect(layer: Module, *kinds: type[Module]) -> None:
    if type(layer) not in kinds:
        raise Unknown(f"{type(layer).__name__} where {kinds[0].__name__} is known")


def _kind(array: Array | None) -> Any:
    return None if array is None else (array.dtype.char, array.shape)

"""What ``decode`` computes with: where a GPT's weights are, gathered once; they are never copied.

Gathering takes as long as the token itself, so what was gathered is used again as long as it is
what a walk through the model would find: the same modules, in them the same tensors, in those the
same arrays. Values may change as they like, as the memory is the model's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter, is_
from typing import Any

import numpy as np

from tt_models.gpt import MLP, Block, CausalSelfAttention, GatedMLP
from tt_nn import (
    GELU,
    Embedding,
    LayerNorm,
    Linear,
    Module,
    ModuleDict,
    ModuleList,
    RMSNorm,
    RotaryEmbedding,
)
from tt_nn.module import changes
from tt_tensor import Tensor
from tt_text import LearnedPositionalEmbedding

from ...quantize import QuantizedEmbedding, QuantizedLinear
from ..base import hands_on
from .decode import PART
from .layers import (
    CompiledAttention,
    CompiledGatedMLP,
    CompiledGELU,
    CompiledLayerNorm,
    CompiledRMSNorm,
)

__all__ = ["Binding", "Unknown"]

Array = np.ndarray[Any, np.dtype[Any]]
Part = tuple[int, ...]

_NOWHERE: Part = (0, 0, 0, 0, 0)


class Unknown(Exception):
    """The model has a part that ``decode`` does not compute."""


class Binding:
    """Where the weights of a GPT are, as ``decode`` takes it, and whether they still are there.

    Attributes:
        ends, layers, rms, gated, eps: arguments of ``decode``.
        rotary: what knows the angles of the positions, if they are rotary.
        positions: how many of them there are.
        widths: of the residual stream, of queries, keys and values, of attention's result, of the
            MLP's hidden layer, and of the logits.
        cached: what a cache has to hold: layers, heads of keys and values, the size of a head.

    Raises:
        Unknown: naming a part that is not computed here.
    """

    def __init__(self, model: Module) -> None:
        self._changes = changes.latest
        self._spaces: list[dict[str, Any]] = []
        self._names: list[str] = []
        self._found: list[Any] = []
        self._tensors: list[Tensor] = []
        self._arrays: list[Array] = []
        self._zeros: list[Array] = []
        parts = self._get(model, "transformer")
        _expect(parts, ModuleDict)
        table, head = self._get(parts, "wte"), self._get(model, "lm_head")
        self._blocks = blocks = self._get(parts, "h")
        _expect(blocks, ModuleList)
        self._each_block = list(blocks)
        first = blocks[0] if len(blocks) else blocks
        _expect(first, Block)
        self.gated = type(first.mlp) in (GatedMLP, CompiledGatedMLP)
        self.rms = isinstance(first.ln_1, RMSNorm)
        self._eps = getattr(first.ln_1, "eps", None)
        self.eps = np.float32(np.finfo(np.float32).eps if self._eps is None else self._eps)
        self.rotary: RotaryEmbedding | None = getattr(first.attn, "rotary", None)
        tokens = self._rows(table, Embedding)
        places, wpe = _NOWHERE, self._get(parts, "wpe")
        if wpe is not None:
            places = self._rows(wpe, LearnedPositionalEmbedding)
        self._check_dropout(parts, "drop")
        layers = [self._layer(self._get(blocks, str(i))) for i in range(len(blocks))]
        self.layers = np.array(layers, PART)
        self.ends = np.array([tokens, places, self._norm(parts, "ln_f"), self._affine(head)], PART)
        self.widths = self._check_sizes()
        self.cached = self._check_heads(blocks)
        self.positions = self._check_positions()

    def holds(self) -> bool:
        """Would gathering anew find the same?

        Of 1.25 ms for a token of 384 channels, whose weights push all else out of the caches,
        looking into every module took 0.07. So that is done when some module was changed.
        """
        if self._changes is not changes.latest:
            latest = changes.latest
            found = all(map(is_, map(dict.get, self._spaces, self._names), self._found))
            if not found or [*self._blocks] != self._each_block:
                return False
            self._changes = latest
        return all(map(is_, map(_array, self._tensors), self._arrays))

    def _check_sizes(self) -> tuple[int, int, int, int, int]:
        """The widths, if each part takes what the one before gives, and all layers are alike."""
        sizes = self.layers[["outputs", "inputs"]]
        norm, attn, proj, norm_2, up, gate, down = sizes[0].tolist()
        table, places, last, head = self.ends[["outputs", "inputs"]].tolist()
        width, inner = table[1], up[0]
        joined = [norm[0], attn[1], proj[0], norm_2[0], up[1], down[0], last[0], head[1]]
        joined += [places[1]] if self.ends[1]["weight"] else []
        fits = all(size == width for size in joined) and gate == up and down[1] == inner
        if not fits or (sizes != sizes[0]).any():
            raise Unknown(f"sizes {sizes.tolist()} between {table} and {head}")
        return width, attn[0], proj[1], inner, head[0]

    def _check_heads(self, blocks: Iterable[Any]) -> tuple[int, int, int]:
        """What a cache has to hold, if each layer has its place there, and heads of one size."""
        attentions = [block.attn for block in blocks]
        places = [self._get(attn, "layer") for attn in attentions]
        names = ("n_head", "n_kv_head", "head_dim")
        heads, few, size = first = [self._get(attentions[0], name) for name in names]
        alike = all([self._get(a, name) for name in names] == first for a in attentions)
        widths = ((heads + 2 * few) * size, heads * size)
        shared = few > 0 and heads % few == 0
        in_order = places == [*range(len(places))]
        if not (alike and shared and in_order) or self.widths[1:3] != widths:
            raise Unknown(f"layers {places} with {first} heads and {self.widths[1:3]} numbers")
        return len(places), few, size

    def _check_positions(self) -> int:
        """How many positions have a place in the table, or angles as wide as a head."""
        counts = [int(self.ends[1]["outputs"])] if self.ends[1]["weight"] else []
        if self.rotary is not None:
            if self._get(self.rotary, "dim") != self.cached[2]:
                raise Unknown(f"{self.rotary} in heads of {self.cached[2]}")
            counts.append(self._get(self.rotary, "max_seq_len"))
        if not counts:
            raise Unknown("no positions")
        return min(counts)

    def _get(self, module: Module, name: str) -> Any:
        """An attribute, which has to stay what it is."""
        value = vars(module).get(name)
        self._spaces.append(vars(module))
        self._names.append(name)
        self._found.append(value)
        return value

    def _array(self, module: Module, name: str, ndim: int, dtype: Any = np.float32) -> Array | None:
        """The array of a tensor, which has to stay the tensor's; None if there is no tensor."""
        tensor = self._get(module, name)
        if tensor is None:
            return None
        array: Array = tensor.array
        in_rows = array.flags.c_contiguous and array.flags.aligned
        if array.dtype != dtype or not in_rows or array.ndim != ndim:
            raise Unknown(
                f"{name} is {array.dtype}{array.shape} {array.strides}, not row-major {dtype}"
            )
        self._tensors.append(tensor)
        self._arrays.append(array)
        return array

    def _layer(self, block: Module) -> list[Part]:
        _expect(block, Block)
        attn, mlp = self._get(block, "attn"), self._get(block, "mlp")
        _expect(attn, CausalSelfAttention, CompiledAttention)
        self._check_rotary(self._get(attn, "rotary"))
        if self._get(attn, "training") is not False and self._get(attn, "dropout"):
            raise Unknown("attention that drops")
        self._check_dropout(attn, "resid_dropout")
        self._check_dropout(mlp, "dropout")
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
        return [norms[0], qkv, proj, norms[1], up, gate, others[-1]]

    def _check_rotary(self, rotary: RotaryEmbedding | None) -> None:
        """All layers turn alike, halves paired; or none does."""
        if self.rotary is None or rotary is None:
            alike = self.rotary is rotary
        else:
            alike = type(rotary) is RotaryEmbedding and not self._get(rotary, "interleaved")
            for name in ("dim", "max_seq_len", "theta"):
                alike = alike and self._get(rotary, name) == getattr(self.rotary, name)
        if not alike:
            raise Unknown("rotary positions of another kind")

    def _check_dropout(self, owner: Module, name: str) -> None:
        """It drops nothing, and has to go on so."""
        layer = self._get(owner, name)
        if not hands_on(layer):
            raise Unknown(f"{name} changes what it gets")
        self._get(layer, "training"), self._get(layer, "p")

    def _norm(self, owner: Module, name: str) -> Part:
        """Weight and bias; one of zeros if it has none."""
        norm = self._get(owner, name)
        _expect(norm, *((RMSNorm, CompiledRMSNorm) if self.rms else (LayerNorm, CompiledLayerNorm)))
        if self._get(norm, "eps") != self._eps:
            raise Unknown("norms with different eps")
        weight = self._array(norm, "weight", 1)
        if weight is None:
            raise Unknown(f"{name} without weight")
        bias = None if self.rms else self._array(norm, "bias", 1)
        if bias is None and not self.rms:
            bias = np.zeros_like(weight)
            self._zeros.append(bias)
        return _part(weight, None, bias)

    def _affine(self, layer: Module) -> Part:
        """A matrix of floats, or of integers with a scale; and a bias, if it has one."""
        matrix, scale = self._matrix(layer, Linear, QuantizedLinear)
        return _part(matrix, scale, self._array(layer, "bias", 1))

    def _rows(self, layer: Module, kind: type[Module]) -> Part:
        """The table of an embedding."""
        return _part(*self._matrix(layer, kind, QuantizedEmbedding), None)

    def _matrix(
        self, layer: Any, kind: type[Module], quantized: type[Module]
    ) -> tuple[Array, Array | None]:
        """Floats; or int8 with a scale for each row and no zero point, whose inputs stay floats."""
        if type(layer) is kind:
            floats = self._array(layer, "weight", 2)
            assert floats is not None
            return floats, None
        _expect(layer, quantized)
        weight, scale = (
            self._array(layer, "weight_int8", 2, np.int8),
            self._array(layer, "scale", 1),
        )
        assert weight is not None and scale is not None
        rounds = self._get(layer, "dynamic") or self._get(layer, "input_scale") is not None
        if rounds or self._get(layer, "zero_point") is not None:
            raise Unknown(f"{layer}: expected weight_only, symmetric, a scale for each row")
        return weight, scale


def _part(weight: Array, scale: Array | None, bias: Array | None) -> Part:
    """A line of ``PART``."""
    for more in (scale, bias):
        if more is not None and more.shape != weight.shape[:1]:
            raise Unknown(f"a weight {weight.shape} with a scale or bias {more.shape}")
    addresses = [0 if array is None else array.ctypes.data for array in (weight, scale, bias)]
    return (*addresses, len(weight), weight.shape[-1])


_array: Callable[[Any], Any] = attrgetter("array")


def _expect(layer: Module, *kinds: type[Module]) -> None:
    if type(layer) not in kinds:
        raise Unknown(f"{type(layer).__name__} where {kinds[0].__name__} is known")

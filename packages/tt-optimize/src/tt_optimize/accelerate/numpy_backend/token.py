"""One new token of one text: the whole model as a list of small steps on arrays at hand.

At this size it is not arithmetic that takes the time but everything around it: looking up weights,
finding memory, making views. Here all that is done once, and each step keeps what it found. What
was found is checked at every token: a weight that was put in another's place, or a layer, makes the
steps anew. Values are never copied, so changed ones need no check.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import attrgetter, is_
from typing import Any

import numpy as np

from tt_models import Cache
from tt_models.gpt import MLP, CausalSelfAttention, GatedMLP
from tt_nn import GELU, Embedding, LayerNorm, Linear, Module, RMSNorm
from tt_nn.functional.exponentials import safe_sums
from tt_nn.layers.rotary import rotate_forward
from tt_nn.module import changes
from tt_tensor import Tensor
from tt_tensor.ops.index import check_index
from tt_tensor.tensor import wrap

from ...kv_cache import KVCache
from ..base import hands_on
from .layers import constants, gelu, is_known, silu

__all__ = ["TokenPass"]

Array = np.ndarray[Any, np.dtype[Any]]
Step = Callable[[Array], Array]

_array = attrgetter("array")
# Any, as NumPy's types do not know `keepdims` by position, which is faster
_peaks: Any = np.maximum.reduce


class TokenPass:
    """The steps of a GPT for one token, and the memory between them; used by one thread.

    Args:
        model: the GPT, whose layers are looked at once.
    """

    def __init__(self, model: Any) -> None:
        self.changes = changes.latest
        parts = model.transformer
        self.tokens = parts["wte"]
        self.positions = getattr(parts, "wpe", None)
        self.dtype = next(model.parameters()).dtype
        rooms: dict[tuple[int, int], _Scores] = {}
        longest = model.config.block_size
        self.blocks = [_Block(block, rooms, longest, self.dtype) for block in parts["h"]]
        self.last = _norm(parts["ln_f"], self.dtype)
        self.head = _affine(model.lm_head, self.dtype)
        self._remember(model)

    def _remember(self, model: Module) -> None:
        """What must still stand in its place for the steps to be right, and nothing beside it."""
        self.spaces = [vars(module) for module in model.modules()]
        self.sizes = [*map(len, self.spaces)]
        found = [(space, *item) for space in self.spaces for item in space.items()]
        self.owners, self.names, self.values = zip(*found, strict=True)
        self.weights = [value for value in self.values if isinstance(value, Tensor)]
        self.arrays = [weight.array for weight in self.weights]

    def is_current(self) -> bool:
        """Whether every layer and every weight's memory is still the one the steps have. The
        modules are looked through when one was changed (4 µs of 150), the weights always."""
        if self.changes is not changes.latest:
            latest = changes.latest
            same = all(map(is_, map(dict.get, self.owners, self.names), self.values))
            if not same or [*map(len, self.spaces)] != self.sizes:
                return False
            self.changes = latest
        return all(map(is_, map(_array, self.weights), self.arrays))

    def __call__(self, token: Array, past: int, cache: Cache | None) -> Array:
        """The scores (V,) after a token, (1, 1), that comes after ``past`` others."""
        x = self._embedded(token, past)
        for block in self.blocks:
            block(x, past, cache)
        return self.head(self.last(x)).copy()

    def _embedded(self, token: Array, past: int) -> Array:
        if type(self.tokens) is Embedding:
            table = self.tokens.weight.array
            check_index(token, len(table), "embedding: ")
            x = table[token.item()].copy()
        else:
            x = self.tokens(wrap(token)).array[0, 0].copy()
        if isinstance(self.positions, Embedding):
            np.add(x, self.positions.weight.array[past], x)
        elif self.positions is not None:
            np.add(x, self.positions(wrap(np.array([past]))).array[0], x)
        return x  # type: ignore[no-any-return]


class _Block:
    """x + attention(norm(x)), then x + mlp(norm(x)), into x."""

    def __init__(
        self, block: Any, rooms: dict[tuple[int, int], _Scores], longest: int, dtype: Any
    ) -> None:
        self.whole = block
        self.known = is_known(block, longest)
        if self.known:
            self.norm_1, self.norm_2 = _norm(block.ln_1, dtype), _norm(block.ln_2, dtype)
            few = block.attn.n_kv_head
            groups = (few, block.attn.n_head // few)
            room = rooms.setdefault(groups, _Scores(groups, longest, dtype))
            self.attend = _Attention(block.attn, room, dtype)
            self.feed = _feed_forward(block.mlp, dtype)

    def __call__(self, x: Array, past: int, cache: Cache | None) -> None:
        if not self.known:
            x[...] = self.whole(wrap(x.reshape(1, 1, -1)), cache).array[0, 0]
            return
        np.add(x, self.attend(self.norm_1(x), past, cache), x)
        np.add(x, self.feed(self.norm_2(x)), x)


class _Affine:
    """W x + b."""

    __slots__ = ("bias", "dot", "out")

    def __init__(self, layer: Linear, dtype: Any) -> None:
        self.dot = layer.weight.array.dot
        self.bias = None if layer.bias is None else layer.bias.array
        self.out = np.empty(len(layer.weight), dtype)

    def __call__(self, x: Array) -> Array:
        out = self.out
        self.dot(x, out)
        if self.bias is not None:
            np.add(out, self.bias, out)
        return out


class _Norm:
    """LayerNorm or RMSNorm. The sums are BLAS products: for 128 numbers they take a third of the
    time of np.add.reduce. Numbers go in as arrays without dims, which need not be converted."""

    __slots__ = ("average", "bias", "centres", "eps", "factor", "gain", "mean", "out", "size")

    def __init__(self, layer: Any, dtype: Any) -> None:
        self.size = math.prod(layer.normalized_shape)
        self.centres = type(layer) is LayerNorm
        self.eps = float(np.finfo(dtype).eps) if layer.eps is None else layer.eps
        self.gain = None if layer.weight is None else layer.weight.array
        bias = getattr(layer, "bias", None)
        self.bias = None if bias is None else bias.array
        self.average = np.full(self.size, 1 / self.size, dtype)
        self.mean, self.factor = np.empty((), dtype), np.empty((), dtype)
        self.out = np.empty(self.size, dtype)

    def __call__(self, x: Array) -> Array:
        out = self.out
        if self.centres:
            x.dot(self.average, self.mean)
            x = np.subtract(x, self.mean, out)
        self.factor[()] = 1 / math.sqrt(x.dot(x) / self.size + self.eps)
        np.multiply(x, self.factor, out)
        if self.gain is not None:
            np.multiply(out, self.gain, out)
        if self.bias is not None:
            np.add(out, self.bias, out)
        return out


class _Scores:
    """The memory of one token's scores, which all layers use in turn, and views of it."""

    def __init__(self, groups: tuple[int, int], longest: int, dtype: Any) -> None:
        self.groups, self.heads = groups, groups[0] * groups[1]
        self.memory = np.empty((2, self.heads * longest), dtype)
        self.ones = np.ones(longest, dtype)
        self.seen = 0
        self.views: tuple[Array, ...] = ()

    def of(self, seen: int) -> tuple[Array, ...]:
        """Room for scores and exponentials as (Hs, G, S), then as (H, S), and S ones."""
        if seen != self.seen:
            flat = self.memory[:, : self.heads * seen]
            grouped, rows = flat.reshape(2, *self.groups, seen), flat.reshape(2, self.heads, seen)
            self.seen, self.views = seen, (*grouped, *rows, self.ones[:seen])
        return self.views


class _Attention:
    """c_proj(what the token gathers from those before it and itself)."""

    def __init__(self, attention: CausalSelfAttention, scores: _Scores, dtype: Any) -> None:
        heads, few, size = attention.n_head, attention.n_kv_head, attention.head_dim
        self.layer, self.rotary = attention.layer, attention.rotary
        self.heads, self.few, self.size = heads, few, size
        self.project = _affine(attention.c_attn, dtype)
        self.c_proj = _affine(attention.c_proj, dtype)
        self.qkv = getattr(self.project, "out", None)  # where it will be, if that is known
        self.parts = None if self.qkv is None else self._split(self.qkv)
        self.scale = np.array(1 / math.sqrt(size), dtype)
        self.scores = scores
        self.sums = np.empty(heads, dtype)
        self.columns = self.sums.reshape(few, heads // few, 1)
        self.mixed = np.empty((few, heads // few, size), dtype)
        self.row = self.mixed.reshape(-1)
        self.low, self.high = safe_sums(np.dtype(dtype))

    def _split(self, qkv: Array) -> tuple[Array, Array, Array]:
        """Queries (Hs, G, D), keys and values (1, Hs, 1, D); views."""
        split = qkv.reshape(1, self.heads + 2 * self.few, 1, self.size)
        k, v = split[:, self.heads : self.heads + self.few], split[:, self.heads + self.few :]
        return split[:, : self.heads].reshape(self.few, -1, self.size), k, v

    def __call__(self, x: Array, past: int, cache: Cache | None) -> Array:
        qkv = self.project(x)
        q, k, v = self.parts if self.parts and qkv is self.qkv else self._split(qkv)
        if self.rotary is not None:
            cos, sin = (turns[past] for turns in self.rotary.turns(past + 1, x.dtype))
            way = self.rotary.interleaved
            q, k = (rotate_forward(part, cos, sin, interleaved=way) for part in (q, k))
        np.multiply(q, self.scale, q)
        if type(cache) is KVCache:
            k, v = cache.store(self.layer, k, v)
        elif cache is not None:
            k, v = (kept.array for kept in cache.update(self.layer, wrap(k), wrap(v)))
        self._gather(q, k[0], v[0])
        return self.c_proj(self.row)

    def _gather(self, q: Array, k: Array, v: Array) -> None:
        """softmax(q kᵀ) v. The scores are exponentiated as they are; if a sum comes near overflow
        or underflow, again with the highest taken out."""
        scores, exps, score_rows, rows, ones = self.scores.of(k.shape[1])
        sums = self.sums
        np.matmul(q, k.swapaxes(1, 2), scores)
        np.exp(scores, exps)
        rows.dot(ones, sums)
        found = sums.tolist()
        if not (min(found) > self.low and max(found) < self.high):
            np.subtract(score_rows, _peaks(score_rows, 1, None, None, True), rows)
            np.exp(rows, rows)
            rows.dot(ones, sums)
        np.matmul(exps, v, self.mixed)
        np.divide(self.mixed, self.columns, self.mixed)


class _GELUMLP:
    """c_proj(gelu(c_fc(x)))."""

    def __init__(self, mlp: MLP, dtype: Any) -> None:
        self.c_fc, self.c_proj = _affine(mlp.c_fc, dtype), _affine(mlp.c_proj, dtype)
        self.room = np.empty(0, dtype)
        self.constants = constants(dtype)

    def __call__(self, x: Array) -> Array:
        inner = self.c_fc(x)
        if self.room.shape != inner.shape:
            self.room = np.empty_like(inner)
        gelu(inner, self.room, self.constants)
        return self.c_proj(inner)


class _GatedMLP:
    """w2(silu(w1 x) · w3 x)."""

    def __init__(self, mlp: GatedMLP, dtype: Any) -> None:
        self.w1, self.w2, self.w3 = (_affine(w, dtype) for w in (mlp.w1, mlp.w2, mlp.w3))
        self.room = np.empty(0, dtype)
        self.constants = constants(dtype)

    def __call__(self, x: Array) -> Array:
        inner = self.w1(x)
        if self.room.shape != inner.shape:
            self.room = np.empty_like(inner)
        silu(inner, self.room, self.constants)
        np.multiply(inner, self.w3(x), inner)
        return self.w2(inner)


class _Own:
    """A layer that is not known here: its own forward. What it gets, it may keep or write to."""

    def __init__(self, layer: Module) -> None:
        self.layer = layer

    def __call__(self, x: Array) -> Array:
        result: Array = self.layer(wrap(x.reshape(1, 1, -1).copy())).array.reshape(-1)
        return result if result.flags.writeable else result.copy()


def _affine(layer: Module, dtype: Any) -> Step:
    return _Affine(layer, dtype) if type(layer) is Linear else _Own(layer)


def _norm(layer: Module, dtype: Any) -> Step:
    known = type(layer) in (LayerNorm, RMSNorm) and dtype != np.float16  # whose squares may be inf
    return _Norm(layer, dtype) if known else _Own(layer)


def _feed_forward(mlp: Any, dtype: Any) -> Step:
    if type(mlp) not in (MLP, GatedMLP) or not hands_on(mlp.dropout):
        return _Own(mlp)
    if type(mlp) is GatedMLP:
        return _GatedMLP(mlp, dtype)
    if type(mlp.gelu) is GELU and mlp.gelu.approximate == "tanh":
        return _GELUMLP(mlp, dtype)
    return _Own(mlp)

"""A GPT that is compiled: layer by layer where it learns, a whole token where it writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_models import GPT
from tt_models.cache import Cache
from tt_nn import RotaryEmbedding
from tt_tensor import Tensor, float32
from tt_tensor.ops.index import check_index
from tt_tensor.tensor import wrap

from ...kv_cache import KVCache
from ..base import Accelerated, Scratch
from .binding import Binding, Unknown
from .cross_entropy import compiled_cross_entropy
from .decode import Array, decode

__all__ = ["CompiledGPT"]

# Texts side by side. The compiled products read each weight once for all of them, but compute less
# in a second than BLAS does on what it has read.
MOST_TEXTS = 8

_NOTHING = np.empty(0, np.float32)


class CompiledGPT(Accelerated, GPT):
    """A GPT whose layers are compiled, and so is a token that comes after others in a KVCache.

    A token takes one call, whatever the number of layers, for up to ``MOST_TEXTS`` texts side by
    side. Everything else (a prompt, a whole text, a training step) goes through the layers, with
    products in BLAS. A model with parts that ``decode`` does not know, such as int8 layers that
    round their inputs too, goes through its layers as well.
    """

    backend = "numba"

    def prepare(self) -> None:
        """Nothing is gathered yet."""
        self._memory = Scratch()

    def forward(
        self, idx: Tensor, targets: Tensor | None = None, cache: Cache | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The logits and, given targets (-1: does not count), the loss, compiled too."""
        if targets is None or targets.shape != idx.shape or not idx.numel():
            return super().forward(idx, targets, cache)  # type: ignore[no-any-return]
        logits, _ = super().forward(idx, None, cache)
        if logits.dtype != float32:
            return GPT.forward(self, idx, targets, cache)
        rows = logits.view(idx.numel(), logits.shape[-1])
        return logits, compiled_cross_entropy(rows, targets.reshape(-1), -1)

    def infer(
        self, idx: Tensor, targets: Tensor | None = None, cache: Cache | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """A token, if it is one and the cache has room for it; otherwise GPT's forward."""
        if targets is None and type(cache) is KVCache and idx.ndim == 2 and idx.shape[1] == 1:
            binding = self._bound()
            if binding is not None and self._fits(binding, idx.shape[0], cache):
                return self._next(binding, idx.array, cache), None
        return GPT.forward(self, idx, targets, cache)

    def _bound(self) -> Binding | None:
        """The weights, gathered anew if any was replaced; None if ``decode`` cannot do it."""
        binding: Binding | None = self._memory.kept.get("binding")
        if binding is None or not binding.holds():
            try:
                binding = Binding(self)
            except Unknown:
                binding = None
            self._memory.kept["binding"] = binding
        return binding

    def _fits(self, binding: Binding, texts: int, cache: KVCache) -> bool:
        """Can it be computed here? If the cache is of another model, GPT's forward says so."""
        past, c = cache.length, self.config
        shape = (c.n_layer, texts, c.kv_heads, cache.max_len, c.head_size)
        room = past < cache.max_len and past < c.block_size and 0 < texts <= MOST_TEXTS
        return room and cache.keys.shape == shape and cache.keys.dtype == float32

    def _next(self, binding: Binding, idx: Array, cache: KVCache) -> Tensor:
        """The logits after one more token, (B, 1, V)."""
        texts, past = len(idx), cache.length
        ids = idx.ravel().astype(np.int64)
        known = len(binding.table[0])
        if not all(0 <= token < known for token in ids.tolist()):
            check_index(idx, known, "embedding: ")
        logits = np.empty((texts, binding.widths[-1]), np.float32)
        decode(
            ids,
            binding.table,
            binding.places,
            binding.layers,
            binding.last,
            cache.keys,
            cache.values,
            past,
            self._turns(binding.rotary, past),
            binding.rms,
            binding.gated,
            np.float32(binding.eps),
            self._scratch(binding, texts, cache.max_len),
            logits,
        )
        cache.advance(1)
        return wrap(logits.reshape(texts, 1, -1))

    def _turns(self, rotary: RotaryEmbedding | None, past: int) -> tuple[Array, Array]:
        """The angles of one position."""
        if rotary is None:
            return _NOTHING, _NOTHING
        cos, sin = rotary.turns(past + 1, float32)
        return cos[past], sin[past]

    def _scratch(self, binding: Binding, texts: int, positions: int) -> tuple[Array, ...]:
        """Memory for what comes between."""
        key = (texts, positions, binding.widths)
        kept: Any = self._memory.kept
        if kept.get("scratch key") != key:
            width, qkv, attended, inner, _ = binding.widths
            sizes = (width, width, qkv, attended, inner, inner)
            rows = tuple(np.empty((texts, size), np.float32) for size in sizes)
            kept["scratch"], kept["scratch key"] = (*rows, np.empty(positions, np.float32)), key
        return kept["scratch"]  # type: ignore[no-any-return]

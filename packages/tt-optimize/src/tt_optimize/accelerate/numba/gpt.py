"""A GPT that is compiled: layer by layer where it learns, a whole token where it writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_models import GPT
from tt_models.cache import Cache
from tt_nn import RotaryEmbedding
from tt_nn.module import changes
from tt_tensor import Tensor, float32
from tt_tensor.ops.index import check_index
from tt_tensor.tensor import wrap

from ...kv_cache import KVCache
from ..base import Accelerated
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
        ids = idx.array
        one_each = ids.ndim == 2 and ids.shape[1] == 1 and ids.dtype.kind in "iu"
        if type(cache) is KVCache and targets is None and one_each:
            binding = self._bound()
            # looked up once, as what is checked has to be what is written to
            memory, past = (cache.keys, cache.values), cache.length
            if binding is not None and self._fits(binding, len(ids), memory, past, cache.max_len):
                logits = self._next(binding, ids, *memory, past)
                cache.advance(1)
                return wrap(logits), None
        return GPT.forward(self, idx, targets, cache)

    def _bound(self) -> Binding | None:
        """The weights, gathered anew if any was replaced; None if ``decode`` cannot do it, which
        is tried again when some module was changed."""
        kept = self._memory.kept
        binding: Binding | None = kept.get("binding")
        if binding is not None and binding.holds():
            return binding
        if kept.get("in vain") is changes.latest:
            return None
        kept["in vain"] = changes.latest
        try:
            kept["binding"] = binding = Binding(self)
            kept["in vain"] = None
        except Unknown:
            kept["binding"] = binding = None
        return binding

    def _fits(
        self, binding: Binding, texts: int, memory: tuple[Array, Array], past: int, longest: int
    ) -> bool:
        """Can it be computed here? If the cache is of another model, GPT's forward says so."""
        keys, values = memory
        layers, batch_size, heads, slots, size = keys.shape
        return (
            0 <= past < slots == longest
            and past < min(self.config.block_size, binding.positions)
            and 0 < texts == batch_size <= MOST_TEXTS
            and (layers, heads, size) == binding.cached
            and keys.shape == values.shape
            and keys.dtype == values.dtype == float32
        )

    def _next(self, binding: Binding, idx: Array, keys: Array, values: Array, past: int) -> Array:
        """The logits after one more token, (B, 1, V)."""
        texts, ids = len(idx), idx[:, 0].astype(np.int64)
        logits = np.empty((texts, 1, binding.widths[-1]), np.float32)
        cos, sin = self._turns(binding.rotary, past)
        known = decode(
            ids,
            binding.ends,
            binding.layers,
            keys,
            values,
            past,
            cos,
            sin,
            binding.rms,
            binding.gated,
            binding.eps,
            self._scratch(binding, texts, keys.shape[3]),
            logits[:, 0],
        )
        if not known:
            check_index(ids, int(binding.ends["outputs"][0]), "embedding: ")
        return logits

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

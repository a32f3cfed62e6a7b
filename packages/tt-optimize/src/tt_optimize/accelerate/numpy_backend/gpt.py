"""A GPT on arrays: for a token that comes after a cache, and for whole texts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tt_models import GPT, Cache
from tt_models.gpt import CausalSelfAttention
from tt_nn import Embedding, functional as F
from tt_nn.layers.rotary import rotate_forward
from tt_tensor import Tensor
from tt_tensor.ops.index import check_index
from tt_tensor.tensor import wrap

from ...kv_cache import KVCache
from ..base import Accelerated, hands_on
from .attention import attend, attend_once
from .layers import affine, feed_forward, is_known, normalised
from .token import TokenPass

__all__ = ["NumpyGPT"]

Array = np.ndarray[Any, np.dtype[Any]]


class NumpyGPT(Accelerated, GPT):
    """A GPT whose inference runs on arrays alone.

    One new token of one text has a way of its own, ``TokenPass``; everything else goes through
    matrix products, the rows of all texts below each other.
    """

    backend = "numpy"

    def infer(
        self, idx: Tensor, targets: Tensor | None = None, cache: Cache | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The logits and, given targets, the loss, as GPT's forward."""
        if targets is not None or idx.ndim != 2 or not idx.array.size:
            return self._with_loss(idx, targets, cache)
        (texts, new), past = idx.shape, 0 if cache is None else cache.length
        drop: Any = self.transformer
        if past + new > self.config.block_size or not hands_on(drop["drop"]):
            return GPT.forward(self, idx, None, cache)  # which explains, or drops
        with np.errstate(all="ignore"):
            if texts == new == 1:
                logits = self._token_pass()(idx.array, past, cache)
            else:
                logits = self._logits(idx.array, past, cache)
        if cache is not None:
            cache.advance(new)
        return wrap(logits.reshape(texts, new, -1)), None

    def _with_loss(
        self, idx: Tensor, targets: Tensor | None, cache: Cache | None
    ) -> tuple[Tensor, Tensor | None]:
        if cache is not None or targets is None or idx.shape != targets.shape:
            return GPT.forward(self, idx, targets, cache)
        logits, _ = self.infer(idx)
        rows = logits.flatten(0, 1)
        return logits, F.cross_entropy(rows, targets.reshape(-1), ignore_index=-1)

    def _token_pass(self) -> TokenPass:
        """The steps for one token, made anew if a layer or a weight's memory has changed."""
        steps: TokenPass | None = self._memory.kept.get("token")
        if steps is None or not steps.is_current():
            steps = self._memory.kept["token"] = TokenPass(self)
        return steps

    def _logits(self, idx: Array, past: int, cache: Cache | None) -> Array:
        """The scores of all positions, (B · T, V), in new memory."""
        parts: Any = self.transformer
        x = self._embedded(idx, past)
        for block in parts["h"]:
            if not is_known(block, past + idx.shape[1]):
                x = block(wrap(x.reshape(*idx.shape, -1)), cache).array.reshape(x.shape)
                continue
            normal = normalised(block.ln_1, x, self._memory)
            np.add(x, self._attended(block.attn, normal, idx.shape, past, cache), x)
            normal = normalised(block.ln_2, x, self._memory)
            np.add(x, feed_forward(block.mlp, normal, self._memory), x)
        x = normalised(parts["ln_f"], x, self._memory)
        return affine(self.lm_head, x, self._memory, "logits").copy()

    def _embedded(self, idx: Array, past: int) -> Array:
        """What the tokens and their positions mean, (B · T, C), in memory to be added to."""
        parts: Any = self.transformer
        tokens, positions = parts["wte"], getattr(parts, "wpe", None)
        if type(tokens) is not Embedding:
            x = tokens(wrap(idx)).array.reshape(idx.size, -1).copy()
        else:
            check_index(idx, len(tokens.weight.array), "embedding: ")
            x = tokens.weight.array[idx.ravel()]
        if positions is not None:
            new = idx.shape[1]
            if hasattr(positions, "weight"):
                table = positions.weight.array[past : past + new]
            else:
                table = positions(wrap(np.arange(past, past + new))).array
            np.add(x.reshape(*idx.shape, -1), table, x.reshape(*idx.shape, -1))
        return x  # type: ignore[no-any-return]

    def _attended(
        self,
        attention: CausalSelfAttention,
        x: Array,
        shape: tuple[int, ...],
        past: int,
        cache: Cache | None,
    ) -> Array:
        """c_proj(what each position gathers from those it sees)."""
        memory, (texts, new) = self._memory, shape
        heads, few, size = attention.n_head, attention.n_kv_head, attention.head_dim
        qkv = affine(attention.c_attn, x, memory, "qkv")
        split = qkv.reshape(texts, new, heads + 2 * few, size).swapaxes(1, 2)
        q, k, v = split[:, :heads], split[:, heads : heads + few], split[:, heads + few :]
        if attention.rotary is not None:
            rotary = attention.rotary
            cos, sin = (t[past : past + new] for t in rotary.turns(past + new, x.dtype))
            turned = rotate_forward(
                split[:, : heads + few], cos, sin, interleaved=rotary.interleaved
            )
            q, k = turned[:, :heads], turned[:, heads:]
        np.multiply(q, x.dtype.type(1 / math.sqrt(size)), q)
        window = None
        if type(cache) is KVCache:
            k, v = cache.store(attention.layer, k, v)
            window = cache.window
        elif cache is not None:
            k, v = (kept.array for kept in cache.update(attention.layer, wrap(k), wrap(v)))
            window = cache.window
        if new == 1:
            grouped = q.reshape(texts, few, heads // few, size)
            mixed = attend_once(grouped, k, v, memory)
        else:
            mixed = memory.take("mixed rows", (texts, new, heads, size), x.dtype)
            attend(q, k, v, mixed, window, memory)
        return affine(attention.c_proj, mixed.reshape(len(x), -1), memory, "outer")

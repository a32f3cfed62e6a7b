"""Attention with several heads."""

from __future__ import annotations

from typing import Any

import numpy as np
from tt_tensor import Tensor, empty, zeros
from tt_tensor.tensor import wrap

from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter
from .linear import Linear

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention in num_heads subspaces side by side, then mixed: concat(head₁ ... headₕ) Wₒ.

    Args:
        embed_dim: the size of queries and outputs, divisible by num_heads.
        dropout: the share of attention weights dropped in training.
        bias: whether the projections have one.
        kdim, vdim: the sizes of keys and values, if they differ from embed_dim.
        batch_first: (B, T, E) instead of (T, B, E).

    Parameters as in PyTorch: in_proj_weight (3E, E), or q_proj_weight, k_proj_weight and v_proj_weight
    if the sizes differ; in_proj_bias (3E,); out_proj.

    Source: Vaswani et al. 2017, §3.2.2.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if num_heads <= 0 or embed_dim <= 0 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: embed_dim must be a multiple of num_heads, got {embed_dim} and "
                f"{num_heads}"
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = Parameter(empty(3 * embed_dim, embed_dim, dtype=dtype))
        else:
            self.in_proj_weight = None
            self.q_proj_weight = Parameter(empty(embed_dim, embed_dim, dtype=dtype))
            self.k_proj_weight = Parameter(empty(embed_dim, self.kdim, dtype=dtype))
            self.v_proj_weight = Parameter(empty(embed_dim, self.vdim, dtype=dtype))
        self.in_proj_bias = Parameter(zeros(3 * embed_dim, dtype=dtype)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype)
        for weight in self._weights():
            init.xavier_uniform_(weight)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def _weights(self) -> list[Parameter]:
        if self.in_proj_weight is not None:
            return [self.in_proj_weight]
        return [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The attended values and, if ``need_weights``, the attention weights (else None).

        Args:
            key_padding_mask: (B, S); True (or -inf) marks keys to leave out.
            attn_mask: (T, S) or (B · num_heads, T, S); True (or -inf) marks pairs to leave out.
            average_attn_weights: weights averaged over the heads, (B, T, S), instead of all of them.

        Shape: query (T, B, E), key (S, B, kdim), value (S, B, vdim) -> (T, B, E); with
            ``batch_first`` (B, T, E) and so on; without a batch (T, E) and so on.
        """
        batched = query.ndim == 3
        if not batched:
            query, key, value = (x.unsqueeze(1) for x in (query, key, value))
        elif self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        self._check(query, key, value)
        t, b, _ = query.shape
        q, k, v = (self._split(x) for x in self._project(query, key, value))  # (B, H, T, D)
        mask = self._mask(attn_mask, key_padding_mask, (b, t, key.shape[0]), is_causal)
        drop = self.dropout if self.training else 0.0
        if need_weights:
            weights = self._attention_weights(q, k, mask)
            y = F.dropout(weights, drop) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, mask, drop)
        y = y.permute(2, 0, 1, 3).reshape(t, b, self.embed_dim)  # (T, B, E)
        y = self.out_proj(y)
        if not batched:
            y = y.squeeze(1)
        elif self.batch_first:
            y = y.transpose(0, 1)
        if not need_weights:
            return y, None
        weights = weights.mean(1) if average_attn_weights else weights
        return y, (weights if batched else weights.squeeze(0))

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        expected = (self.embed_dim, self.kdim, self.vdim)
        got = (query.shape[-1], key.shape[-1], value.shape[-1])
        if got != expected or key.shape[:2] != value.shape[:2] or key.shape[1] != query.shape[1]:
            raise ValueError(
                f"MultiheadAttention: expected last sizes {expected} for query, key and value and one "
                f"batch size; got {query.shape}, {key.shape}, {value.shape} as (time, batch, size)"
            )

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Queries, keys and values in embed_dim."""
        bias = self.in_proj_bias
        if self.in_proj_weight is not None and query is key and key is value:
            return list(F.linear(query, self.in_proj_weight, bias).chunk(3, -1))
        weights = self._weights()
        if len(weights) == 1:
            weights = list(weights[0].chunk(3))  # type: ignore[arg-type]
        biases = [None] * 3 if bias is None else list(bias.chunk(3))
        inputs = (query, key, value)
        return [F.linear(x, w, c) for x, w, c in zip(inputs, weights, biases, strict=True)]

    def _split(self, x: Tensor) -> Tensor:
        """(T, B, E) -> (B, H, T, D)."""
        t, b, _ = x.shape
        return x.reshape(t, b, self.num_heads, self.head_dim).permute(1, 2, 0, 3)

    def _mask(
        self,
        attn_mask: Tensor | None,
        padding: Tensor | None,
        sizes: tuple[int, int, int],
        is_causal: bool,
    ) -> Tensor | None:
        """All masks as one of numbers to add to the scores, (B or 1, H or 1, T, S)."""
        b, t, s = sizes
        total = np.zeros((1, 1, 1, 1), np.float32)
        if is_causal and attn_mask is None:
            total = total + np.where(np.tri(t, s, dtype=bool), 0, -np.inf)[None, None]
        if attn_mask is not None:
            added = _additive(attn_mask)
            shape = (1, 1, t, s) if added.ndim == 2 else (b, self.num_heads, t, s)
            total = total + added.reshape(shape)
        if padding is not None:
            total = total + _additive(padding).reshape(b, 1, 1, s)
        if total.shape == (1, 1, 1, 1):
            return None
        return wrap(np.ascontiguousarray(np.broadcast_to(total, (*total.shape[:2], t, s)))).to(
            self.out_proj.weight.dtype
        )

    def _attention_weights(self, q: Tensor, k: Tensor, mask: Tensor | None) -> Tensor:
        scores = q @ k.mT * self.head_dim**-0.5
        return F.softmax(scores if mask is None else scores + mask, -1)


def _additive(mask: Tensor) -> np.ndarray[Any, Any]:
    """A bool mask (True: leave out) as 0 and -inf; numbers as they are."""
    array = mask.array
    return np.where(array, np.float32(-np.inf), np.float32(0)) if array.dtype.kind == "b" else array

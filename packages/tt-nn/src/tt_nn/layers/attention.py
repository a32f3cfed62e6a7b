"""Attention with several heads."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_tensor import Tensor, empty, zeros

from .. import functional as F, init
from ..functional.attention import attention_weights
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
        add_bias_kv: must be False; it keeps PyTorch's order of arguments.
        add_zero_attn: must be False, likewise.
        kdim: the size of keys, if it differs from embed_dim.
        vdim: the size of values, if it differs from embed_dim.
        batch_first: (B, T, E) instead of (T, B, E).

    Parameters as in PyTorch: in_proj_weight (3E, E), or q_proj_weight, k_proj_weight and
    v_proj_weight if the sizes differ; in_proj_bias (3E,); out_proj.

    Source: Vaswani et al. 2017, §3.2.2.

    >>> from tt_tensor import ones
    >>> attention = MultiheadAttention(8, num_heads=2, batch_first=True)
    >>> y, weights = attention(ones(3, 5, 8), ones(3, 7, 8), ones(3, 7, 8))
    >>> y.shape, weights.shape
    ((3, 5, 8), (3, 5, 7))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if num_heads <= 0 or embed_dim <= 0 or embed_dim % num_heads:
            raise ValueError(
                "MultiheadAttention: embed_dim must be a multiple of num_heads, got "
                f"{embed_dim} and {num_heads}"
            )
        if add_bias_kv or add_zero_attn:
            raise ValueError("MultiheadAttention has no add_bias_kv and no add_zero_attn")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._make_parameters(bias, {"device": device, "dtype": dtype})

    def _make_parameters(self, bias: bool, kind: dict[str, Any]) -> None:
        size = self.embed_dim
        self.in_proj_weight: Parameter | None = None
        if self.kdim == self.vdim == size:
            self.in_proj_weight = Parameter(empty(3 * size, size, **kind))
        else:
            self.q_proj_weight = Parameter(empty(size, size, **kind))
            self.k_proj_weight = Parameter(empty(size, self.kdim, **kind))
            self.v_proj_weight = Parameter(empty(size, self.vdim, **kind))
        self.in_proj_bias = Parameter(zeros(3 * size, **kind)) if bias else None
        self.out_proj = Linear(size, size, bias, **kind)
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
            average_attn_weights: weights averaged over the heads, (B, T, S), instead of all.
            is_causal: a promise that attn_mask is the causal mask, so that it need not be read.

        Shape: query (T, B, E), key (S, B, kdim), value (S, B, vdim) -> (T, B, E); with
            ``batch_first`` (B, T, E) and so on; without a batch (T, E) and so on.

        A query that may look nowhere gets weights 0.
        """
        if is_causal and attn_mask is None:
            raise ValueError(
                "is_causal promises that attn_mask is causal; pass the mask as well: "
                "attn_mask=ones(T, S, dtype=bool).triu(1)"
            )
        batched = query.ndim == 3
        projected = self._project(*self._time_first(query, key, value))
        q, k, v = (self._split(x) for x in projected)  # (B, H, T, D)
        drop = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            mask = self._mask(q, k, attn_mask, key_padding_mask)
            weights = attention_weights(q @ k.mT * self.head_dim**-0.5, mask)
            weights = F.dropout(weights, drop)  # (B, H, T, S)
            y = weights @ v
        elif is_causal and key_padding_mask is None:
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=drop, is_causal=True)
        else:
            mask = self._mask(q, k, attn_mask, key_padding_mask)
            y = F.scaled_dot_product_attention(q, k, v, mask, drop)
        y = y.permute(2, 0, 1, 3).reshape(*projected[0].shape)  # (T, B, E), heads side by side
        y = self._as_it_came(self.out_proj(y), batched)
        if weights is None:
            return y, None
        weights = weights.mean(1) if average_attn_weights else weights
        return y, weights if batched else weights.squeeze(0)

    def _time_first(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        """(T, B, E), (S, B, kdim) and (S, B, vdim), checked."""
        given = (query, key, value)
        if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
            raise ValueError(
                "MultiheadAttention: expected three inputs of 3 dims, or of 2 without a batch; got "
                f"{query.shape}, {key.shape}, {value.shape}"
            )
        once: dict[int, Tensor] = {}  # so that the same input stays the same
        for x in given:
            if query.ndim == 2:
                once[id(x)] = x.unsqueeze(1)
            else:
                once[id(x)] = x.transpose(0, 1) if self.batch_first else x
        query, key, value = (once[id(x)] for x in given)
        expected = (self.embed_dim, self.kdim, self.vdim)
        got = (query.shape[-1], key.shape[-1], value.shape[-1])
        if got != expected or key.shape[:2] != value.shape[:2] or key.shape[1] != query.shape[1]:
            raise ValueError(
                f"MultiheadAttention: expected last sizes {expected} for query, key and value, one "
                "batch size, and as many keys as values; got as (time, batch, size) "
                f"{query.shape}, {key.shape}, {value.shape}"
            )
        return query, key, value

    def _as_it_came(self, y: Tensor, batched: bool) -> Tensor:
        """(T, B, E) as the query was laid out."""
        if not batched:
            return y.squeeze(1)
        return y.transpose(0, 1) if self.batch_first else y

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Queries, keys and values in embed_dim."""
        bias = self.in_proj_bias
        if self.in_proj_weight is not None and query is key and key is value:
            return list(F.linear(query, self.in_proj_weight, bias).chunk(3, -1))
        weights: list[Any] = list(self._weights())
        if len(weights) == 1:
            weights = list(weights[0].chunk(3))
        biases = [None] * 3 if bias is None else list(bias.chunk(3))
        inputs = (query, key, value)
        return [F.linear(x, w, c) for x, w, c in zip(inputs, weights, biases, strict=True)]

    def _split(self, x: Tensor) -> Tensor:
        """(T, B, E) -> (B, H, T, D)."""
        t, b, _ = x.shape
        return x.reshape(t, b, self.num_heads, self.head_dim).permute(1, 2, 0, 3)

    def _mask(
        self, q: Tensor, k: Tensor, mask: Tensor | None, padding: Tensor | None
    ) -> Tensor | None:
        """Both masks as numbers to add to the scores, broadcasting to (B, H, T, S)."""
        b, h, t, _ = q.shape
        s = k.shape[2]
        total = None
        if mask is not None:
            if mask.shape not in ((t, s), (b * h, t, s)):
                raise ValueError(
                    f"attn_mask must have shape {(t, s)} or {(b * h, t, s)}, got {mask.shape}"
                )
            mask = _additive("attn_mask", mask, q)
            total = mask if mask.ndim == 2 else mask.reshape(b, h, t, s)
        if padding is not None:
            if padding.shape != (b, s) and (b != 1 or padding.shape != (s,)):
                raise ValueError(f"key_padding_mask must have shape {(b, s)}, got {padding.shape}")
            padding = _additive("key_padding_mask", padding, q).reshape(b, 1, 1, s)
            total = padding if total is None else total + padding
        return total

    def extra_repr(self) -> str:
        """The sizes."""
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"


def _additive(name: str, mask: Tensor, like: Tensor) -> Tensor:
    """A bool mask (True: leave out) as 0 and -inf; numbers as they are."""
    if mask.dtype == np.bool_:
        return zeros(mask.shape, dtype=like.dtype).masked_fill(mask, -np.inf)
    if mask.dtype != like.dtype:
        raise TypeError(f"{name} must be bool or {like.dtype}, got {mask.dtype}")
    return mask

"""Attention: each position gathers what it needs from the others."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply
from tt_tensor.ops.elementwise import silenced
from tt_tensor.tensor import wrap

from .dropout import dropout
from .exponentials import exp_rows
from .softmax import softmax

__all__ = ["scaled_dot_product_attention"]

Array = Any

_PIECE = 65536  # elements; in pieces of so many, GPT's softmax stays in a core's own cache


def causal_mask(rows: int, columns: int) -> Array:
    """True where position i may look at position j: j <= i, aligned at the top left."""
    return np.tri(rows, columns, dtype=bool)


def _heads_inside(shape: tuple[int, ...], dtype: Any) -> Array:
    """An empty (..., H, T, D) array whose memory is in the order (..., T, H, D).

    The heads of each position then lie side by side, so that merging them afterwards,
    ``y.transpose(1, 2).reshape(B, T, C)``, moves nothing.
    """
    if len(shape) < 3:
        return np.empty(shape, dtype)
    return np.empty((*shape[:-3], shape[-2], shape[-3], shape[-1]), dtype).swapaxes(-3, -2)


@functools.lru_cache(maxsize=8)
def causal_bias(rows: int, columns: int, dtype: Any) -> Array:
    """What is added to the scores: 0 where position i may look at position j, else -inf."""
    bias = np.where(causal_mask(rows, columns), dtype.type(0), dtype.type(-np.inf))
    bias.flags.writeable = False  # it is kept for the next call
    return bias


def softmax_masked(scores: Array, mask: Array) -> None:
    """Softmax along the last dim in place; a row whose every entry is masked becomes 0."""
    scores[...] = np.where(mask, scores, -np.inf) if mask.dtype.kind == "b" else scores + mask
    peak = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    peak[np.isneginf(peak)] = 0
    scores -= peak
    np.exp(scores, out=scores)
    total = scores.sum(axis=-1, keepdims=True)
    total[total == 0] = 1
    scores /= total


@silenced
def attention_forward(
    q: Array, k: Array, v: Array, mask: Array | None = None, *, causal: bool, scale: float
) -> tuple[Array, Array]:
    """softmax(q kᵀ · scale + mask) v; the probabilities, the one T×S buffer, are kept."""
    # laid out row by row whatever the inputs' order, so that the pieces below are views of it
    probs = np.empty((*q.shape[:-1], k.shape[-2]), q.dtype)
    np.matmul(q * q.dtype.type(scale), k.swapaxes(-1, -2), out=probs)
    if not probs.size:
        pass
    elif mask is not None:
        softmax_masked(probs, mask)
    else:
        ones, bias, exps = np.ones(probs.shape[-1], probs.dtype), None, None
        if causal:
            bias = causal_bias(*probs.shape[-2:], probs.dtype)
        for piece in _pieces(probs):
            if bias is not None:
                piece += bias
            rows = piece.reshape(-1, piece.shape[-1])
            if exps is None or exps.shape != rows.shape:
                exps, sums = np.empty_like(rows), np.empty(len(rows), rows.dtype)
            exp_rows(rows, exps, sums, ones)
            np.divide(exps, sums[:, None], out=rows)
    out = _heads_inside((*probs.shape[:-1], v.shape[-1]), q.dtype)
    np.matmul(probs, v, out=out)
    return out, probs


def _pieces(stack: Array) -> Iterator[Array]:
    """(..., T, S) in pieces (n, T, S) that stay in the cache, views of it."""
    matrices = stack.reshape(math.prod(stack.shape[:-2]), *stack.shape[-2:])
    together = max(1, _PIECE // max(1, math.prod(stack.shape[-2:])))
    return (matrices[i : i + together] for i in range(0, len(matrices), together))


def attention_vjp(
    g: Array,
    needs: tuple[bool, ...],
    probs: Array,
    q: Array,
    k: Array,
    v: Array,
    mask: Any = None,
    *,
    causal: bool,
    scale: float,
) -> list[Array | None]:
    """dV = Pᵀg; with dP = g Vᵀ, dS = P (dP - Σ dP P); dQ = dS K · scale; dK = dSᵀ Q · scale."""
    gv = np.matmul(probs.swapaxes(-1, -2), g, out=_heads_inside(v.shape, v.dtype))
    scores = np.matmul(g, v.swapaxes(-1, -2), out=np.empty_like(probs))
    for ds, p in zip(_pieces(scores), _pieces(probs), strict=True):
        ds -= np.einsum("nij,nij->ni", ds, p)[:, :, None]
        ds *= p
    gq = np.matmul(scores, k, out=_heads_inside(q.shape, q.dtype))
    gk = np.matmul(scores.swapaxes(-1, -2), q, out=_heads_inside(k.shape, k.dtype))
    gq *= gq.dtype.type(scale)
    gk *= gk.dtype.type(scale)
    return [gq, gk, gv, None][: len(needs)]


_attention = Op("scaled_dot_product_attention", attention_forward, saves=True)
joint_vjp(_attention, attention_vjp)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(Q Kᵀ / √D) V.

    Args:
        attn_mask: broadcast to (..., T, S); bool (True: may look there) or numbers that are added
            to the scores.
        dropout_p: the share of the attention weights that is dropped; pass 0 when evaluating.
        is_causal: position i looks at positions j <= i only (aligned at the top left).
        scale: 1/√D if None.
        enable_gqa: groups of query heads share one key and value head.

    Shape: query (..., T, D), key (..., S, D), value (..., S, Dv) -> (..., T, Dv)

    A row that may look nowhere gives 0.

    Source: Vaswani et al. 2017, §3.2.1.
    """
    _check(query, key, value, attn_mask, is_causal)
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"dropout_p must lie in 0 to 1, got {dropout_p}")
    if enable_gqa:
        key, value = (_share_heads(x, query) for x in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    batch = np.broadcast_shapes(*(x.shape[:-2] for x in (query, key, value)))
    query, key, value = (
        x if x.shape[:-2] == batch else x.expand(*batch, *x.shape[-2:]) for x in (query, key, value)
    )
    if dropout_p > 0 or (attn_mask is not None and attn_mask.requires_grad):
        return _in_operations(query, key, value, attn_mask, dropout_p, is_causal, scale)
    if attn_mask is None:
        return apply(_attention, query, key, value, causal=is_causal, scale=scale)
    return apply(_attention, query, key, value, attn_mask, causal=False, scale=scale)


def _in_operations(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    dropout_p: float,
    is_causal: bool,
    scale: float,
) -> Tensor:
    """The same in plain operations, with dropout on the weights."""
    if is_causal:
        mask = wrap(causal_mask(query.shape[-2], key.shape[-2]))
    return dropout(attention_weights(query @ key.mT * scale, mask), dropout_p) @ value


def attention_weights(scores: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(scores + mask) in plain operations; a row whose every entry is masked becomes 0."""
    if mask is None:
        return softmax(scores, -1)
    boolean = mask.dtype.kind == "b"
    scores = scores.masked_fill(~mask, -np.inf) if boolean else scores + mask
    empty = (scores.detach() == -np.inf).all(-1, keepdim=True)
    return softmax(scores.masked_fill(empty, 0.0), -1).masked_fill(empty, 0.0)


def _share_heads(x: Tensor, query: Tensor) -> Tensor:
    """Each of the few key or value heads repeated for its group of query heads."""
    if min(x.ndim, query.ndim) < 3:
        raise ValueError(f"enable_gqa needs heads, (..., H, T, D); got {query.shape}, {x.shape}")
    few, heads = x.shape[-3], query.shape[-3]
    if few == heads:
        return x
    if heads % few:
        raise ValueError(f"{heads} query heads cannot share {few} key and value heads evenly")
    shape = (*x.shape[:-3], few, heads // few, *x.shape[-2:])
    return x.unsqueeze(-3).expand(shape).reshape(*x.shape[:-3], heads, *x.shape[-2:])


def _check(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, is_causal: bool) -> None:
    name = "scaled_dot_product_attention"
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError(
            f"{name}: expected query (..., T, D), key (..., S, D), value (..., S, Dv); got "
            f"{q.shape}, {k.shape}, {v.shape}"
        )
    if not q.dtype == k.dtype == v.dtype or q.dtype.kind != "f":
        raise TypeError(
            f"{name}: expected one floating dtype, got {q.dtype}, {k.dtype} and {v.dtype}"
        )
    if mask is not None and is_causal:
        raise ValueError(f"{name}: pass attn_mask or is_causal, not both")
    if mask is not None and mask.dtype not in (np.bool_, q.dtype):
        raise TypeError(f"{name}: attn_mask must be bool or {q.dtype}, got {mask.dtype}")

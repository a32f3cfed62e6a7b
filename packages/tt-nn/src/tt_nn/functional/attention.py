"""Attention: each position gathers what it needs from the others."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply
from tt_tensor.ops.elementwise import silenced
from tt_tensor.random import numpy_generator

from .dropout import dropout
from .exponentials import exp_rows
from .softmax import softmax

__all__ = ["scaled_dot_product_attention"]

Array = Any

# Scores are computed in pieces of so many elements, but of no fewer rows, so that those of one
# piece stay in a core's own cache. Causal rows also leave out the columns after them. Against whole
# matrices, forward and backward together take 0.8 of the time for (8, 6, 256, 64), 0.7 for
# (4, 6, 512, 64) and 0.6 for (2, 6, 1024, 64).
_PIECE, _LEAST_ROWS = 32768, 64

# Any, as NumPy's types do not know `keepdims` by position, which is faster
_peaks: Any = np.maximum.reduce
_sums: Any = np.add.reduce


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
    """What is added to the scores: 0 where position i may look at position j, j <= i, else -inf."""
    bias = np.where(np.tri(rows, columns, dtype=bool), dtype.type(0), dtype.type(-np.inf))
    bias.flags.writeable = False  # it is kept for the next call
    return bias


class _Piece(NamedTuple):
    """A part of the scores (..., H, T, S) that stays in the cache: of several texts, some heads of
    one, or rows of one head."""

    at: tuple[int | slice, ...]  # where in (..., H, T)
    shared: tuple[int | slice, ...]  # where in (..., Hs) the keys and values it uses are
    rows: slice  # which of T
    seen: int  # how many of S: with a causal mask, what comes after them all is never computed


def _pieces(q: Array, k: Array, causal: bool) -> Iterator[_Piece]:
    """The pieces of the scores of queries (..., H, T, D) and keys (..., Hs, S, D)."""
    (*batch, heads, t, _), (few, s, _) = q.shape, k.shape[-3:]
    if not math.prod((*batch, heads, t, s)):
        return
    if batch and (together := _PIECE // (heads * t * s)):
        for outer in np.ndindex(*batch[:-1]):
            for i in range(0, batch[-1], together):
                texts = (*outer, slice(i, i + together))
                yield _Piece(texts, texts, slice(0, t), s)
        return
    group = heads // few
    together, rows = _PIECE // (group * t * s), max(_LEAST_ROWS, _PIECE // s)
    for outer in np.ndindex(*batch):
        for i in range(0, few, together or 1):
            if together:
                at = slice(i * group, (i + together) * group)
                shared = slice(i, i + together)
                yield _Piece((*outer, at), (*outer, shared), slice(0, t), s)
                continue
            for head in range(i * group, (i + 1) * group):
                for start in range(0, t, rows):
                    part = slice(start, min(start + rows, t))
                    seen = min(part.stop, s) if causal else s
                    yield _Piece((*outer, head, part), (*outer, i), part, seen)


def _group_rows(x: Array, shared: Array) -> Array:
    """Heads (..., H, T, D) as (..., Hs, H/Hs · T, D), for keys (..., Hs, S, D) that groups of heads
    share: a group's rows lie below each other, so that one product serves them all."""
    if x.ndim < 3 or x.shape[-3] == shared.shape[-3]:
        return x
    few = shared.shape[-3]
    return x.reshape(*x.shape[:-3], few, x.shape[-3] // few * x.shape[-2], x.shape[-1])


def _product(a: Array, b: Array, out: Array) -> None:
    """a b, where a's rows may be those of groups."""
    if a.shape[:-1] == out.shape[:-1]:
        np.matmul(a, b, out=out)
    else:
        out[...] = np.matmul(a, b).reshape(out.shape)


def _add_product(a: Array, b: Array, total: Array) -> None:
    """aᵀ b: of rows of one head a part of the total, of whole heads all of it."""
    if a.ndim > 2:
        np.matmul(a.swapaxes(-1, -2), b, out=total)
    else:
        total += a.T @ b


def _softmax(scores: Array, out: Array) -> None:
    """Softmax along the last dim; a row of -inf alone becomes 0."""
    x = scores.reshape(-1, scores.shape[-1])
    exps, sums = np.empty_like(x), np.empty(len(x), x.dtype)
    shift = exp_rows(x, exps, sums, np.ones(x.shape[-1], x.dtype))
    if shift is not None and (empty := np.isneginf(shift[:, 0])).any():
        exps[empty], sums[empty] = 0, 1
    np.divide(exps.reshape(out.shape), sums.reshape(*out.shape[:-1], 1), out=out)


def _drop(p: Array, kept: Array | None, dropout_p: float) -> Array:
    """What dropout leaves of p: its kept elements, divided by the share that is kept."""
    if kept is None:
        return p
    left = kept * p.dtype.type(1 / (1 - dropout_p) if dropout_p < 1 else 0)
    left *= p
    return left


@silenced
def attention_forward(
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None = None,
    *,
    causal: bool,
    scale: float,
    dropout_p: float = 0.0,
) -> tuple[Array, tuple[Array, Array | None]]:
    """softmax(q kᵀ · scale + mask) v. The probabilities, the one buffer of T×S numbers, are kept,
    and with dropout which of them count.

    k and v may have fewer heads than q: then each of theirs serves a group of q's, uncopied.
    """
    if q.ndim == 2:
        options: Any = {"causal": causal, "scale": scale, "dropout_p": dropout_p}
        out, saved = attention_forward(q[None], k[None], v[None], mask, **options)
        return out[0], saved
    if q.shape[-2] == 1 and k.shape[-2] and mask is None and not (causal or dropout_p):
        return _one_query(q * q.dtype.type(scale), k, v)
    probs = np.empty((*q.shape[:-1], k.shape[-2]), q.dtype)
    kept = np.empty(probs.shape, bool) if dropout_p else None
    out = _heads_inside((*q.shape[:-1], v.shape[-1]), q.dtype)
    if not probs.size:
        out[...] = 0
    if mask is not None:
        mask = np.broadcast_to(mask, probs.shape)
    scaled = q * q.dtype.type(scale)
    for at, shared, rows, seen in _pieces(q, k, causal):
        keys, values, p = k[shared][..., :seen, :], v[shared][..., :seen, :], probs[at][..., :seen]
        scores = np.matmul(_group_rows(scaled[at], keys), keys.swapaxes(-1, -2)).reshape(p.shape)
        if causal:
            edge = scores[..., rows.start :]  # before it, everything is seen
            edge += causal_bias(*edge.shape[-2:], q.dtype)
        elif mask is not None and mask.dtype.kind == "b":
            np.copyto(scores, -np.inf, where=~mask[at])
        elif mask is not None:
            scores += mask[at]
        _softmax(scores, p)
        if kept is not None:
            draws = numpy_generator().random(p.shape, np.float32)
            np.greater_equal(draws, np.float32(dropout_p), out=kept[at][..., :seen])
            p = _drop(p, kept[at][..., :seen], dropout_p)
        _product(_group_rows(p, values), values, out[at])
    return out, (probs, kept)


def _one_query(scaled: Array, k: Array, v: Array) -> tuple[Array, tuple[Array, None]]:
    """softmax(q kᵀ) v where each head asks once, as for a text's next token: at once, for with a
    cache this is called for every layer and token. It takes half the time of a loop over pieces."""
    scores = np.matmul(_group_rows(scaled, k), k.swapaxes(-1, -2))
    scores -= _peaks(scores, -1, None, None, True)
    np.exp(scores, out=scores)
    scores /= _sums(scores, -1, None, None, True)
    out = np.matmul(scores, v).reshape(*scaled.shape[:-1], v.shape[-1])
    return out, (scores.reshape(*scaled.shape[:-1], k.shape[-2]), None)


def attention_vjp(
    g: Array,
    needs: tuple[bool, ...],
    saved: tuple[Array, Array | None],
    q: Array,
    k: Array,
    v: Array,
    mask: Any = None,
    *,
    causal: bool,
    scale: float,
    dropout_p: float = 0.0,
) -> list[Array | None]:
    """dV = Pᵀg; with dP = g Vᵀ, dS = P (dP - Σ dP P); dQ = dS K · scale; dK = dSᵀ Q · scale.

    Where P was dropped before it met V, so is dP. A piece at a time, so no second buffer of T×S
    is needed.
    """
    if q.ndim == 2:
        options: Any = {"causal": causal, "scale": scale, "dropout_p": dropout_p}
        grads = attention_vjp(g[None], needs, saved, q[None], k[None], v[None], **options)
        return [x if x is None else x[0] for x in grads]
    probs, kept = saved
    gq, gk, gv = (_heads_inside(x.shape, x.dtype) for x in (q, k, v))
    if math.prod(probs.shape[-2:]) * q.shape[-3] > _PIECE or not probs.size:
        gq[...], gk[...], gv[...] = 0, 0, 0  # to add to, or because nothing comes
    for at, shared, _, seen in _pieces(q, k, causal):
        keys, values = k[shared][..., :seen, :], v[shared][..., :seen, :]
        p, queries, errors = (_group_rows(x, keys) for x in (probs[at][..., :seen], q[at], g[at]))
        keep = None if kept is None else _group_rows(kept[at][..., :seen], keys)
        _add_product(_drop(p, keep, dropout_p), errors, gv[shared][..., :seen, :])
        ds = _drop(np.matmul(errors, values.swapaxes(-1, -2)), keep, dropout_p)
        ds -= np.einsum("...ij,...ij->...i", ds, p)[..., None]
        ds *= p
        _add_product(ds, queries, gk[shared][..., :seen, :])
        _product(ds, keys, gq[at])
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
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    mask_learns = attn_mask is not None and attn_mask.requires_grad
    heads = 2
    if enable_gqa:
        _check_groups(query, key, value)
        heads = 3  # the dims that are not broadcast
        if mask_learns or key.shape[-3] != value.shape[-3]:
            key, value = (_share_heads(x, query.shape[-3]) for x in (key, value))
    query, key, value = _broadcast_batch((query, key, value), heads)
    if mask_learns:
        return _in_operations(query, key, value, attn_mask, dropout_p, scale)
    inputs = (query, key, value) if attn_mask is None else (query, key, value, attn_mask)
    options = {"dropout_p": dropout_p} if dropout_p else {}
    return apply(_attention, *inputs, causal=is_causal, scale=scale, **options)


def _in_operations(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    dropout_p: float,
    scale: float,
) -> Tensor:
    """The same in plain operations, for a mask that learns."""
    return dropout(attention_weights(query @ key.mT * scale, mask), dropout_p) @ value


def attention_weights(scores: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(scores + mask) in plain operations; a row whose every entry is masked becomes 0."""
    if mask is None:
        return softmax(scores, -1)
    boolean = mask.dtype.kind == "b"
    scores = scores.masked_fill(~mask, -np.inf) if boolean else scores + mask
    empty = (scores.detach() == -np.inf).all(-1, keepdim=True)
    return softmax(scores.masked_fill(empty, 0.0), -1).masked_fill(empty, 0.0)


def _broadcast_batch(inputs: tuple[Tensor, ...], dims: int) -> Iterator[Tensor]:
    """All dims but the last ``dims`` broadcast to one shape; views."""
    if len({x.shape[:-dims] for x in inputs}) == 1:
        return iter(inputs)
    batch = np.broadcast_shapes(*(x.shape[:-dims] for x in inputs))
    return (x if x.shape[:-dims] == batch else x.expand(*batch, *x.shape[-dims:]) for x in inputs)


def _share_heads(x: Tensor, heads: int) -> Tensor:
    """Each of the few key or value heads repeated for its group of query heads."""
    few = x.shape[-3]
    if few == heads:
        return x
    shape = (*x.shape[:-3], few, heads // few, *x.shape[-2:])
    return x.unsqueeze(-3).expand(shape).reshape(*x.shape[:-3], heads, *x.shape[-2:])


def _check_groups(query: Tensor, key: Tensor, value: Tensor) -> None:
    for x in (key, value):
        if min(x.ndim, query.ndim) < 3:
            raise ValueError(
                f"enable_gqa needs heads, (..., H, T, D); got {query.shape}, {x.shape}"
            )
        if not x.shape[-3] or query.shape[-3] % x.shape[-3]:
            raise ValueError(
                f"{query.shape[-3]} query heads cannot share {x.shape[-3]} key and value heads "
                "evenly"
            )


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

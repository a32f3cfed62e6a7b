"""Causal attention on queries, keys and values as one linear map leaves them, side by side.

Products stay in OpenBLAS, which no compiled loop here would beat. Between them stands the softmax:
compiled, it takes one pass over a row, computes eˣ for what the row may see only, and leaves zeros
after that. Reading queries, keys and values where they lie, and writing their gradients side by
side into one array, saves what splitting and joining would copy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply

from .elementary import exp, kernel, largest

__all__ = ["compiled_attention", "compiled_rotary"]

Array = Any

_0 = np.float32(0)

# The scores of a piece, in numbers: they stay in a core's second-level cache, with their gradients.
_PIECE, _LEAST_ROWS = 65536, 64


@kernel
def causal_softmax(x: Array, first: int, rows: int, scale: Any) -> None:
    """Each row x becomes softmax(x · scale) up to its own position, and 0 after it.

    Args:
        x: the scores of one head after another, (heads · rows, columns); written in place.
        first: the position of each head's first row.
    """
    for i in range(len(x)):
        row = x[i]
        seen = row[: first + i % rows + 1]
        top = largest(seen)
        total = _0
        for j in range(seen.size):
            seen[j] = exp((seen[j] - top) * scale)
            total += seen[j]
        share = np.float32(1) / total
        for j in range(seen.size):
            seen[j] *= share
        row[seen.size :] = _0


@kernel
def causal_softmax_gradient(g: Array, p: Array, first: int, rows: int, scale: Any) -> None:
    """g becomes p (g - Σ g p) · scale, in the rows' visible part; the rest becomes 0."""
    for i in range(len(p)):
        seen = first + i % rows + 1
        pi, gi = p[i, :seen], g[i, :seen]
        share = _0
        for j in range(pi.size):
            share += gi[j] * pi[j]
        for j in range(pi.size):
            gi[j] = pi[j] * (gi[j] - share) * scale
        g[i, seen:] = _0


def _heads(x: Array, heads: int, kv_heads: int) -> tuple[Array, Array, Array]:
    """Views of x (B, T, (H + 2 Hs) D): q (B, Hs, H/Hs, T, D), k and v (B, Hs, 1, T, D)."""
    B, T, width = x.shape
    parts = x.reshape(B, T, heads + 2 * kv_heads, width // (heads + 2 * kv_heads))
    q = parts[:, :, :heads].reshape(B, T, kv_heads, heads // kv_heads, parts.shape[-1])
    k, v = parts[:, :, heads : heads + kv_heads, None], parts[:, :, heads + kv_heads :, None]
    return q.transpose(0, 2, 3, 1, 4), k.transpose(0, 2, 3, 1, 4), v.transpose(0, 2, 3, 1, 4)


def _pieces(texts: int, heads: int, length: int) -> Iterator[tuple[slice, slice]]:
    """Several whole texts, or rows of one, whose scores stay in the cache."""
    together = _PIECE // (heads * length * length)
    rows = length if together else max(_LEAST_ROWS, _PIECE // (heads * length))
    for text in range(0, texts, together or 1):
        for row in range(0, length, rows):
            yield slice(text, text + max(together, 1)), slice(row, min(row + rows, length))


def attention_forward(
    x: Array, *, heads: int, kv_heads: int, scale: float
) -> tuple[Array, list[Array]]:
    """softmax(q kᵀ · scale) v of each head. The probabilities of each piece are kept."""
    x = np.ascontiguousarray(x)
    q, k, v = _heads(x, heads, kv_heads)
    (B, _, group, T, D), kept = q.shape, []
    out = np.empty((B, T, kv_heads, group, D), x.dtype)
    y = out.transpose(0, 2, 3, 1, 4)
    for texts, rows in _pieces(B, heads, T):
        keys, values = k[texts, ..., : rows.stop, :], v[texts, ..., : rows.stop, :]
        p = np.matmul(q[texts, ..., rows, :], keys.swapaxes(-1, -2))
        flat = p.reshape(-1, rows.stop)
        causal_softmax(flat, rows.start, rows.stop - rows.start, np.float32(scale))
        np.matmul(p, values, out=y[texts, ..., rows, :])
        kept.append(p)
    return out.reshape(B, T, heads * D), kept


def attention_vjp(
    g: Array,
    needs: tuple[bool, ...],
    kept: list[Array],
    x: Array,
    *,
    heads: int,
    kv_heads: int,
    scale: float,
) -> list[Array]:
    """dV = Pᵀg; dP = g Vᵀ; dS = P (dP - Σ dP P) · scale; dQ = dS K; dK = dSᵀ Q."""
    x = np.ascontiguousarray(x)
    gx = np.empty_like(x)
    (q, k, v), (gq, gk, gv) = (_heads(a, heads, kv_heads) for a in (x, gx))
    B, _, group, T, D = q.shape
    gy = g.reshape(B, T, kv_heads, group, D).transpose(0, 2, 3, 1, 4)
    for (texts, rows), p in zip(_pieces(B, heads, T), kept, strict=True):
        at, seen = (texts, ..., rows, slice(None)), (texts, ..., slice(0, rows.stop), slice(None))
        ds = np.matmul(gy[at], v[seen].swapaxes(-1, -2))
        _add_product(p, gy[at], gv[texts], rows)
        flat = ds.reshape(-1, rows.stop)
        probabilities = p.reshape(flat.shape)
        length = rows.stop - rows.start
        causal_softmax_gradient(flat, probabilities, rows.start, length, np.float32(scale))
        np.matmul(ds, k[seen], out=gq[at])
        _add_product(ds, q[at], gk[texts], rows)
    return [gx]


def _add_product(a: Array, b: Array, total: Array, rows: slice) -> None:
    """aᵀ b, summed over the heads of a group, is added to the ``total`` of the earlier rows."""
    at = a.swapaxes(-1, -2)
    if rows.start == 0 and rows.stop == total.shape[-2] and a.shape[2] == 1:
        np.matmul(at, b, out=total)
        return
    part = np.matmul(at, b).sum(2, keepdims=True)
    total[..., : rows.start, :] += part[..., : rows.start, :]
    total[..., rows, :] = part[..., rows.start :, :]  # the first that comes to these


_attention = Op("compiled_attention", attention_forward, saves=True)
joint_vjp(_attention, attention_vjp)


def compiled_attention(x: Tensor, heads: int, kv_heads: int) -> Tensor:
    """Causal attention, softmax(q kᵀ / √D) v of each head, of float32.

    Groups of heads / kv_heads queries share a head of keys and values.

    Shape: x (B, T, (heads + 2 · kv_heads) · D), the queries of all heads, then keys, then values
    -> (B, T, heads · D)
    """
    D = x.shape[-1] // (heads + 2 * kv_heads)
    return apply(_attention, x, heads=heads, kv_heads=kv_heads, scale=1 / math.sqrt(D))


# ---- rotary positions ----------------------------------------------------------------------------


@kernel
def rotate(x: Array, cos: Array, sin: Array, y: Array) -> None:
    """Of each head, (a, b) becomes (a cos - b sin, b cos + a sin); what comes after is copied.

    Shape: x and y (N, T, heads, D), cos and sin (T, D/2)
    """
    half = cos.shape[1]
    for n in range(len(x)):
        for t in range(x.shape[1]):
            c, s = cos[t], sin[t]
            for h in range(x.shape[2]):
                a, b = x[n, t, h, :half], x[n, t, h, half:]
                first, second = y[n, t, h, :half], y[n, t, h, half:]
                for j in range(half):
                    first[j] = a[j] * c[j] - b[j] * s[j]
                    second[j] = b[j] * c[j] + a[j] * s[j]


def rotary_forward(x: Array, cos: Array, sin: Array, *, heads: int) -> Array:
    """The first heads turned, the others as they are."""
    B, T, width = x.shape
    size = 2 * cos.shape[1]
    parts = np.ascontiguousarray(x).reshape(B, T, width // size, size)
    y = np.empty_like(parts)
    rotate(parts[:, :, :heads], cos, sin, y[:, :, :heads])
    y[:, :, heads:] = parts[:, :, heads:]
    return y.reshape(x.shape)


def rotary_vjp(
    g: Array, needs: tuple[bool, ...], _: None, x: None, cos: Array, sin: Array, *, heads: int
) -> list[Array | None]:
    """The gradient is turned back, by the opposite angle."""
    return [rotary_forward(g, cos, -sin, heads=heads), None, None]


_rotary = Op("compiled_rotary", rotary_forward)
joint_vjp(_rotary, rotary_vjp)


def compiled_rotary(x: Tensor, cos: Array, sin: Array, heads: int) -> Tensor:
    """The first ``heads`` heads of x, its queries and keys, turned by their positions' angles.

    Shape: x (B, T, all heads · D) of float32, cos and sin (T, D/2) -> the same as x
    """
    return apply(_rotary, x, cos, sin, heads=heads)

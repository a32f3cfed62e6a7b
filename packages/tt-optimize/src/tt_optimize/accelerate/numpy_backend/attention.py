"""Attention for inference: nothing is kept for a backward pass, and masked scores are not computed.

Scores are exponentiated as they are; only if a sum comes near overflow or underflow is it done
again with each row's maximum taken out, as in ``tt_nn.functional.exponentials``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_nn.functional.exponentials import safe_sums

from ..base import Scratch

__all__ = ["attend", "attend_once"]

Array = np.ndarray[Any, np.dtype[Any]]

_ROWS = 64  # queries of a head that are worked on at once

# Any, as NumPy's types do not know `keepdims` by position, which is faster
_peaks: Any = np.maximum.reduce
_sums: Any = np.add.reduce


def attend_once(q: Array, k: Array, v: Array, memory: Scratch) -> Array:
    """softmax(q kᵀ) v where each query sees all keys: one new token of each text.

    Shape: q (B, Hs, G, D), of groups of G heads that share keys; k and v (B, Hs, S, D) ->
    (B, Hs, G, D), memory that is kept
    """
    shape = (*q.shape[:3], k.shape[2])
    flat = memory.room("scores", shape[0] * shape[1] * shape[2] * shape[3], q.dtype)
    scores = flat.reshape(shape)
    np.matmul(q, k.swapaxes(2, 3), scores)
    rows = flat.reshape(-1, shape[3])
    sums = memory.take("sums", (len(rows),), q.dtype)
    _exponentials(rows, sums, memory)
    out = memory.take("mixed", q.shape, q.dtype)
    np.matmul(scores, v, out)
    np.divide(out, sums.reshape(*shape[:3], 1), out)
    return out


def _exponentials(rows: Array, sums: Array, memory: Scratch) -> None:
    """e^(x - shift) in place, and its sums."""
    exps = memory.room("exps", rows.size, rows.dtype).reshape(rows.shape)
    ones = memory.ones(rows.shape[1], rows.dtype)
    np.exp(rows, exps)
    np.dot(exps, ones, sums)
    low, high = safe_sums(rows.dtype)
    found = sums.tolist()
    if not (min(found) > low and max(found) < high):
        np.subtract(rows, _peaks(rows, 1, None, None, True), rows)
        np.exp(rows, exps)
        np.dot(exps, ones, sums)
    rows[...] = exps


def attend(q: Array, k: Array, v: Array, out: Array, window: int | None, memory: Scratch) -> None:
    """Causal attention of the last T of S positions: a head and a block of rows at a time.

    Shape: q (B, H, T, D); k and v (B, Hs, S, D); out (B, T, H, D)
    """
    (texts, heads, new, _), (few, total, _) = q.shape, k.shape[1:]
    past, group = total - new, heads // few
    for text in range(texts):
        for head in range(heads):
            keys, values = k[text, head // group], v[text, head // group]
            for start in range(0, new, _ROWS):
                stop = min(start + _ROWS, new)
                first = 0 if window is None else max(0, past + start - window + 1)
                seen = slice(first, past + stop)
                scores = memory.room("scores", (stop - start) * (seen.stop - first), q.dtype)
                scores = scores.reshape(stop - start, -1)
                np.dot(q[text, head, start:stop], keys[seen].T, scores)
                _mask(scores, past + start - first, window)
                np.subtract(scores, _peaks(scores, 1, None, None, True), scores)
                np.exp(scores, scores)
                mixed = np.dot(scores, values[seen])
                np.divide(mixed, _sums(scores, 1, None, None, True), out[text, start:stop, head])


def _mask(scores: Array, before: int, window: int | None) -> None:
    """-inf where row i, which is at ``before`` + i, may not look."""
    rows, columns = scores.shape
    if rows > 1:
        later = np.tri(rows, rows, -1, dtype=bool).T
        np.copyto(scores[:, before : before + rows], -np.inf, where=later)
    if window is not None and columns > window:
        forgotten = np.tri(rows, columns, before - window, dtype=bool)
        np.copyto(scores, -np.inf, where=forgotten)

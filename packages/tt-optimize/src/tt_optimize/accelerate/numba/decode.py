"""A token through a whole GPT in one compiled function.

Writing a text costs one pass over all weights for each token, and little arithmetic: two operations
a weight. Layer by layer in Python, calling and checking takes longer than that; here one call does
all of it, and what limits the speed is how fast the weights come from memory. So weights of 8 bits,
a quarter of the bytes, are faster by as much where a model is larger than the cache: each is turned
into a float in a register, on its way into the sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activation import gelu_kernel, silu_gate_kernel
from .elementary import exp, kernel
from .normalization import layer_norm_row, rms_norm_row

__all__ = ["decode", "linear_rows"]

Array = Any

_0 = np.float32(0)


@kernel
def product_row(x: Array, weight: Array, y: Array) -> None:
    """y = W x. Four rows of W, one in each quarter, are read side by side, as memory gives more to
    four readers: 44 GB/s in the place of 29, for weights larger than the cache.

    Shape: x (in,), weight (out, in), y (out,)
    """
    quarter = len(weight) // 4
    for i in range(quarter):
        a, b = weight[i], weight[i + quarter]
        c, d = weight[i + 2 * quarter], weight[i + 3 * quarter]
        sum_a, sum_b, sum_c, sum_d = _0, _0, _0, _0
        for j in range(x.size):
            sum_a += np.float32(a[j]) * x[j]
            sum_b += np.float32(b[j]) * x[j]
            sum_c += np.float32(c[j]) * x[j]
            sum_d += np.float32(d[j]) * x[j]
        y[i], y[i + quarter] = sum_a, sum_b
        y[i + 2 * quarter], y[i + 3 * quarter] = sum_c, sum_d
    for i in range(4 * quarter, len(weight)):
        row, total = weight[i], _0
        for j in range(x.size):
            total += np.float32(row[j]) * x[j]
        y[i] = total


@kernel
def product_rows(x: Array, weight: Array, y: Array) -> None:
    """y = x Wᵀ: each four rows of W are read once, for all rows of x. This suits few of them.

    Shape: x (N, in), weight (out, in), y (N, out)
    """
    quarter = len(weight) // 4
    for i in range(quarter):
        a, b = weight[i], weight[i + quarter]
        c, d = weight[i + 2 * quarter], weight[i + 3 * quarter]
        for n in range(len(x)):
            xn, sum_a, sum_b, sum_c, sum_d = x[n], _0, _0, _0, _0
            for j in range(xn.size):
                sum_a += np.float32(a[j]) * xn[j]
                sum_b += np.float32(b[j]) * xn[j]
                sum_c += np.float32(c[j]) * xn[j]
                sum_d += np.float32(d[j]) * xn[j]
            yn = y[n]
            yn[i], yn[i + quarter] = sum_a, sum_b
            yn[i + 2 * quarter], yn[i + 3 * quarter] = sum_c, sum_d
    for i in range(4 * quarter, len(weight)):
        row = weight[i]
        for n in range(len(x)):
            xn, total = x[n], _0
            for j in range(xn.size):
                total += np.float32(row[j]) * xn[j]
            y[n, i] = total


@kernel
def linear_rows(x: Array, weight: Array, scale: Array, bias: Array, y: Array) -> None:
    """y = (x Wᵀ) · scale + b, for W of float32 or int8; scale and bias may be None.

    One row has a loop of its own: the products of a token of 128 channels take 43 µs instead of 50.

    Shape: x (N, in), weight (out, in), scale and bias (out,), y (N, out)
    """
    if len(x) == 1:
        product_row(x[0], weight, y[0])
    else:
        product_rows(x, weight, y)
    for n in range(len(x)):
        yn = y[n]
        if scale is not None:
            for i in range(yn.size):
                yn[i] *= scale[i]
        if bias is not None:
            for i in range(yn.size):
                yn[i] += bias[i]


@kernel
def add_embedding(ids: Array, weight: Array, scale: Array, x: Array) -> None:
    """x += rows of a table of float32 or int8."""
    for n in range(len(ids)):
        row, xn = weight[ids[n]], x[n]
        factor = np.float32(1) if scale is None else scale[ids[n]]
        for j in range(xn.size):
            xn[j] += np.float32(row[j]) * factor


@kernel
def norm_rows(x: Array, weight: Array, bias: Array, rms: bool, eps: Any, y: Array) -> None:
    """RMS norm or layer norm of each row; a layer norm without bias has one of zeros."""
    for n in range(len(x)):
        if rms:
            rms_norm_row(x[n], weight, eps, y[n])
        else:
            layer_norm_row(x[n], weight, bias, eps, y[n])


@kernel
def rotate_head(x: Array, cos: Array, sin: Array) -> None:
    """(a, b) becomes (a cos - b sin, b cos + a sin), in place."""
    for j in range(cos.size):
        a, b = x[j], x[j + cos.size]
        x[j] = a * cos[j] - b * sin[j]
        x[j + cos.size] = b * cos[j] + a * sin[j]


@kernel
def attend(q: Array, keys: Array, values: Array, scale: Any, p: Array, y: Array) -> None:
    """y = softmax(keys q · scale) values, of one query.

    Shape: q and y (D,), keys and values (S, D), p (S,), which is written to
    """
    whole = p.size // 4 * 4
    for t in range(0, whole, 4):  # four at a time: their sums do not wait for each other
        ka, kb, kc, kd = keys[t], keys[t + 1], keys[t + 2], keys[t + 3]
        sum_a, sum_b, sum_c, sum_d = _0, _0, _0, _0
        for i in range(q.size):
            sum_a += q[i] * ka[i]
            sum_b += q[i] * kb[i]
            sum_c += q[i] * kc[i]
            sum_d += q[i] * kd[i]
        p[t], p[t + 1], p[t + 2], p[t + 3] = sum_a, sum_b, sum_c, sum_d
    for t in range(whole, p.size):
        key, total = keys[t], _0
        for i in range(q.size):
            total += q[i] * key[i]
        p[t] = total
    top = p[0]
    for t in range(p.size):
        top = max(top, p[t])
    total = _0
    for t in range(p.size):
        p[t] = exp((p[t] - top) * scale)
        total += p[t]
    y[:] = _0
    for t in range(0, whole, 4):  # y is read and written once for four
        a, b, c, d = p[t], p[t + 1], p[t + 2], p[t + 3]
        va, vb, vc, vd = values[t], values[t + 1], values[t + 2], values[t + 3]
        for j in range(y.size):
            y[j] += (a * va[j] + b * vb[j]) + (c * vc[j] + d * vd[j])
    for t in range(whole, p.size):
        v, a = values[t], p[t]
        for j in range(y.size):
            y[j] += a * v[j]
    share = np.float32(1) / total
    for j in range(y.size):
        y[j] *= share


@kernel
def attention_rows(
    qkv: Array, keys: Array, values: Array, past: int, cos: Array, sin: Array, p: Array, y: Array
) -> None:
    """Turn queries and keys, store the new keys and values at ``past``, attend to all up to there.

    Shape: qkv (N, (H + 2 Hs) D), keys and values (N, Hs, S, D), y (N, H · D)
    """
    few, size = keys.shape[1], keys.shape[3]
    heads = y.shape[1] // size
    group = heads // few
    scale = np.float32(1) / np.sqrt(np.float32(size))
    for n in range(len(qkv)):
        parts = qkv[n].reshape(heads + 2 * few, size)
        if cos.size:
            for h in range(heads + few):
                rotate_head(parts[h], cos, sin)
        for h in range(few):
            keys[n, h, past] = parts[heads + h]
            values[n, h, past] = parts[heads + few + h]
        out = y[n].reshape(heads, size)
        for h in range(heads):
            seen_keys, seen = keys[n, h // group, : past + 1], values[n, h // group, : past + 1]
            attend(parts[h], seen_keys, seen, scale, p[: past + 1], out[h])


@kernel
def add(x: Array, y: Array) -> None:
    """x += y."""
    for n in range(len(x)):
        xn, yn = x[n], y[n]
        for j in range(xn.size):
            xn[j] += yn[j]


@kernel
def decode(
    ids: Array,
    table: Any,
    places: Any,
    layers: Any,
    last: Any,
    keys: Array,
    values: Array,
    past: int,
    turns: tuple[Array, Array],
    rms: bool,
    gated: bool,
    eps: Any,
    scratch: Any,
    logits: Array,
) -> None:
    """The logits after one more token of each text; the cache gets its keys and values.

    Args:
        ids: the tokens, (N,).
        table: of tokens, (weight, scale); ``places``: of positions, None if they are rotary.
        layers: of each layer (norm 1, attention's maps, norm 2, the MLP's maps): a norm is
            (weight, bias), a map (weight, scale, bias).
        last: the last norm and the map to logits.
        keys, values: the cache's memory, (layers, N, Hs, S, D).
        past: how many positions it holds.
        turns: cosines and sines of this position's angles, (D/2,) each, or empty.
        rms, gated: RMS norm instead of layer norm, SwiGLU instead of GELU.
        scratch: arrays for what comes between: x, normed (N, C), qkv, attended, inner, gate (N, ·),
            p (S,).
        logits: (N, V), which is written.
    """
    x, normed, qkv, attended, inner, gate, p = scratch
    x[:] = _0
    add_embedding(ids, table[0], table[1], x)
    if places is not None:
        add_embedding(np.full(len(ids), past), places[0], places[1], x)
    for number, layer in enumerate(layers):
        norm, attn, proj, norm_2, up, other, down = layer
        norm_rows(x, norm[0], norm[1], rms, eps, normed)
        linear_rows(normed, attn[0], attn[1], attn[2], qkv)
        attention_rows(qkv, keys[number], values[number], past, turns[0], turns[1], p, attended)
        linear_rows(attended, proj[0], proj[1], proj[2], normed)
        add(x, normed)
        norm_rows(x, norm_2[0], norm_2[1], rms, eps, normed)
        linear_rows(normed, up[0], up[1], up[2], inner)
        if gated:
            linear_rows(normed, other[0], other[1], other[2], gate)
            silu_gate_kernel(inner.reshape(-1), gate.reshape(-1), inner.reshape(-1))
        else:
            gelu_kernel(inner.reshape(-1), inner.reshape(-1))
        linear_rows(inner, down[0], down[1], down[2], normed)
        add(x, normed)
    norm, head = last
    norm_rows(x, norm[0], norm[1], rms, eps, normed)
    linear_rows(normed, head[0], head[1], head[2], logits)

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
from .elementary import exp, kernel, largest, ordered
from .normalization import layer_norm_row, rms_norm_row
from .pointers import floats, integers

__all__ = ["PART", "decode"]

Array = Any

PART = np.dtype(
    [(name, np.int64) for name in ("weight", "scale", "bias", "outputs", "inputs")], align=True
)
"""Where in memory a part of the model is: a matrix (outputs, inputs) with a scale and a bias for
each output, or a norm of so many weights and biases. An address of 0 says that there is none. A
matrix with a scale is of int8, all else of float32.

``decode`` takes a table of these in the place of the arrays: numba spends 0.1 µs on each array that
it is given, 6 µs a token on those of 4 layers; and code for arrays of every kind, in layers of any
number, is compiled once.
"""

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
def products(x: Array, weight: Array, y: Array) -> None:
    """y = x Wᵀ. One row has a loop of its own: the products of a token of 128 channels take 43 µs
    instead of 50.

    Shape: x (N, in), weight (out, in), y (N, out)
    """
    if len(x) == 1:
        product_row(x[0], weight, y[0])
    else:
        product_rows(x, weight, y)


@kernel
def linear_rows(x: Array, part: Any, y: Array) -> None:
    """y = (x Wᵀ) · scale + b, for W of float32 or int8.

    Shape: x (N, in), y (N, out)
    """
    shape = (part.outputs, part.inputs)
    if part.scale:
        products(x, integers(part.weight, shape), y)
        scale = floats(part.scale, shape[:1])
        for n in range(len(x)):
            yn = y[n]
            for i in range(yn.size):
                yn[i] *= scale[i]
    else:
        products(x, floats(part.weight, shape), y)
    if part.bias:
        bias = floats(part.bias, shape[:1])
        for n in range(len(x)):
            yn = y[n]
            for i in range(yn.size):
                yn[i] += bias[i]


@kernel
def add_embedding(number: int, part: Any, x: Array) -> None:
    """x += a row of a table of float32 or int8.

    Shape: x (inputs,)
    """
    shape = (part.outputs, part.inputs)
    if part.scale:
        whole, factor = integers(part.weight, shape)[number], floats(part.scale, shape[:1])[number]
        for j in range(x.size):
            x[j] += np.float32(whole[j]) * factor
    else:
        row = floats(part.weight, shape)[number]
        for j in range(x.size):
            x[j] += row[j]


@kernel
def norm_rows(x: Array, part: Any, rms: bool, eps: Any, y: Array) -> None:
    """RMS norm or layer norm of each row; a layer norm without bias has one of zeros."""
    shape = (part.outputs,)
    weight = floats(part.weight, shape)
    for n in range(len(x)):
        if rms:
            rms_norm_row(x[n], weight, eps, y[n])
        else:
            layer_norm_row(x[n], weight, floats(part.bias, shape), eps, y[n])


@kernel
def rotate_head(x: Array, cos: Array, sin: Array) -> None:
    """(a, b) becomes (a cos - b sin, b cos + a sin), in place."""
    for j in range(cos.size):
        a, b = x[j], x[j + cos.size]
        x[j] = a * cos[j] - b * sin[j]
        x[j + cos.size] = b * cos[j] + a * sin[j]


@ordered
def weighted_sum(p: Array, values: Array, scale: Any, y: Array) -> None:
    """y = Σ p values · scale. The sum of four rows is added to what y was: 0.29 µs for 240 rows of
    32 numbers; with y first in the sum, four additions wait for each other, and it takes 0.44.

    Shape: p (S,), values (S, D), y (D,)
    """
    y[:] = _0
    whole = p.size // 4 * 4
    for t in range(0, whole, 4):
        a, b, c, d = p[t], p[t + 1], p[t + 2], p[t + 3]
        va, vb, vc, vd = values[t], values[t + 1], values[t + 2], values[t + 3]
        for j in range(y.size):
            y[j] += (a * va[j] + b * vb[j]) + (c * vc[j] + d * vd[j])
    for t in range(whole, p.size):
        v, a = values[t], p[t]
        for j in range(y.size):
            y[j] += a * v[j]
    for j in range(y.size):
        y[j] *= scale


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
    top = largest(p)
    total = _0
    for t in range(p.size):
        p[t] = exp((p[t] - top) * scale)
        total += p[t]
    weighted_sum(p, values, np.float32(1) / total, y)


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
    ends: Array,
    layers: Array,
    keys: Array,
    values: Array,
    past: int,
    cos: Array,
    sin: Array,
    rms: bool,
    gated: bool,
    eps: Any,
    scratch: Any,
    logits: Array,
) -> bool:
    """The logits after one more token of each text; the cache gets its keys and values.

    Args:
        ids: the tokens, (N,).
        ends: before and after the layers, (4,) of ``PART``: the table of tokens, that of positions
            (nowhere if they are rotary), the last norm, and the map to logits.
        layers: (layers, 7) of ``PART``: norm 1, attention's two maps, norm 2, the MLP's maps: up,
            the gate's (which is looked at if ``gated``), down.
        keys, values: the cache's memory, (layers, N, Hs, S, D).
        past: how many positions it holds.
        cos, sin: of this position's angles, (D/2,) each, or empty.
        rms, gated: RMS norm instead of layer norm, SwiGLU instead of GELU.
        scratch: arrays for what comes between: x, normed (N, C), qkv, attended, inner, gate (N, ·),
            p (S,).
        logits: (N, V), which is written.

    Returns:
        False, with nothing done, if a token is not in the table.
    """
    table, places, last, head = ends[0], ends[1], ends[2], ends[3]
    for token in ids:
        if not 0 <= token < table.outputs:
            return False
    x, normed, qkv, attended, inner, gate, p = scratch
    x[:] = _0
    for n in range(len(ids)):
        add_embedding(ids[n], table, x[n])
        if places.weight:
            add_embedding(past, places, x[n])
    for number in range(len(layers)):
        layer = layers[number]
        norm_rows(x, layer[0], rms, eps, normed)
        linear_rows(normed, layer[1], qkv)
        attention_rows(qkv, keys[number], values[number], past, cos, sin, p, attended)
        linear_rows(attended, layer[2], normed)
        add(x, normed)
        norm_rows(x, layer[3], rms, eps, normed)
        linear_rows(normed, layer[4], inner)
        if gated:
            linear_rows(normed, layer[5], gate)
            silu_gate_kernel(inner.reshape(-1), gate.reshape(-1), inner.reshape(-1))
        else:
            gelu_kernel(inner.reshape(-1), inner.reshape(-1))
        linear_rows(inner, layer[6], normed)
        add(x, normed)
    norm_rows(x, last, rms, eps, normed)
    linear_rows(normed, head, logits)
    return True

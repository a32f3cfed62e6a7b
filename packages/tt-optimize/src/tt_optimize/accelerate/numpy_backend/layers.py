"""Layers on arrays: no Tensor, no door, no new memory. x is a matrix, each row a position.

Whatever is not a layer known here (an int8 one, a low-rank one) runs its own forward.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tt_models.gpt import MLP, Block, CausalSelfAttention, GatedMLP
from tt_nn import GELU, LayerNorm, Linear, Module, RMSNorm
from tt_nn.functional.blocks import row_blocks
from tt_tensor.tensor import wrap

from ..base import Scratch, hands_on, turns_heads

__all__ = ["affine", "constants", "feed_forward", "gelu", "is_known", "normalised", "silu"]

Array = np.ndarray[Any, np.dtype[Any]]

# rows of an MLP's hidden layer that are worked on at once: with 64 they stay in the second-level
# cache from one product to the next
_ROWS = 64


def is_known(block: Any, longest: int) -> bool:
    """Whether its attention, in texts of up to so many tokens, is what is computed here."""
    attention = getattr(block, "attn", None)
    if type(block) is not Block or type(attention) is not CausalSelfAttention:
        return False
    drops = attention.training and attention.dropout
    known = not drops and hands_on(attention.resid_dropout)
    return known and turns_heads(attention.rotary, longest, attention.head_dim)


def affine(layer: Module, x: Array, memory: Scratch, name: str) -> Array:
    """x Wᵀ + b, in memory that is kept under the name."""
    if type(layer) is not Linear:
        return layer(wrap(x)).array  # type: ignore[no-any-return]
    weight = layer.weight.array
    out = memory.take(name, (len(x), len(weight)), x.dtype)
    np.dot(x, weight.T, out)
    if layer.bias is not None:
        np.add(out, layer.bias.array, out)
    return out


def normalised(layer: Module, x: Array, memory: Scratch) -> Array:
    """LayerNorm or RMSNorm of each row; the rows themselves stay."""
    kind = type(layer)
    # whose squares may not fit into float16
    if (kind is not LayerNorm and kind is not RMSNorm) or x.dtype == np.float16:
        return layer(wrap(x.copy())).array  # type: ignore[no-any-return]
    out = memory.take("normal", x.shape, x.dtype)
    for block in row_blocks(x):
        _normalise_rows(layer, x[block], out[block])
    return out


def _normalise_rows(layer: Any, x: Array, out: Array) -> None:
    centred, size = x, x.shape[1]
    if type(layer) is LayerNorm:
        mean = np.add.reduce(x, axis=1, keepdims=True)
        mean *= x.dtype.type(1 / size)
        centred = np.subtract(x, mean, out)
    squares = np.einsum("ij,ij->i", centred, centred)[:, None]
    squares *= x.dtype.type(1 / size)
    squares += x.dtype.type(_eps(layer.eps, x.dtype))
    np.sqrt(squares, squares)
    np.divide(centred, squares, out)
    _scale_and_shift(layer, out)


def _scale_and_shift(layer: Any, out: Array) -> None:
    if layer.weight is not None:
        np.multiply(out, layer.weight.array, out)
    bias = getattr(layer, "bias", None)
    if bias is not None:
        np.add(out, bias.array, out)


def _eps(eps: float | None, dtype: Any) -> float:
    return float(np.finfo(dtype).eps) if eps is None else eps


def feed_forward(mlp: Module, x: Array, memory: Scratch) -> Array:
    """GPT-2's MLP or Llama's, a block of rows at a time, so that the widest array of the model
    never leaves the cache."""
    if type(mlp) not in (MLP, GatedMLP) or not hands_on(mlp.dropout):  # type: ignore[attr-defined]
        return mlp(wrap(x.copy())).array  # type: ignore[no-any-return]
    if len(x) <= _ROWS:
        return _feed_forward(mlp, x, memory)
    out = memory.take("fed", x.shape, x.dtype)
    for start in range(0, len(x), _ROWS):
        block = slice(start, start + _ROWS)
        out[block] = _feed_forward(mlp, x[block], memory)
    return out


def _feed_forward(mlp: Any, x: Array, memory: Scratch) -> Array:
    if type(mlp) is GatedMLP:
        gate = affine(mlp.w1, x, memory, "inner")
        silu(gate, memory.take("gelu", gate.shape, gate.dtype), constants(x.dtype))
        np.multiply(gate, affine(mlp.w3, x, memory, "open"), gate)
        return affine(mlp.w2, gate, memory, "outer")
    inner = affine(mlp.c_fc, x, memory, "inner")
    if type(mlp.gelu) is GELU and mlp.gelu.approximate == "tanh":
        gelu(inner, memory.take("gelu", inner.shape, inner.dtype), constants(x.dtype))
    else:
        inner = mlp.gelu(wrap(inner)).array
    return affine(mlp.c_proj, inner, memory, "outer")


def gelu(x: Array, t: Array, numbers: tuple[Array, ...]) -> None:
    """x/2 (1 + tanh u), u = √(2/π)(x + 0.044715 x³), in place; t is memory to work in.

    1/2 (1 + tanh u) is 1 / (1 + e^(-2u)): one operation less.
    """
    cubic, linear, one = numbers
    np.multiply(x, x, t)
    np.multiply(t, cubic, t)
    np.add(t, linear, t)
    np.multiply(t, x, t)
    np.exp(t, t)
    np.add(t, one, t)
    np.divide(x, t, x)


def silu(x: Array, t: Array, numbers: tuple[Array, ...]) -> None:
    """x / (1 + e⁻ˣ) in place; t is memory to work in."""
    np.negative(x, t)
    np.exp(t, t)
    np.add(t, numbers[2], t)
    np.divide(x, t, x)


def constants(dtype: Any) -> tuple[Array, ...]:
    """What gelu and silu need, as arrays without dims: a Python number is converted at each call,
    which takes 0.3 µs of 0.8."""
    factor = -2 * math.sqrt(2 / math.pi)
    return tuple(np.array(value, dtype) for value in (factor * 0.044715, factor, 1.0))

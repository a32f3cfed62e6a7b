"""Each compiled op against the plain one in float64: its result and its gradients."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tt_autograd import grad
from tt_autograd.rule import table
from tt_nn import RotaryEmbedding, functional as F
from tt_optimize import flops
from tt_optimize.accelerate.numba import build
from tt_optimize.accelerate.numba.activation import compiled_gelu, compiled_silu_gate
from tt_optimize.accelerate.numba.attention import compiled_attention, compiled_rotary
from tt_optimize.accelerate.numba.cross_entropy import compiled_cross_entropy
from tt_optimize.accelerate.numba.normalization import compiled_layer_norm, compiled_rms_norm
from tt_optimize.backward_flops import BACKWARD_COUNTS
from tt_optimize.flops import COUNTS
from tt_tensor import Tensor, cat, float32, float64, from_numpy, tensor


def split_attention(x: Tensor, heads: int, few: int) -> Tensor:
    """Attention as GPT computes it, of queries, keys and values side by side."""
    B, T, width = x.shape
    size = width // (heads + 2 * few)
    q, k, v = x.split([heads * size, few * size, few * size], dim=2)
    q = q.view(B, T, heads, size).transpose(1, 2)
    k, v = (part.view(B, T, few, size).transpose(1, 2) for part in (k, v))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return y.transpose(1, 2).reshape(B, T, heads * size)


def turned(x: Tensor, heads: int, size: int) -> Tensor:
    """The first heads turned by the layer."""
    rotary = RotaryEmbedding(size, 32)
    B, T, _ = x.shape
    first, rest = x[..., : heads * size], x[..., heads * size :]
    first = rotary(first.view(B, T, heads, size).transpose(1, 2)).transpose(1, 2)
    return cat([first.reshape(B, T, heads * size), rest], dim=2)


def compiled_turned(x: Tensor, heads: int, size: int) -> Tensor:
    cos, sin = RotaryEmbedding(size, 32).turns(x.shape[1], float32)
    return compiled_rotary(x, cos[: x.shape[1]], sin[: x.shape[1]], heads)


IDS = tensor([3, 0, -1, 6, 2])
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[tuple[int, ...]]]] = {
    "layer norm": (
        lambda x, w, b: compiled_layer_norm(x, w, b, 1e-5),
        lambda x, w, b: F.layer_norm(x, w.shape, w, b, 1e-5),
        [(3, 5, 33), (33,), (33,)],
    ),
    "layer norm without bias": (
        lambda x, w: compiled_layer_norm(x, w, None, 1e-2),
        lambda x, w: F.layer_norm(x, w.shape, w, None, 1e-2),
        [(7, 16), (16,)],
    ),
    "rms norm": (
        lambda x, w: compiled_rms_norm(x, w, 1e-5),
        lambda x, w: F.rms_norm(x, w.shape, w, 1e-5),
        [(3, 5, 33), (33,)],
    ),
    "gelu": (compiled_gelu, lambda x: F.gelu(x, "tanh"), [(3, 41)]),
    "silu gate": (compiled_silu_gate, lambda a, b: F.silu(a) * b, [(3, 41), (3, 41)]),
    "cross-entropy": (
        lambda x: compiled_cross_entropy(x, IDS, -1),
        lambda x: F.cross_entropy(x, IDS, ignore_index=-1),
        [(5, 7)],
    ),
    "rotary": (
        lambda x: compiled_turned(x, 3, 6),
        lambda x: turned(x, 3, 6),
        [(2, 9, 30)],
    ),
    **{
        f"attention {shape} {heads} {few}": (
            lambda x, h=heads, f=few: compiled_attention(x, h, f),
            lambda x, h=heads, f=few: split_attention(x, h, f),
            [shape],
        )
        for shape, heads, few in [
            ((2, 1, 24), 2, 2),
            ((3, 7, 24), 2, 2),
            ((2, 7, 32), 4, 2),
            ((40, 33, 24), 2, 2),  # several texts at a time, not all
            ((2, 300, 24), 2, 2),  # rows of one text at a time
            ((1, 300, 18), 4, 1),
        ]
    },
}

each_case = pytest.mark.parametrize("name", CASES)


def drawn(shapes: list[tuple[int, ...]], spread: float = 1.5) -> list[np.ndarray[Any, Any]]:
    generator = np.random.default_rng(3)
    return [spread * generator.standard_normal(shape) for shape in shapes]


def with_gradients(function: Any, arrays: list[Any], dtype: Any) -> list[np.ndarray[Any, Any]]:
    """The result, and the gradients of its sum weighted by what tells places apart."""
    inputs = [from_numpy(a.astype(dtype)).requires_grad_() for a in arrays]
    y = function(*inputs)
    weights = from_numpy(np.cos(np.arange(y.numel())).reshape(y.shape).astype(dtype))
    return [y.detach().numpy(), *(g.numpy() for g in grad((y * weights).sum(), inputs))]


@each_case
def test_result_and_gradients(name: str) -> None:
    compiled, plain, shapes = CASES[name]
    arrays = drawn(shapes)
    exact = with_gradients(plain, arrays, np.float64)
    for found, expected in zip(with_gradients(compiled, arrays, np.float32), exact, strict=True):
        assert found.dtype == np.float32
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, 1e-5, 3e-6 * scale)


@each_case
def test_inputs_of_any_strides_are_left_as_they_are(name: str) -> None:
    compiled, _, shapes = CASES[name]
    arrays = [array.astype(np.float32) for array in drawn(shapes)]
    expected = compiled(*map(from_numpy, arrays)).numpy()
    strided = [np.repeat(array, 2, axis=-1)[..., ::2] for array in arrays]
    copies = [array.copy() for array in strided]
    if "norm" in name:  # their weights are parameters, which are row-major
        strided[1:] = arrays[1:]
    found = compiled(*(from_numpy(array) for array in strided)).numpy()
    np.testing.assert_array_equal(found, expected)
    for array, copy in zip(strided, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("name", ["gelu", "silu gate", "rms norm", "layer norm", "cross-entropy"])
def test_second_derivatives_are_the_plain_ones(name: str) -> None:
    compiled, plain, shapes = CASES[name]
    arrays = drawn(shapes)
    results = []
    for function, dtype in ((compiled, float32), (plain, float64)):
        inputs = [from_numpy(a.astype(dtype)).requires_grad_() for a in arrays]
        y = function(*inputs)
        weights = from_numpy(np.cos(np.arange(y.numel())).reshape(y.shape).astype(dtype))
        (first,) = grad((y * weights).sum(), inputs[:1], create_graph=True)
        (second,) = grad((first * first).sum(), inputs[:1])
        results.append(second.numpy())
    scale = np.abs(results[1]).max()
    np.testing.assert_allclose(results[0], results[1], 1e-4, 1e-5 * scale)


def test_attention_has_no_second_derivative_and_says_so() -> None:
    x = from_numpy(drawn([(1, 3, 12)])[0].astype(np.float32)).requires_grad_()
    with pytest.raises(RuntimeError, match="compiled_attention can be differentiated only once"):
        grad(compiled_attention(x, 2, 2).sum(), [x], create_graph=True)


def test_large_logits_overflow_nothing() -> None:
    x = tensor([[1000.0, 0.0, -1000.0]]).requires_grad_()
    loss = compiled_cross_entropy(x, tensor([1]))
    loss.backward()
    assert loss.item() == 1000 and x.grad is not None
    assert x.grad.tolist() == [[1.0, -1.0, pytest.approx(0, abs=1e-30)]]


def test_the_mean_of_nothing_and_targets_out_of_range() -> None:
    x = tensor([[1.0, 2.0], [3.0, 4.0]])
    assert math.isnan(compiled_cross_entropy(x, tensor([-1, -1]), -1).item())
    with pytest.raises(IndexError, match="cross_entropy"):
        compiled_cross_entropy(x, tensor([0, 2]))
    with pytest.raises(IndexError, match="cross_entropy"):
        compiled_cross_entropy(x, tensor([0, -5]))


def test_nan_comes_through() -> None:
    x = tensor([[1.0, float("nan"), 2.0]])
    for function in (compiled_gelu, lambda x: compiled_rms_norm(x, tensor([1.0] * 3), 1e-5)):
        assert np.isnan(function(x).numpy()[0, 1])


def test_every_op_is_counted() -> None:
    assert build
    compiled = {op.name for op in table if op.name.startswith("compiled_")}
    assert len(compiled) == 7
    assert compiled <= COUNTS.keys() and compiled <= BACKWARD_COUNTS.keys()


def test_counts_by_hand() -> None:
    x = from_numpy(np.ones((2, 5, 24), np.float32))
    scores = 2 * 2 * 5 * 5
    assert flops(lambda: compiled_attention(x, 2, 2)) == scores * (2 * 4 + 2 * 4 + 6)
    assert flops(lambda: compiled_turned(x, 3, 4)) == 3 * 2 * 5 * 12
    assert flops(compiled_gelu, x) == 9 * 240
    assert flops(lambda: compiled_silu_gate(x, x)) == 6 * 240

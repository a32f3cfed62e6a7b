"""PyTorch computes the same loss and gradients as a compiled GPT's parts."""

from typing import Any

import numpy as np
import pytest

from tt_autograd import grad
from tt_optimize.accelerate.numba.activation import compiled_gelu, compiled_silu_gate
from tt_optimize.accelerate.numba.attention import compiled_attention
from tt_optimize.accelerate.numba.cross_entropy import compiled_cross_entropy
from tt_optimize.accelerate.numba.normalization import compiled_layer_norm, compiled_rms_norm
from tt_tensor import from_numpy

torch = pytest.importorskip("torch")
F = torch.nn.functional

IDS = np.random.default_rng(2).integers(0, 50, 64)


def attention(x: Any, heads: int, few: int) -> Any:
    B, T, width = x.shape
    size = width // (heads + 2 * few)
    parts = x.view(B, T, -1, size).transpose(1, 2).split([heads, few, few], 1)
    y = F.scaled_dot_product_attention(*parts, is_causal=True, enable_gqa=True)
    return y.transpose(1, 2).reshape(B, T, heads * size)


CASES: dict[str, tuple[Any, Any, list[tuple[int, ...]]]] = {
    "layer norm": (
        lambda x, w, b: compiled_layer_norm(x, w, b, 1e-5),
        lambda x, w, b: F.layer_norm(x, w.shape, w, b, 1e-5),
        [(64, 96), (96,), (96,)],
    ),
    "rms norm": (
        lambda x, w: compiled_rms_norm(x, w, 1e-6),
        lambda x, w: F.rms_norm(x, w.shape, w, 1e-6),
        [(64, 96), (96,)],
    ),
    "gelu": (compiled_gelu, lambda x: F.gelu(x, approximate="tanh"), [(64, 50)]),
    "silu gate": (compiled_silu_gate, lambda a, b: F.silu(a) * b, [(64, 50), (64, 50)]),
    "cross-entropy": (
        lambda x: compiled_cross_entropy(x, from_numpy(IDS), 7),
        lambda x: F.cross_entropy(x, torch.from_numpy(IDS), ignore_index=7),
        [(64, 50)],
    ),
    "attention": (
        lambda x: compiled_attention(x, 4, 4),
        lambda x: attention(x, 4, 4),
        [(3, 70, 96)],
    ),
    "grouped attention": (
        lambda x: compiled_attention(x, 4, 2),
        lambda x: attention(x, 4, 2),
        [(3, 70, 64)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_result_and_gradients(name: str) -> None:
    ours, theirs, shapes = CASES[name]
    generator = np.random.default_rng(0)
    arrays = [generator.standard_normal(shape).astype(np.float32) for shape in shapes]
    x = [from_numpy(a).requires_grad_() for a in arrays]
    X = [torch.from_numpy(a.astype(np.float64)).requires_grad_() for a in arrays]
    y, Y = ours(*x), theirs(*X)
    g = generator.standard_normal(y.shape).astype(np.float32)
    found = grad((y * from_numpy(np.asarray(g))).sum(), x)
    expected = torch.autograd.grad((Y * torch.from_numpy(np.asarray(g))).sum(), X)
    pairs = [(y.detach(), Y.detach()), *zip(found, expected, strict=True)]
    for mine, its in pairs:
        scale = float(abs(its).max())
        np.testing.assert_allclose(mine.numpy(), its.numpy(), 1e-5, 3e-6 * scale)

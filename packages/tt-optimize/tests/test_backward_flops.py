"""FLOPs of every gradient rule, counted by hand."""

from collections.abc import Callable
from typing import Any

import pytest

import tt_models  # noqa: F401  everything that registers operations is loaded
import tt_nn.functional as F
import tt_tensor as t
from tt_autograd import joint_vjp
from tt_autograd.rule import table
from tt_nn import RotaryEmbedding
from tt_optimize import Profiler
from tt_optimize.backward_flops import BACKWARD_COUNTS
from tt_tensor import Tensor


def x(*shape: int) -> Tensor:
    """Positive numbers that learn."""
    return (t.rand(*shape) + 0.5).requires_grad_()


def counted(name: str, run: Callable[[], Any]) -> int:
    with Profiler() as p:
        out = run()
        out.backward(t.ones(*out.shape))
    stats = p.result.ops[name, "backward"]
    assert not stats.uncounted
    return stats.flops


DATA = t.rand(3, 4)
Q, K, V = (t.rand(2, 3, n, d) for n, d in ((5, 8), (7, 8), (7, 6)))
IMAGES = (2, 4, 7, 6)
ATTENTION = 2 * 3 * 5 * 7 * (4 * 8 + 4 * 6 + 4) + Q.numel() + K.numel()

BY_HAND: dict[str, tuple[str, Callable[[], Any], int]] = {
    "matrices": ("matmul", lambda: x(3, 4) @ x(4, 5), 2 * (2 * 4 * 15)),
    "matrices, one learns": ("matmul", lambda: DATA @ x(4, 5), 2 * 4 * 15),
    "matrix and vector": ("matmul", lambda: x(3, 4) @ x(4), 3 * 4 + 2 * 3 * 4),
    "vector and matrix": ("matmul", lambda: x(3) @ x(3, 4), 2 * 3 * 4 + 3 * 4),
    "vectors": ("matmul", lambda: x(3) @ x(3), 3 + 3),
    "stacks": ("matmul", lambda: x(2, 3, 4) @ x(2, 4, 5), 2 * (2 * 4 * 30)),
    "a stack and a matrix": ("matmul", lambda: x(2, 3, 4) @ x(4, 5), 2 * (2 * 4 * 30)),
    "a matrix and a stack": (
        "matmul",
        lambda: x(3, 4) @ x(2, 4, 5),
        2 * (2 * 4 * 30) + 2 * 3 * 4,  # by x there is a matrix for each of the stack, summed
    ),
    "linear": ("linear", lambda: F.linear(DATA, x(5, 4), x(5)), 2 * 4 * 15 + 15),
    "linear, all": ("linear", lambda: F.linear(x(2, 3, 4), x(5, 4), x(5)), 2 * (2 * 4 * 30) + 30),
    "einsum": ("einsum", lambda: t.einsum("ij,kj->ik", x(3, 4), x(5, 4)), 2 * (2 * 60)),
    "einsum, dots": (
        "einsum",
        lambda: t.einsum("...td,...sd->...ts", x(2, 3, 4), x(2, 5, 4)),
        2 * (2 * 2 * 60),
    ),
    "add": ("add", lambda: x(3, 4) + x(3, 4), 0),
    "add, stretched": ("add", lambda: x(3, 4) + x(4), 12),
    "a product": ("mul", lambda: x(3, 4) * x(3, 4), 24),
    "a product with data": ("mul", lambda: x(3, 4) * DATA, 12),
    "a product, stretched": ("mul", lambda: x(3, 4) * x(3, 1), 24 + 12),
    "a quotient": ("div", lambda: x(3, 4) / x(3, 4), 12 + 36),
    "square": ("pow", lambda: x(3, 4) ** 2, 24),
    "cube": ("pow", lambda: x(3, 4) ** 3, 36),
    "powers": ("pow", lambda: x(3, 4) ** x(3, 4), 60 + 72),
    "two to": ("pow", lambda: 2 ** x(3, 4), 24),
    "exp": ("exp", lambda: x(3, 4).exp(), 12),
    "tanh": ("tanh", lambda: x(3, 4).tanh(), 36),
    "relu": ("relu", lambda: x(3, 4).relu(), 24),
    "clamp": ("clamp", lambda: x(3, 4).clamp(0, 1), 48),
    "clamp above": ("clamp", lambda: x(3, 4).clamp(max=1), 24),
    "maximum": ("maximum", lambda: t.maximum(x(3, 4), DATA), 72),
    "sum": ("sum", lambda: x(3, 4).sum(0), 0),
    "mean": ("mean", lambda: x(3, 4).mean(0), 4),
    "var": ("var", lambda: x(3, 4).var(0), 48),
    "amax": ("amax", lambda: x(3, 4).amax(0), 48),
    "logsumexp": ("logsumexp", lambda: x(3, 4).logsumexp(1), 36),
    "cumprod": ("cumprod", lambda: x(3, 4).cumprod(0), 60),
    "softmax": ("softmax", lambda: F.softmax(x(3, 4), 1), 48),
    "gelu": ("gelu", lambda: F.gelu(x(3, 4)), 11 * 12),
    "gelu by tanh": ("gelu", lambda: F.gelu(x(3, 4), "tanh"), 15 * 12),
    "rotary": ("rotary", lambda: RotaryEmbedding(8, 9)(x(2, 3, 5, 8)), 3 * 240),
    "layer_norm": ("layer_norm", lambda: F.layer_norm(x(3, 4), 4), 9 * 12),
    "layer_norm with both": ("layer_norm", lambda: F.layer_norm(x(3, 4), 4, x(4), x(4)), 13 * 12),
    "batch_norm": (
        "batch_norm",
        lambda: F.batch_norm(x(*IMAGES), None, None, x(4), x(4), training=True),
        9 * 2 * 4 * 42,
    ),
    "cross_entropy": ("cross_entropy", lambda: F.cross_entropy(x(3, 4), t.tensor([0, 1, 2])), 12),
    "cross_entropy, smoothed": (
        "cross_entropy",
        lambda: F.cross_entropy(x(3, 4), t.tensor([0, 1, 2]), label_smoothing=0.1),
        24,
    ),
    "convolution": (
        "conv2d",
        lambda: F.conv2d(x(*IMAGES), x(6, 4, 3, 2), x(6)),
        (2 * 2 * 24 + 1) * 2 * 6 * 25,
    ),
    "convolution of data": (
        "conv2d",
        lambda: F.conv2d(t.rand(*IMAGES), x(6, 2, 3, 2), groups=2, stride=2, padding=1),
        2 * 12 * 2 * 6 * 4 * 4,
    ),
    "max_pool2d": ("max_pool2d", lambda: F.max_pool2d(x(*IMAGES), 2), 4 * 4 * 2 * 4 * 9),
    "max_pool2d, overlapping": (
        "max_pool2d",
        lambda: F.max_pool2d(x(*IMAGES), (3, 2), 1),
        5 * 6 * 2 * 4 * 25,
    ),
    "avg_pool2d": (
        "avg_pool2d",
        lambda: F.avg_pool2d(x(*IMAGES), (3, 2)),
        2 * 4 * (3 * 2 * 3 + 3 * 2 * 6),
    ),
    "attention": (
        "scaled_dot_product_attention",
        lambda: F.scaled_dot_product_attention(Q.clone().requires_grad_(), K, V),
        ATTENTION,
    ),
    "embedding": ("embedding", lambda: F.embedding(t.tensor([[0, 1, 1]]), x(3, 4)), 12),
    "a slice": ("getitem", lambda: x(3, 4)[1:], 0),
    "rows picked": ("getitem", lambda: x(3, 4)[t.tensor([0, 0])], 8),
    "a copy": ("expand", lambda: x(3, 1).expand(3, 4), 12),
    "moves": ("permute", lambda: x(3, 4).T, 0),
    "pieces": ("split", lambda: x(3, 4).split(2)[1], 0),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name: str) -> None:
    op, run, expected = BY_HAND[name]
    assert counted(op, run) == expected


def test_every_rule_has_a_count() -> None:
    ours = {op.name for op in table if type(op) is t.Op and op.forward.__module__.startswith("tt_")}
    assert ours - BACKWARD_COUNTS.keys() == set()


def test_every_count_is_of_a_rule() -> None:
    assert BACKWARD_COUNTS.keys() - {op.name for op in table} == set()


def test_where_the_count_depends_on_the_numbers_it_is_not_known() -> None:
    values = t.tensor([1.0, 0.0, 2.0], requires_grad=True)
    with Profiler() as p:
        values.cumprod(0).sum().backward()
    assert p.result.ops["cumprod", "backward"].uncounted == 1
    assert p.result.uncounted == ["cumprod"]


def test_a_rule_without_a_count_is_named() -> None:
    mystery = t.Op("test_backward_mystery", lambda a: a * 2)
    joint_vjp(mystery, lambda g, needs, out, a: [g * 2], fused=False)
    with Profiler() as p:
        t.apply(mystery, x(3)).sum().backward()
    assert p.result.ops["test_backward_mystery", "backward"].uncounted == 1
    assert "test_backward_mystery" in p.result.uncounted


def test_second_derivatives_are_counted_once() -> None:
    """The rules' own operations are counted as they run; so the rules are not, again."""
    values = x(10)
    with Profiler() as p:
        (values**3).sum().backward(create_graph=True)
    assert p.result.ops["pow", "backward"].flops == 0
    assert p.result.ops["pow", "forward"].flops == 10 + 10  # x³ and, in its rule, x²


def test_a_training_step_is_three_forward_passes() -> None:
    from tt_models import GPT, GPTConfig

    model = GPT(GPTConfig(vocab_size=65, block_size=64, n_layer=2, n_head=4, n_embd=64))
    idx = t.randint(0, 65, (2, 64))
    with Profiler() as p:
        model(idx, targets=idx)[1].backward()
    assert 1.9 < p.result.backward_flops / p.result.flops < 2.1

"""FLOPs of every operation, counted by hand."""

from typing import Any

import pytest

import tt_models  # noqa: F401  everything that registers operations is loaded
import tt_nn.functional as F
import tt_tensor as t
from tt_autograd.rule import table
from tt_nn import Linear, ReLU, RotaryEmbedding, Sequential
from tt_optimize import count_flops, flops
from tt_optimize.flops import COUNTS
from tt_tensor import ops

# What has no count, and why. (Nothing yet.)
EXCEPTIONS: dict[str, str] = {}

X, Y, V = t.rand(3, 4), t.rand(3, 4) + 1, t.rand(4)
Q = t.rand(2, 3, 5, 8)
K, U = t.rand(2, 3, 7, 8), t.rand(2, 3, 7, 6)
IMAGES = t.rand(2, 4, 7, 6)
CONVOLVED = 2 * 6 * 5 * 5
SCORES = 2 * 3 * 5 * 7
IDS = t.tensor([[0, 2, 1]])
OPEN = t.ones(5, 7) > 0

BY_HAND: dict[str, tuple[Any, int]] = {
    "matrices": (lambda: X @ Y.T, 2 * 4 * 9),
    "matrix and vector": (lambda: X @ V, 2 * 4 * 3),
    "vectors": (lambda: V @ V, 2 * 4),
    "stacks": (lambda: Q @ K.mT, 2 * 8 * SCORES),
    "linear": (lambda: F.linear(X, Y), 2 * 4 * 9),
    "linear with bias": (lambda: F.linear(X, Y, V[:3]), 2 * 4 * 9 + 9),
    "einsum, two": (lambda: t.einsum("ij, kj -> ik", X, Y), 2 * 3 * 4 * 3),
    "einsum, one": (lambda: t.einsum("ij->", X), 12),
    "einsum, three": (lambda: t.einsum("ij,kj,j->ik", X, Y, V), 3 * 3 * 4 * 3),
    "einsum, dots": (lambda: t.einsum("...td,...sd->...ts", Q, K[:, :1]), 2 * SCORES * 8),
    "add": (lambda: X + V, 12),
    "a number": (lambda: X * 2, 12),
    "exp": (lambda: X.exp(), 12),
    "power": (lambda: X**3, 12),
    "comparison": (lambda: X > V, 12),
    "sum": (lambda: X.sum(0), 12),
    "mean": (lambda: X.mean(), 12),
    "largest": (lambda: X.amax(1), 12),
    "var": (lambda: X.var(1), 4 * 12),
    "logsumexp": (lambda: X.logsumexp(1), 4 * 12),
    "cumsum": (lambda: X.cumsum(0), 12),
    "rsqrt": (lambda: X.rsqrt(), 2 * 12),
    "clamp below": (lambda: X.clamp(min=0), 12),
    "clamp": (lambda: X.clamp(0, 1), 2 * 12),
    "truncated": (lambda: t.div(X, Y, rounding_mode="trunc"), 2 * 12),
    "sort": (lambda: X.argsort(1), 12 * 2),
    "sort of five": (lambda: t.rand(5).argsort(), 5 * 3),
    "scatter_add": (lambda: X.scatter_add(0, IDS, Y), 3),
    "relu": (lambda: F.relu(X), 12),
    "sigmoid": (lambda: F.sigmoid(X), 4 * 12),
    "silu": (lambda: F.silu(X), 5 * 12),
    "gelu": (lambda: F.gelu(X), 5 * 12),
    "gelu by tanh": (lambda: F.gelu(X, "tanh"), 8 * 12),
    "rotary": (lambda: RotaryEmbedding(8, 9)(Q), 3 * 2 * 3 * 5 * 8),
    "softmax": (lambda: F.softmax(X, 1), 5 * 12),
    "log_softmax": (lambda: F.log_softmax(X, 1), 5 * 12),
    "layer_norm": (lambda: F.layer_norm(X, 4), 5 * 12),
    "layer_norm with weight": (lambda: F.layer_norm(X, 4, V), 6 * 12),
    "layer_norm with both": (lambda: F.layer_norm(X, 4, V, V), 7 * 12),
    "convolution": (lambda: F.conv2d(IMAGES, t.rand(6, 4, 3, 2)), 2 * 24 * CONVOLVED),
    "convolution with bias": (
        lambda: F.conv2d(IMAGES, t.rand(6, 4, 3, 2), t.rand(6)),
        (2 * 24 + 1) * CONVOLVED,
    ),
    "convolution in groups": (
        lambda: F.conv2d(IMAGES, t.rand(6, 2, 3, 2), groups=2),
        2 * 12 * CONVOLVED,
    ),
    "convolution of a signal": (lambda: F.conv1d(IMAGES[0], t.rand(5, 7, 3)), 2 * 21 * 4 * 5 * 4),
    "largest of windows": (lambda: F.max_pool2d(IMAGES, (3, 2), 1), 5 * 2 * 4 * 5 * 5),
    "mean of windows": (lambda: F.avg_pool2d(IMAGES, 2), 4 * 2 * 4 * 3 * 3),
    "mean of an image": (lambda: F.adaptive_avg_pool2d(IMAGES, 1), IMAGES.numel()),
    "batch_norm": (lambda: F.batch_norm(IMAGES, None, None, training=True), 5 * 2 * 4 * 42),
    "batch_norm with both": (
        lambda: F.batch_norm(IMAGES, None, None, V, V, training=True),
        7 * 2 * 4 * 42,
    ),
    "group_norm": (lambda: F.group_norm(IMAGES, 2), 5 * 2 * 4 * 42),
    "cross_entropy": (lambda: F.cross_entropy(X, IDS[0]), 5 * 12),
    "attention": (lambda: F.scaled_dot_product_attention(Q, K, U), SCORES * (16 + 12 + 6)),
    "causal attention": (
        lambda: F.scaled_dot_product_attention(Q, K, U, is_causal=True),
        SCORES * (16 + 12 + 6),
    ),
    "attention, hidden": (
        lambda: F.scaled_dot_product_attention(Q, K, U, OPEN),
        SCORES * (16 + 12 + 6),
    ),
    "attention, biased": (
        lambda: F.scaled_dot_product_attention(Q, K, U, t.ones(5, 7)),
        SCORES * (16 + 12 + 7),
    ),
    "embedding": (lambda: F.embedding(IDS, X), 0),
    "moves": (lambda: t.cat([X.T.reshape(3, 4)[1:], X[:1].expand(2, 4)]).split(2), 0),
    "one number": (lambda: t.tensor(2.0) * 3, 1),
    "nothing": (lambda: t.rand(0, 4) @ Y.T, 0),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name: str) -> None:
    run, expected = BY_HAND[name]
    assert flops(run) == expected


def test_binary_losses() -> None:
    p = X.sigmoid()
    mean, negation = 12, 0
    assert flops(lambda: F.binary_cross_entropy(p, p)) == 9 * 12 + mean + negation
    with_logits = 6 * 12 + 4 * 12 + mean  # log σ(x); 1 - t, · x, · factor, -
    assert flops(lambda: F.binary_cross_entropy_with_logits(X, p)) == with_logits


def test_every_operation_has_a_count_or_a_reason() -> None:
    # ops that other tests of this process made are their own business
    ours = {
        op.name for op in table if type(op) is t.Op and str(op.forward.__module__).startswith("tt_")
    } | {op.name for op in vars(ops).values() if isinstance(op, t.Op)}
    assert ours - COUNTS.keys() == EXCEPTIONS.keys()


def test_every_count_is_of_an_operation() -> None:
    names = {op.name for op in table} | {
        op.name for op in vars(ops).values() if isinstance(op, t.Op)
    }
    assert COUNTS.keys() - names == set()


def test_a_model() -> None:
    model = Sequential(Linear(4, 5), ReLU(), Linear(5, 2, bias=False))
    assert flops(model, X) == 3 * (2 * 4 * 5 + 5) + 3 * 5 + 3 * (2 * 5 * 2)


def test_a_transformer_costs_twice_its_weights_for_each_token() -> None:
    """The rule of thumb 2 · parameters · tokens, plus attention, to the last operation."""
    from tt_models import GPT, GPTConfig

    v, t_, layers, c, heads = 11, 8, 2, 16, 2
    model = GPT(GPTConfig(vocab_size=v, block_size=t_, n_layer=layers, n_head=heads, n_embd=c))
    products = 2 * t_ * (12 * c * c) + t_ * 9 * c  # and the biases: 3c + c + 4c + c
    attention = heads * t_ * t_ * (4 * (c // heads) + 6)
    rest = 2 * 7 * t_ * c + 8 * t_ * 4 * c + 2 * t_ * c  # two norms, gelu, two sums
    block = products + attention + rest
    ends = t_ * c + 7 * t_ * c + 2 * t_ * c * v  # the positions added, the last norm, the logits
    assert flops(model, t.zeros(1, t_).long()) == layers * block + ends


def test_an_operation_without_a_count() -> None:
    mystery = t.Op("test_mystery", lambda x: x)
    with pytest.raises(ValueError, match="no count for test_mystery; add it to COUNTS"):
        flops(lambda: t.apply(mystery, X))
    assert count_flops("test_mystery", (X,), {}, X) is None
    assert count_flops("add", (X, X), {}, X) == 12


def test_nobody_listens_after_an_error() -> None:
    from tt_tensor import door

    before = door._timers
    with pytest.raises(ValueError, match="Expected x of shape"):
        flops(Linear(3, 2), X)
    assert door._timers == before == ()

"""Bad input is refused by name, with what was expected and what came, and changes nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tt_nn as nn
import tt_nn.functional as F
from tt_nn import optim
from tt_tensor import ones, tensor

X, IDS = ones(2, 3), tensor([0, 1])
LINEAR = nn.Linear(3, 2)

# what is called -> the words that its error must have: its name, what it expected, what it got
REFUSED: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "linear": (lambda: F.linear(X, ones(4, 2)), ["linear", "(..., 2)", "(2, 3)"]),
    "linear, dtype": (lambda: F.linear(X.double(), ones(4, 3)), ["linear", "float64", "float32"]),
    "embedding -1": (lambda: F.embedding(IDS - 1, X), ["embedding", "-1", "0 to 1"]),
    "embedding of floats": (lambda: F.embedding(X, X), ["embedding", "integers", "float32"]),
    "embedding of a list": (lambda: F.embedding([0], X), ["embedding", "Tensors", "[0]"]),
    "one_hot -1": (lambda: F.one_hot(IDS - 1), ["one_hot", "0 or more", "-1"]),
    "one_hot, few": (lambda: F.one_hot(IDS, 1), ["one_hot", "index 1", "0 to 0"]),
    "class -1": (lambda: F.cross_entropy(X, IDS - 1), ["cross_entropy", "-1", "0 to 2"]),
    "class 3": (lambda: F.cross_entropy(X, IDS + 2), ["cross_entropy", "target 3", "0 to 2"]),
    "nan label": (
        lambda: F.cross_entropy(X, tensor([np.nan, 0.0])),
        ["cross_entropy", "(2, 3)", "(2,)"],
    ),
    "list of labels": (lambda: F.cross_entropy(X, [0, 1]), ["cross_entropy", "Tensors", "list"]),
    "weight dtype": (
        lambda: F.cross_entropy(X, IDS, ones(3).double()),
        ["cross_entropy", "float32", "float64"],
    ),
    "nll class": (lambda: F.nll_loss(X, IDS - 1), ["nll_loss", "-1", "0 to 2"]),
    "nll reduction": (lambda: F.nll_loss(X, IDS, reduction="all"), ["nll_loss", "mean", "'all'"]),
    "mse": (lambda: F.mse_loss(X, ones(2)), ["mse_loss", "(2, 3)", "(2,)"]),
    "mse of a number": (lambda: F.mse_loss(X, 3), ["mse_loss", "Tensors", "int"]),
    "mse reduction": (lambda: F.mse_loss(X, X, reduction="no"), ["mse_loss", "'sum'", "'no'"]),
    "l1": (lambda: F.l1_loss(X, ones(3)), ["l1_loss", "(2, 3)", "(3,)"]),
    "huber": (lambda: F.huber_loss(X, X, delta=0), ["huber_loss", "positive", "0"]),
    "smooth l1": (lambda: F.smooth_l1_loss(X, X, beta=-1), ["smooth_l1_loss", "negative", "-1"]),
    "kl": (lambda: F.kl_div(X, ones(2)), ["kl_div", "(2, 3)", "(2,)"]),
    "bce input": (lambda: F.binary_cross_entropy(X + 1, X), ["binary_cross_entropy", "0 to 1"]),
    "bce target": (lambda: F.binary_cross_entropy(X, X * 2), ["target", "0 to 1", "2 to 2"]),
    "bce dtype": (
        lambda: F.binary_cross_entropy_with_logits(X, X.long()),
        ["with_logits", "float32", "int64"],
    ),
    "softmax dim": (lambda: F.softmax(X, 2), ["softmax", "dim 2", "(2, 3)"]),
    "softmax of ints": (lambda: F.softmax(IDS, 0), ["softmax", "floating", "int64"]),
    "log_softmax": (lambda: F.log_softmax(X), ["log_softmax", "dim", "(2, 3)"]),
    "gelu": (lambda: F.gelu(X, "quick"), ["gelu", "'tanh'", "'quick'"]),
    "elu of a list": (lambda: F.elu([1.0]), ["elu", "Tensors", "list"]),
    "layer_norm": (lambda: nn.LayerNorm(4)(X), ["layer_norm", "(..., 4)", "(2, 3)"]),
    "layer_norm dtype": (lambda: nn.LayerNorm(3)(X.half()), ["layer_norm", "float16", "float32"]),
    "rms_norm": (lambda: nn.RMSNorm(4)(X), ["rms_norm", "(..., 4)", "(2, 3)"]),
    "dropout": (lambda: F.dropout(X, 1.5), ["dropout", "0 to 1", "1.5"]),
    "pad": (lambda: F.pad(X, (1,)), ["pad", "pair", "(1,)"]),
    "pad mode": (lambda: F.pad(X, (4, 0), "reflect"), ["pad", "at most 2", "(4, 0)"]),
    "cosine": (lambda: F.cosine_similarity(X, ones(2, 4)), ["cosine_similarity", "(2, 4)"]),
    "attention": (
        lambda: F.scaled_dot_product_attention(X, ones(2, 4), X),
        ["scaled_dot_product_attention", "(..., T, D)", "(2, 4)"],
    ),
    "heads": (lambda: nn.MultiheadAttention(8, 3), ["MultiheadAttention", "multiple", "3"]),
    "rotary dim": (lambda: nn.RotaryEmbedding(3, 8), ["RotaryEmbedding", "even", "3"]),
    "rotary x": (lambda: nn.RotaryEmbedding(4, 8)(X), ["RotaryEmbedding", "4)", "(2, 3)"]),
    "rotary length": (lambda: nn.RotaryEmbedding(4, 1)(ones(2, 4)), ["max_seq_len=1", "2"]),
    "rotary -1": (
        lambda: nn.RotaryEmbedding(4, 8)(ones(1, 1, 2, 4), IDS - 1),
        ["RotaryEmbedding", "-1", "0 to 7"],
    ),
    "a parameter": (lambda: setattr(LINEAR, "weight", X), ["Linear.weight", "Parameter", "Tensor"]),
    "a device": (lambda: LINEAR.to("cuda"), ["cpu", "cuda"]),
    "no parameters": (lambda: optim.SGD([]), ["optimizer", "at least one", "none"]),
    "lr": (lambda: optim.SGD([X], lr=-1), ["lr", "at least 0", "-1"]),
    "lr, text": (lambda: optim.Adam([X], lr="fast"), ["lr", "number", "'fast'"]),
    "betas": (lambda: optim.Adam([X], betas=(1, 2)), ["betas", "below 1", "(1, 2)"]),
    "twice": (lambda: optim.AdamW([X, X]), ["once", "twice", "(2, 3)"]),
    "step size": (lambda: optim.lr_scheduler.StepLR(optim.SGD([X]), 0), ["StepLR", "1", "0"]),
    "fans": (lambda: nn.init.xavier_uniform_(ones(2)), ["at least 2 dims", "(2,)"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_error_tells(name: str) -> None:
    call, words = REFUSED[name]
    with pytest.raises((ValueError, TypeError, IndexError, RuntimeError)) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("value", ["text", None, [[1.0]], {"a": 1}])
def test_a_state_that_does_not_fit_leaves_the_module_as_it_was(value: Any) -> None:
    layer = nn.Linear(2, 2)
    before = {name: x.clone() for name, x in layer.state_dict().items()}
    with pytest.raises(RuntimeError, match="nothing was changed"):
        layer.load_state_dict({"weight": ones(2, 2), "bias": value})
    assert all(x.equal(before[name]) for name, x in layer.state_dict().items())

"""The gradient reaches every parameter of a transformer, and is the right one.

Every module is asked for the derivatives of a random sum of its outputs, after one step of gradient
descent on a random batch, and each parameter's gradient is compared with finite differences along
random directions, which all its elements take part in, and at single elements.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_models import GPT, GPTConfig
from tt_models.gpt import Block, CausalSelfAttention
from tt_nn import LayerNorm, Module, MultiheadAttention, RMSNorm
from tt_nn.optim import SGD
from tt_tensor import Tensor, tensor

B, T, C, V = 2, 5, 8, 7
Loss = Callable[[Module], Tensor]


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.fixture
def config(form: dict[str, Any]) -> GPTConfig:
    return GPTConfig(vocab_size=V, block_size=T, n_layer=2, n_head=4, n_embd=C, **form)


def random_sum(draw: np.random.Generator) -> Loss:
    """A loss of modules from (B, T, C) to (B, T, C)."""
    x, weights = (tensor(draw.standard_normal((B, T, C))) for _ in range(2))
    return lambda module: (module(x) * weights).sum()


def value(loss: Loss, module: Module) -> float:
    with no_grad():
        return loss(module).item()


def check(module: Module, loss: Loss, draw: np.random.Generator) -> None:
    """One step, then every parameter's gradient."""
    module.double()
    for p in module.parameters():
        p.data += tensor(draw.normal(0, 0.3, p.shape))
    optimizer = SGD(module.parameters(), lr=0.01)
    before = value(loss, module)
    loss(module).backward()
    optimizer.step()
    assert value(loss, module) < before
    optimizer.zero_grad()
    loss(module).backward()
    for name, p in module.named_parameters():
        assert p.grad is not None, f"{name} has no gradient"
        assert p.grad.isfinite().all() and p.grad.any(), f"{name} has a gradient of 0"
        directions = [draw.standard_normal(p.shape) for _ in range(3)]
        for flat in draw.choice(p.numel(), size=min(3, p.numel()), replace=False):
            directions.append(np.zeros(p.shape))
            directions[-1].flat[flat] = 1
        for direction in directions:
            start, values = p.array.copy(), []
            for step in (1e-5, -1e-5):
                p.array[...] = start + step * direction
                values.append(value(loss, module))
            p.array[...] = start
            expected = (values[0] - values[1]) / 2e-5
            got = float((p.grad.array * direction).sum())
            assert got == pytest.approx(expected, rel=1e-6, abs=1e-8), name


@pytest.mark.parametrize("norm", [LayerNorm, RMSNorm])
def test_norms(norm: type[Module], draw: np.random.Generator) -> None:
    check(norm(C), random_sum(draw), draw)


@pytest.mark.parametrize("need_weights", [False, True])
def test_multihead_attention(need_weights: bool, draw: np.random.Generator) -> None:
    x, y, weights = (tensor(draw.standard_normal((B, T, C))) for _ in range(3))

    def loss(module: Module) -> Tensor:
        return (module(x, y, y, need_weights=need_weights)[0] * weights).sum()

    check(MultiheadAttention(C, 4, batch_first=True), loss, draw)


@pytest.mark.parametrize("kind", [CausalSelfAttention, Block])
def test_attention_and_block(
    kind: type[Module], config: GPTConfig, draw: np.random.Generator
) -> None:
    check(kind(config), random_sum(draw), draw)  # type: ignore[call-arg]


@pytest.mark.parametrize("tie_weights", [False, True])
def test_gpt(tie_weights: bool, form: dict[str, Any], draw: np.random.Generator) -> None:
    form = {**form, "tie_weights": tie_weights}
    config = GPTConfig(vocab_size=V, block_size=T, n_layer=2, n_head=4, n_embd=C, **form)
    idx = tensor([[0, 1, 2, 3, 4], [5, 6, 6, 5, 1]])
    targets = tensor(draw.integers(-1, V, (B, T)))
    check(GPT(config), lambda model: model(idx, targets)[1], draw)

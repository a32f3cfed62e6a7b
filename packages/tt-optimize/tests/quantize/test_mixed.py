"""Training in float16 learns, because its weights are kept in float32."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from tt_models import GPT, MLP, GPTConfig
from tt_nn import Module, functional as F
from tt_nn.optim import SGD, Adam
from tt_optimize import GradScaler, MasterWeights
from tt_tensor import Tensor, from_numpy, manual_seed, ones, randint, randn


def step(masters: MasterWeights, scaler: GradScaler, optimizer: Any, loss: Tensor) -> float:
    scaler.scale(loss).backward()
    masters.take_gradients()
    scaler.step(optimizer)
    scaler.update()
    masters.give_weights()
    return float(loss.item())


def test_it_learns_as_float32_does() -> None:
    manual_seed(3)
    model, x, y = MLP([10, 32, 3]), randn(64, 10), randint(0, 3, (64,))
    masters = MasterWeights(model)
    optimizer, scaler = Adam(masters.parameters(), lr=0.01), GradScaler()
    plain = Adam(model.parameters(), lr=0.01)
    for _ in range(40):
        half = step(masters, scaler, optimizer, F.cross_entropy(masters.half(x.half()).float(), y))
        plain.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        plain.step()
    assert half == pytest.approx(loss.item(), rel=0.1, abs=0.02)
    assert loss.item() < 0.8  # it has learned something
    learned = F.cross_entropy(masters.to_model()(x), y).item()
    assert learned == pytest.approx(half, rel=0.1, abs=0.02)


def test_a_gpt_in_float16() -> None:
    config = GPTConfig(vocab_size=8, block_size=8, n_layer=1, n_head=2, n_embd=16)
    masters = MasterWeights(GPT(config))
    assert masters.half.lm_head.weight is masters.half.transformer["wte"].weight
    optimizer, scaler = Adam(masters.parameters(), lr=0.02), GradScaler()
    idx = from_numpy(np.tile(np.arange(8), (4, 1)))
    losses = []
    for _ in range(20):
        logits = masters.half(idx[:, :-1])[0]
        assert logits.dtype == np.float16
        loss = F.cross_entropy(logits.float().reshape(-1, 8), idx[:, 1:].reshape(-1))
        losses.append(step(masters, scaler, optimizer, loss))
    assert losses[-1] < losses[0] / 2


def test_small_steps_are_lost_in_float16_and_kept_by_the_masters() -> None:
    class One(Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = MLP([1, 1]).layers[0].weight

        def forward(self, x: Tensor) -> Tensor:
            return (self.w * x).sum()

    model = One()
    model.w.data.fill_(1.0)
    masters, lost = MasterWeights(model), MasterWeights(model).half
    optimizer, scaler = SGD(masters.parameters(), lr=1e-4), GradScaler(init_scale=4.0)
    for _ in range(100):
        step(masters, scaler, optimizer, masters.half(ones(1).half()))
        lost.w.data.sub_(1e-4)  # less than half the distance to float16's next number
    assert lost.w.item() == 1.0
    assert masters.parameters()[0].item() == pytest.approx(0.99, rel=1e-4)
    assert masters.half.w.item() == pytest.approx(0.99, rel=1e-3)
    assert model.w.item() == 1.0  # the model itself is as it was


def test_activations_take_half_the_memory() -> None:
    model, x = MLP([64, 256, 256, 8]), randn(512, 64)
    held = {}
    for net, data in ((model, x), (MasterWeights(model).half, x.half())):
        tracemalloc.start()
        loss = net(data).float().sum()  # holds what the backward pass will need
        held[data.dtype.name] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        loss.backward()
    assert held["float16"] < 0.6 * held["float32"]


def test_every_form_of_gpt_learns() -> None:
    """RMS norm among them: of numbers as small as a new model's, 1/σ³ is beyond float16."""
    llama = {"norm": "rms", "mlp": "swiglu", "position": "rotary", "n_kv_head": 1}
    for form in ({}, llama):
        manual_seed(0)
        config = GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=16, **form)
        masters, idx = MasterWeights(GPT(config)), randint(0, 11, (4, 8))
        optimizer, scaler = Adam(masters.parameters(), lr=0.003), GradScaler()
        losses = [
            step(masters, scaler, optimizer, F.cross_entropy(logits.flatten(0, 1).float(), y))
            for y in [idx.flatten()] * 20
            for logits in [masters.half(idx)[0]]
        ]
        assert losses[-1] < 0.8 * losses[0] and scaler.get_scale() >= 2.0**14

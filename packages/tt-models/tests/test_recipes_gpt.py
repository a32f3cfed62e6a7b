"""What every GPT is trained with."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tt_models import GPT
from tt_models.recipes.gpt import build_optimizer, rate_factor, train_gpt
from tt_nn.training import Callback, Trainer
from tt_tensor import Tensor, manual_seed, randint


def test_matrices_decay_and_nothing_else_does(model: GPT) -> None:
    matrices, vectors = build_optimizer(model, lr=0.1, weight_decay=0.3).param_groups
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.3, 0.0)
    assert {p.ndim for p in matrices["params"]} == {2}
    assert {p.ndim for p in vectors["params"]} == {1}
    found = {id(p) for p in matrices["params"] + vectors["params"]}
    assert found == {id(p) for p in model.parameters()}


def test_the_rate_rises_in_a_straight_line_and_falls_along_a_cosine() -> None:
    steps = 200
    factors = [rate_factor(step, steps, last=0.1) for step in range(steps + 1)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    for step in range(10, steps + 1):
        angle = math.pi * (step - 10) / (steps - 10)
        assert factors[step] == pytest.approx(0.55 + 0.45 * math.cos(angle))
    assert factors[-1] == pytest.approx(0.1) == rate_factor(2 * steps, steps, last=0.1)
    assert rate_factor(0, 1) == 1  # however short


class Watch(Callback):
    """Notes the learning rates, and stops after some steps as Ctrl-C does."""

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.rates: list[float] = []
        self.interrupt_after = interrupt_after

    def on_batch_end(self, trainer: Trainer) -> None:
        self.rates.append(trainer.optimizer.param_groups[0]["lr"])
        if trainer.step == self.interrupt_after:
            raise KeyboardInterrupt


def batches(count: int = 5) -> list[tuple[Tensor, Tensor]]:
    manual_seed(1)
    rows = [randint(0, 11, (3, 9)) for _ in range(count)]
    return [(row[:, :-1], row[:, 1:]) for row in rows]


def test_every_step_has_its_rate_and_the_model_learns(model: GPT) -> None:
    watch = Watch()
    history = train_gpt(model, batches(), 20, 1e-2, last=0.2, callbacks=[watch], progress=False)
    # what the optimizer holds after a step is the rate of the next one
    expected = [1e-2 * rate_factor(step, 100, last=0.2) for step in range(1, 101)]
    assert watch.rates == pytest.approx(expected)
    assert history.losses[-1] < history.losses[0] - 1


def test_another_loss_can_take_the_place_of_the_models_own(model: GPT) -> None:
    def twice(model: Any, batch: Any) -> Tensor:
        return model(*batch)[1] * 2

    data = batches(1)
    loss = model(*data[0])[1].item()
    history = train_gpt(model, data, 1, 1e-3, loss_step=twice, progress=False)
    assert history.losses[0] == pytest.approx(2 * loss)


def test_resumed_it_ends_with_the_same_weights(model: GPT, tmp_path: Path) -> None:
    start = {name: x.clone() for name, x in model.state_dict().items()}
    train_gpt(model, batches(), 3, 1e-2, progress=False)
    whole = {name: x.numpy().copy() for name, x in model.state_dict().items()}

    model.load_state_dict(start)
    with pytest.raises(KeyboardInterrupt):
        train_gpt(
            model, batches(), 3, 1e-2, callbacks=[Watch(7)], checkpoint=tmp_path, progress=False
        )
    model.load_state_dict(start)
    train_gpt(model, batches(), 3, 1e-2, checkpoint=tmp_path, resume=True, progress=False)
    for name, x in model.state_dict().items():
        assert np.array_equal(x.numpy(), whole[name]), name

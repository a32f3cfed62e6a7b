"""torch.amp.GradScaler, called alike, does alike: scales, weights, skipped steps, errors, state."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from tt_nn import Parameter
from tt_nn.optim import SGD
from tt_optimize import GradScaler
from tt_tensor import float16, from_numpy

torch = pytest.importorskip("torch")


def both(**options: Any) -> list[tuple[Any, Any, Any]]:
    """(weight, optimizer, scaler), ours and theirs."""
    start = np.array([1.0, -2.0, 0.5])  # float64: sums in another order hardly differ
    ours = Parameter(from_numpy(start.copy()))
    theirs = torch.nn.Parameter(torch.from_numpy(start.copy()))
    return [
        (ours, SGD([ours], lr=0.01, momentum=0.9), GradScaler(**options)),
        (
            theirs,
            torch.optim.SGD([theirs], lr=0.01, momentum=0.9),
            torch.amp.GradScaler("cpu", **options),
        ),
    ]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("enabled", [True, False])
def test_a_long_run_with_overflows(seed: int, enabled: bool) -> None:
    rng = random.Random(seed)
    runs = both(init_scale=2.0**12, growth_interval=3, enabled=enabled)
    for _ in range(60):
        factor = rng.choice([1.0, 0.3, 1e-3, 0.0] + [float("inf"), float("nan")] * enabled)
        unscaling = rng.random() < 0.5
        states = []
        for weight, optimizer, scaler in runs:
            optimizer.zero_grad()
            scaler.scale((weight * weight * factor).sum()).backward()
            if unscaling:
                scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
            states.append((weight.detach().numpy().copy(), scaler.get_scale(), scaler.state_dict()))
        (w1, scale1, state1), (w2, scale2, state2) = states
        assert np.allclose(w1, w2, rtol=1e-9, atol=1e-12)
        assert scale1 == scale2 and state1 == state2


def test_states_are_exchanged() -> None:
    (_, _, ours), (_, _, theirs) = both(init_scale=64.0, growth_interval=7)
    other = torch.amp.GradScaler("cpu")
    other.load_state_dict(ours.state_dict())
    assert other.get_scale() == 64.0
    mine = GradScaler()
    mine.load_state_dict(theirs.state_dict())
    assert mine.state_dict() == theirs.state_dict()


@pytest.mark.parametrize(
    "calls",
    [
        ("step",),
        ("unscale_",),
        ("update",),
        ("backward", "unscale_", "unscale_"),
        ("backward", "step", "unscale_"),
        ("backward", "step", "step"),
        ("backward", "step", "update", "update"),
        ("backward", "step", "update", "backward", "unscale_", "step", "update"),
    ],
)
def test_calls_out_of_order_are_refused_by_both(calls: tuple[str, ...]) -> None:
    outcomes = []
    for weight, optimizer, scaler in both():
        done = []
        try:
            for call in calls:
                if call == "backward":
                    scaler.scale(weight.sum()).backward()
                elif call == "update":
                    scaler.update()
                else:
                    getattr(scaler, call)(optimizer)
                done.append(call)
        except (RuntimeError, AssertionError):  # theirs asserts where ours raises
            done.append("refused")
        outcomes.append(done)
    assert outcomes[0] == outcomes[1]


def test_float16_gradients_are_refused_by_both() -> None:
    ours = Parameter(from_numpy(np.ones(2, np.float16)))
    theirs = torch.nn.Parameter(torch.ones(2, dtype=torch.float16))
    ours.grad = from_numpy(np.ones(2, np.float16)).to(float16)
    theirs.grad = torch.ones(2, dtype=torch.float16)
    with pytest.raises(ValueError, match="float16"):
        GradScaler().unscale_(SGD([ours], lr=0.1))
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(torch.ones(1))
    with pytest.raises(ValueError, match="FP16"):
        scaler.unscale_(torch.optim.SGD([theirs], lr=0.1))

"""The scaler scales, unscales, skips steps that would do harm, and finds its scale."""

from __future__ import annotations

import numpy as np
import pytest

from tt_nn import Parameter
from tt_nn.optim import SGD, Optimizer
from tt_optimize import GradScaler
from tt_tensor import Tensor, float16, ones, tensor


def one() -> tuple[Parameter, Optimizer]:
    w = Parameter([1.0, 2.0])
    return w, SGD([w], lr=0.1)


def backward(scaler: GradScaler, w: Parameter, value: float = 3.0) -> None:
    w.grad = None
    scaler.scale((w * value).sum()).backward()


def test_a_step_is_that_without_scaling() -> None:
    (w, optimizer), scaler = one(), GradScaler(init_scale=1024.0)
    backward(scaler, w)
    assert w.grad.tolist() == [3072.0, 3072.0]
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == pytest.approx([0.7, 1.7])
    assert w.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_a_broken_gradient_skips_the_step_and_lowers_the_scale(bad: float) -> None:
    (w, optimizer), scaler = one(), GradScaler(init_scale=8.0)
    backward(scaler, w)
    w.grad[1] = bad
    assert scaler.step(optimizer) is None
    scaler.update()
    assert w.tolist() == [1.0, 2.0] and scaler.get_scale() == 4.0


def test_the_scale_grows_after_steps_without_trouble() -> None:
    (w, optimizer), scaler = one(), GradScaler(init_scale=8.0, growth_interval=3)
    seen = []
    for value in (1.0, 1.0, float("inf"), 1.0, 1.0, 1.0, 1.0):
        backward(scaler, w, value)
        scaler.step(optimizer)
        scaler.update()
        seen.append(scaler.get_scale())
    assert seen == [8.0, 8.0, 4.0, 4.0, 4.0, 8.0, 8.0]


def test_the_scale_stays_finite() -> None:
    (w, optimizer), scaler = one(), GradScaler(init_scale=2.0**127, growth_interval=1)
    backward(scaler, w, 0.0)
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 2.0**127


def test_unscaled_gradients_can_be_looked_at_first() -> None:
    (w, optimizer), scaler = one(), GradScaler()
    backward(scaler, w)
    scaler.unscale_(optimizer)
    assert w.grad.tolist() == [3.0, 3.0]
    w.grad.array[:] = 1.0
    scaler.step(optimizer)
    assert w.tolist() == pytest.approx([0.9, 1.9])


def test_the_order_of_calls_is_watched() -> None:
    (w, optimizer), scaler = one(), GradScaler()
    with pytest.raises(RuntimeError, match=r"no gradients"):
        scaler.step(optimizer)
    backward(scaler, w)
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_\(\) was called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"after step"):
        scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match=r"step\(\) was called"):
        scaler.step(optimizer)
    scaler.update()
    with pytest.raises(RuntimeError, match=r"before step"):
        scaler.update()


def test_one_of_two_optimizers_skips() -> None:
    (a, first), (b, second), scaler = one(), one(), GradScaler(init_scale=4.0)
    scaler.scale((a * float("inf")).sum() + (b * 1.0).sum()).backward()
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    assert a.tolist() == [1.0, 2.0] and b.tolist() == pytest.approx([0.9, 1.9])
    assert scaler.get_scale() == 2.0


def test_float16_losses_and_gradients() -> None:
    scaler, loss = GradScaler(), ones(1, dtype=float16)
    assert scaler.scale(loss).dtype == np.float32 and scaler.scale(loss).item() == 65536.0
    w = Parameter(ones(2, dtype=float16))
    w.grad = ones(2, dtype=float16)
    with pytest.raises(ValueError, match=r"float16 gradients.*MasterWeights"):
        scaler.step(SGD([w], lr=0.1))


def test_lists_of_losses_and_what_is_none() -> None:
    scaler = GradScaler(init_scale=2.0)
    scaled = scaler.scale((tensor(1.0), [tensor(2.0)]))
    assert isinstance(scaled, tuple) and scaled[1][0].item() == 4.0
    with pytest.raises(ValueError, match=r"expected a Tensor.*got float"):
        scaler.scale(1.0)


def test_switched_off_it_does_nothing() -> None:
    (w, optimizer), scaler = one(), GradScaler(enabled=False)
    backward(scaler, w)
    scaler.unscale_(optimizer)
    assert w.grad.tolist() == [3.0, 3.0]
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == pytest.approx([0.7, 1.7])
    assert scaler.get_scale() == 1.0 and scaler.state_dict() == {} and not scaler.is_enabled()


def test_its_state_goes_on() -> None:
    (w, optimizer), scaler = one(), GradScaler(init_scale=8.0, growth_interval=2)
    backward(scaler, w)
    scaler.step(optimizer)
    scaler.update()
    other = GradScaler()
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    backward(other, w)
    other.step(optimizer)
    other.update()
    assert other.get_scale() == 16.0
    with pytest.raises(RuntimeError, match=r"empty"):
        other.load_state_dict({})


def test_a_new_scale_may_be_given() -> None:
    scaler = GradScaler()
    scaler.update(32.0)
    assert scaler.get_scale() == 32.0
    scaler.update(tensor(16.0))
    assert scaler.get_scale() == 16.0


@pytest.mark.parametrize(
    "options", [{"init_scale": 0.0}, {"growth_factor": 1.0}, {"backoff_factor": 1.0}]
)
def test_factors_must_make_sense(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"init_scale > 0"):
        GradScaler(**options)


def test_what_scaling_is_for() -> None:
    """A gradient of 1e-8 is 0 in float16; scaled, it arrives."""

    def gradient(scale: float) -> Tensor:
        w = Parameter(ones(1, dtype=float16))
        ((w * 1e-3).float() * (1e-5 * scale)).sum().backward()
        return w.grad

    assert gradient(1.0).item() == 0.0
    assert gradient(65536.0).item() / 65536.0 == pytest.approx(1e-8, rel=1e-2)


def test_a_closure_is_refused() -> None:
    """It would make new gradients, scaled ones, after the old ones were divided."""
    (w, optimizer), scaler = one(), GradScaler(init_scale=8.0)

    def closure() -> Tensor:
        backward(scaler, w)
        return w.sum()

    backward(scaler, w)
    for refused in (
        lambda: scaler.step(optimizer, closure),
        lambda: scaler.step(optimizer, closure=closure),
    ):
        with pytest.raises(RuntimeError, match="closure"):
            refused()
    assert w.tolist() == [1.0, 2.0]
    GradScaler(enabled=False).step(optimizer, closure)

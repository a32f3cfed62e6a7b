"""Losses of numbers and of distributions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tt_nn as nn
import tt_nn.functional as F
from tt_autograd import gradcheck, gradgradcheck
from tt_tensor import Tensor, ones, tensor, zeros

REDUCE: dict[str, Callable[[Any], Any]] = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


def huber(d: Any, delta: float) -> Any:
    return np.where(np.abs(d) <= delta, d**2 / 2, delta * (np.abs(d) - delta / 2))


LOSSES: dict[str, tuple[Any, Any, Any]] = {
    "mse": (F.mse_loss, nn.MSELoss, lambda x, t: (x - t) ** 2),
    "l1": (F.l1_loss, nn.L1Loss, lambda x, t: np.abs(x - t)),
    "huber": (F.huber_loss, nn.HuberLoss, lambda x, t: huber(x - t, 1.0)),
    "kl": (F.kl_div, nn.KLDivLoss, lambda x, t: t * (np.log(np.where(t > 0, t, 1)) - x)),
}
each = pytest.mark.parametrize("name", LOSSES)


@each
@pytest.mark.parametrize("reduction", REDUCE)
@pytest.mark.parametrize("shape", [(), (4,), (2, 3, 4)])
def test_values(
    name: str, reduction: str, shape: tuple[int, ...], leaf: Callable[..., Tensor]
) -> None:
    function, layer, formula = LOSSES[name]
    x, t = leaf(*shape), leaf(*shape).detach().abs()
    expected = REDUCE[reduction](formula(x.detach().numpy(), t.numpy()))
    for y in (function(x, t, reduction=reduction), layer(reduction=reduction)(x, t)):
        np.testing.assert_allclose(y.detach().numpy(), expected, 1e-12)
    assert gradcheck(lambda x: function(x, t, reduction=reduction), (x,))


@each
def test_both_sides_have_gradients(name: str, leaf: Callable[..., Tensor]) -> None:
    function = LOSSES[name][0]
    x, t = leaf(3, 4), leaf(3, 4).detach().abs().requires_grad_()
    assert gradcheck(function, (x, t))
    assert gradgradcheck(function, (x, t))


@each
def test_dtype_is_kept_and_order_does_not_matter(name: str, leaf: Callable[..., Tensor]) -> None:
    function = LOSSES[name][0]
    assert function(ones(2, 3), ones(2, 3)).dtype == np.float32
    x, t = leaf(3, 4), leaf(3, 4).detach().abs()
    turned = function(x.T, t.T).item()
    assert turned == pytest.approx(function(x, t).item(), rel=1e-12)


@each
def test_the_mean_of_nothing_is_nan_and_its_sum_0(name: str) -> None:
    function = LOSSES[name][0]
    assert function(zeros(0, 3), zeros(0, 3)).isnan().item()
    assert function(zeros(0, 3), zeros(0, 3), reduction="sum").item() == 0


@each
def test_errors(name: str) -> None:
    function = LOSSES[name][0]
    with pytest.raises(ValueError, match=r"the input's shape \(3, 1\), got \(3,\); reshape one"):
        function(ones(3, 1), ones(3))
    with pytest.raises(ValueError, match="must be 'mean', 'sum' or 'none', got 'median'"):
        function(ones(3), ones(3), reduction="median")


def test_huber_is_square_near_0_and_linear_far_away(leaf: Callable[..., Tensor]) -> None:
    d = np.array([-3.0, -0.5, -0.2, 0.0, 0.2, 0.5, 3.0])
    y = F.huber_loss(tensor(d), zeros(7).double(), "none", delta=0.5)
    np.testing.assert_allclose(y.numpy(), huber(d, 0.5), 1e-12)
    x = tensor(d).requires_grad_()
    nn.HuberLoss("sum", 0.5)(x, zeros(7).double()).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.clip(d, -0.5, 0.5))
    for delta in (0.0, -1.0):
        with pytest.raises(ValueError, match="delta must be positive"):
            F.huber_loss(ones(2), ones(2), delta=delta)


def test_l1_has_no_slope_at_its_tip() -> None:
    x = tensor([1.0, 2.0], requires_grad=True)
    F.l1_loss(x, tensor([1.0, 0.0]), reduction="sum").backward()
    assert x.grad.tolist() == [0, 1]


def test_divergence(leaf: Callable[..., Tensor]) -> None:
    x, t = F.log_softmax(leaf(3, 4), 1), F.softmax(leaf(3, 4), 1)
    p, q = np.exp(x.detach().numpy()), t.detach().numpy()
    expected = (q * np.log(q / p)).sum() / 3
    for y in (
        F.kl_div(x, t, reduction="batchmean"),
        F.kl_div(x, t.log(), reduction="batchmean", log_target=True),
        nn.KLDivLoss(reduction="batchmean", log_target=True)(x, t.log()),
    ):
        assert y.item() == pytest.approx(expected, rel=1e-12)
    assert F.kl_div(t.log(), t, reduction="batchmean").item() == pytest.approx(0, abs=1e-12)
    assert gradcheck(lambda x, t: F.kl_div(x, t, log_target=True), (leaf(3, 4), leaf(3, 4)))


def test_an_impossible_event_that_does_not_happen_costs_nothing() -> None:
    x = tensor([[-1.0, -2.0]], requires_grad=True)
    y = F.kl_div(x, tensor([[1.0, 0.0]]), reduction="sum")
    assert y.item() == 1.0
    y.backward()
    assert x.grad.tolist() == [[-1, 0]]

"""Binary cross-entropy, of probabilities and of scores of any size."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tt_nn as nn
import tt_nn.functional as F
from tt_autograd import gradcheck, gradgradcheck
from tt_tensor import Tensor, float64, ones, tensor, zeros

T = np.array([[0.0, 1.0, 0.3], [1.0, 0.0, 0.9]])
REDUCE: dict[str, Callable[[Any], Any]] = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}
WEIGHTS = [None, np.array([0.5, 2.0, 1.0]), np.array([[0.5], [2.0]]), T + 0.1]


def bce(p: Any, t: Any, positive: Any = 1.0) -> Any:
    return -(positive * t * np.log(p) + (1 - t) * np.log(1 - p))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def maybe(array: Any) -> Tensor | None:
    return None if array is None else tensor(array)


@pytest.mark.parametrize("reduction", REDUCE)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_of_probabilities(reduction: str, weight: Any, leaf: Callable[..., Tensor]) -> None:
    p = tensor(sigmoid(leaf(2, 3).detach().numpy())).requires_grad_()
    t, w = tensor(T), maybe(weight)
    expected = REDUCE[reduction](bce(p.detach().numpy(), T) * (1 if weight is None else weight))
    for y in (
        F.binary_cross_entropy(p, t, w, reduction=reduction),
        nn.BCELoss(w, reduction=reduction)(p, t),
    ):
        np.testing.assert_allclose(y.detach().numpy(), expected, 1e-12)

    def function(p: Tensor, t: Tensor) -> Tensor:
        return F.binary_cross_entropy(p, t, w, reduction=reduction)

    t = tensor(T * 0.8 + 0.1).requires_grad_()
    assert gradcheck(function, (p, t))
    assert gradgradcheck(function, (p, t))


@pytest.mark.parametrize("reduction", REDUCE)
@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("positive", [None, np.array([3.0, 0.5, 1.0])])
def test_of_scores(reduction: str, weight: Any, positive: Any, leaf: Callable[..., Tensor]) -> None:
    x, t, w, pw = leaf(2, 3), tensor(T), maybe(weight), maybe(positive)
    losses = bce(sigmoid(x.detach().numpy()), T, 1.0 if positive is None else positive)
    expected = REDUCE[reduction](losses * (1 if weight is None else weight))
    layer = nn.BCEWithLogitsLoss(w, reduction=reduction, pos_weight=pw)

    def function(x: Tensor, t: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(x, t, w, reduction=reduction, pos_weight=pw)

    for y in (function(x, t), layer(x, t)):
        np.testing.assert_allclose(y.detach().numpy(), expected, 1e-12)

    assert gradcheck(function, (x, tensor(T).requires_grad_()))
    assert gradgradcheck(function, (x, tensor(T).requires_grad_()))


def test_certain_probabilities() -> None:
    """A logarithm of 0 counts -100; the gradient is large where that is wrong, and never nan."""
    p = tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    y = F.binary_cross_entropy(p, tensor([0.0, 1.0, 1.0, 0.0]), reduction="none")
    assert y.tolist() == [0, 0, 100, 100]
    y.sum().backward()
    assert p.grad[:2].tolist() == [0, 0]
    assert p.grad[2].item() < -1e11 and p.grad[3].item() > 1e11


def test_the_slope_at_a_score_of_0_is_a_half() -> None:
    """Where |x| has a kink, the loss has none."""
    x = zeros(2, requires_grad=True)
    F.binary_cross_entropy_with_logits(x, tensor([0.0, 1.0]), reduction="sum").backward()
    assert x.grad.tolist() == [0.5, -0.5]


@given(st.floats(-700, 700), st.sampled_from([0.0, 1.0]))
def test_scores_of_any_size(score: float, target: float) -> None:
    x = tensor([score], dtype=float64, requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, tensor([target], dtype=float64))
    loss.backward()
    wrong = score if target == 0 else -score
    expected = max(wrong, 0) + math.log1p(math.exp(-abs(wrong)))
    assert loss.item() == pytest.approx(expected, rel=1e-12, abs=1e-11)
    assert x.grad.item() == pytest.approx(sigmoid(score) - target, abs=1e-12)


@pytest.mark.parametrize("function", [F.binary_cross_entropy, F.binary_cross_entropy_with_logits])
def test_dtypes_and_errors(function: Callable[..., Tensor]) -> None:
    p = (ones(2, 3) * 0.5).requires_grad_()
    y = function(p, zeros(2, 3))
    y.backward()
    assert y.dtype == p.grad.dtype == np.float32
    assert function(zeros(0), zeros(0)).isnan().item()
    with pytest.raises(ValueError, match=r"the input's shape \(2, 3\), got \(2, 1\)"):
        function(p, zeros(2, 1))
    with pytest.raises(ValueError, match="must be 'mean', 'sum' or 'none', got 'max'"):
        function(p, zeros(2, 3), reduction="max")


@pytest.mark.parametrize("bad", [1.5, -0.1, math.nan])
def test_probabilities_lie_in_0_to_1(bad: float) -> None:
    with pytest.raises(ValueError, match=r"must be probabilities, 0 to 1.*_with_logits"):
        F.binary_cross_entropy(tensor([0.5, bad]), ones(2))


def test_weights_are_buffers() -> None:
    assert list(nn.BCELoss(ones(3)).state_dict()) == ["weight"]
    both = nn.BCEWithLogitsLoss(ones(3), pos_weight=ones(3))
    assert list(both.state_dict()) == ["weight", "pos_weight"]

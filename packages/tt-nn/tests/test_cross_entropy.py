"""Cross-entropy with all its options, against sums written out."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tt_nn as nn
import tt_nn.functional as F
from tt_autograd import gradcheck, gradgradcheck
from tt_tensor import Tensor, float16, int32, ones, tensor, uint8, zeros

TARGET = np.array([0, 4, 2, 2, 1, 3])
WEIGHT = np.array([0.5, 2.0, 1.0, 0.1, 3.0])
IGNORE = {"none": -100, "some": 2}


def log_softmax(x: Any) -> Any:
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def expected_loss(
    x: Any, target: Any, weight: Any, ignore: int, reduction: str, smoothing: float
) -> Any:
    """Rows one by one."""
    logs = log_softmax(x)
    weight = np.ones(x.shape[1]) if weight is None else weight
    losses = np.zeros(len(x))
    total = 0.0
    for n, t in enumerate(target):
        if t != ignore:
            spread = np.full(x.shape[1], smoothing / x.shape[1])
            spread[t] += 1 - smoothing
            losses[n] = -(spread * weight * logs[n]).sum()
            total += weight[t]
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / total


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", IGNORE.values())
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_all_options(
    weighted: bool, ignore: int, reduction: str, smoothing: float, leaf: Callable[..., Tensor]
) -> None:
    x, target = leaf(6, 5), tensor(TARGET)
    weight = WEIGHT if weighted else None
    expected = expected_loss(x.detach().numpy(), TARGET, weight, ignore, reduction, smoothing)
    given_weight = None if weight is None else tensor(weight)

    def function(x: Tensor) -> Tensor:
        return F.cross_entropy(
            x,
            target,
            given_weight,
            ignore_index=ignore,
            reduction=reduction,
            label_smoothing=smoothing,
        )

    np.testing.assert_allclose(function(x).detach().numpy(), expected, 1e-12)
    layer = nn.CrossEntropyLoss(
        given_weight, ignore_index=ignore, reduction=reduction, label_smoothing=smoothing
    )
    np.testing.assert_allclose(layer(x, target).detach().numpy(), expected, 1e-12)
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))
    if not smoothing:
        logs = F.log_softmax(x, 1)
        np.testing.assert_allclose(
            F.nll_loss(logs, target, given_weight, ignore_index=ignore, reduction=reduction)
            .detach()
            .numpy(),
            expected,
            1e-12,
        )
        nll = nn.NLLLoss(given_weight, ignore_index=ignore, reduction=reduction)
        np.testing.assert_allclose(nll(logs, target).detach().numpy(), expected, 1e-12)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.2}, {"weight": tensor(WEIGHT)}])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_images(options: dict[str, Any], reduction: str, leaf: Callable[..., Tensor]) -> None:
    """(N, C, H, W): a class for each pixel, as if each were a row."""
    x, target = leaf(2, 5, 3, 2), tensor(np.arange(12).reshape(2, 3, 2) % 5)
    rows = x.permute(0, 2, 3, 1).reshape(12, 5)
    one = F.cross_entropy(x, target, reduction=reduction, **options)
    other = F.cross_entropy(rows, target.reshape(12), reduction=reduction, **options)
    assert one.shape == (target.shape if reduction == "none" else ())
    np.testing.assert_allclose(one.detach().numpy().ravel(), other.detach().numpy().ravel(), 1e-12)
    assert gradcheck(lambda x: F.cross_entropy(x, target, reduction=reduction, **options), (x,))


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_single_row(reduction: str, leaf: Callable[..., Tensor]) -> None:
    x = leaf(5)
    y = F.cross_entropy(x, tensor(3), reduction=reduction)
    assert y.shape == ()
    assert y.item() == pytest.approx(-log_softmax(x.detach().numpy())[3], rel=1e-12)
    assert gradcheck(lambda x: F.cross_entropy(x, tensor(3), reduction=reduction), (x,))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_probabilities_as_targets(
    reduction: str, smoothing: float, weighted: bool, leaf: Callable[..., Tensor]
) -> None:
    x, t = leaf(6, 5), F.softmax(leaf(6, 5).detach(), 1)
    weight = tensor(WEIGHT) if weighted else None
    mixed = (t.numpy() * (1 - smoothing) + smoothing / 5) * (WEIGHT if weighted else 1)
    losses = -(mixed * log_softmax(x.detach().numpy())).sum(1)
    expected = {"mean": losses.mean(), "sum": losses.sum(), "none": losses}[reduction]

    def function(x: Tensor, t: Tensor) -> Tensor:
        return F.cross_entropy(x, t, weight, reduction=reduction, label_smoothing=smoothing)

    np.testing.assert_allclose(function(x, t).detach().numpy(), expected, 1e-12)
    assert gradcheck(function, (x, t.detach().requires_grad_()))
    pixels, shares = leaf(2, 5, 3), F.softmax(leaf(2, 5, 3).detach(), 1)
    assert gradcheck(lambda x: function(x, shares), (pixels,))
    assert function(pixels, shares).shape == ((2, 3) if reduction == "none" else ())


def test_certainty_as_a_probability_is_a_class(leaf: Callable[..., Tensor]) -> None:
    x, target = leaf(6, 5), tensor(TARGET)
    certain = F.one_hot(target, 5).double()
    one, other = F.cross_entropy(x, certain), F.cross_entropy(x, target)
    assert one.item() == pytest.approx(other.item(), rel=1e-12)


@given(st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=2, max_size=5))
def test_never_negative_and_never_nan(scores: list[float]) -> None:
    for target in range(len(scores)):
        loss = F.cross_entropy(tensor([scores]), tensor([target])).item()
        assert loss >= 0 and math.isfinite(loss)


def test_an_even_guess_costs_the_logarithm_of_the_classes() -> None:
    assert F.cross_entropy(zeros(3, 50), tensor([0, 7, 49])).item() == pytest.approx(math.log(50))


def test_many_rows_are_taken_in_blocks(leaf: Callable[..., Tensor]) -> None:
    x = leaf(900, 200)
    target = tensor(np.arange(900) % 200)
    F.cross_entropy(x, target).backward()
    p = np.exp(log_softmax(x.detach().numpy()))
    p[np.arange(900), target.numpy()] -= 1
    np.testing.assert_allclose(x.grad.numpy(), p / 900, 1e-9, 1e-15)


# --- rows that do not count -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"weight": tensor(WEIGHT).float()}, {"label_smoothing": 0.1}]
)
def test_all_rows_ignored(options: dict[str, Any]) -> None:
    """The mean of nothing is nan, its gradient is 0; the sum is 0."""
    x, target = ones(3, 5, requires_grad=True), tensor([-100] * 3)
    loss = F.cross_entropy(x, target, **options)
    assert loss.isnan().item()
    loss.backward()
    assert x.grad.tolist() == zeros(3, 5).tolist()
    assert F.cross_entropy(x, target, reduction="sum", **options).item() == 0
    assert F.cross_entropy(x, target, reduction="none", **options).tolist() == [0, 0, 0]


def test_no_rows() -> None:
    x, target = zeros(0, 5), zeros(0).long()
    assert F.cross_entropy(x, target).isnan().item()
    assert F.cross_entropy(x, target, reduction="sum").item() == 0
    assert F.cross_entropy(x, target, reduction="none").shape == (0,)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", [{}, {"weight": ones(3)}])
def test_an_ignored_row_may_hold_anything(reduction: str, options: dict[str, Any]) -> None:
    x = tensor([[-math.inf, 1.0, 2.0], [1.0, 2.0, 3.0]], requires_grad=True)
    loss = F.cross_entropy(x, tensor([-1, 2]), ignore_index=-1, reduction=reduction, **options)
    loss.sum().backward()
    assert loss.sum().item() == pytest.approx(-log_softmax(np.array([1.0, 2, 3]))[2], rel=1e-6)
    assert x.grad[0].tolist() == [0, 0, 0] and x.grad.isfinite().all()


# --- dtypes and errors ----------------------------------------------------------------------------


def test_dtypes() -> None:
    for dtype in (float16, np.float32, np.float64):
        x = ones(2, 3, dtype=dtype).requires_grad_()
        for options in ({}, {"weight": ones(3, dtype=dtype)}, {"reduction": "none"}):
            y = F.cross_entropy(x, tensor([0, 1]), **options)
            y.sum().backward()
            assert y.dtype == x.grad.dtype == dtype
    for integer in (int32, uint8):
        assert F.cross_entropy(ones(2, 3), tensor([0, 1], dtype=integer)).dtype == np.float32


@pytest.mark.parametrize("function", [F.cross_entropy, F.nll_loss])
def test_errors(function: Callable[..., Tensor]) -> None:
    x = ones(3, 5)
    for bad in (5, -1):
        with pytest.raises(
            IndexError, match=f"target {bad} is out of range; expected a class, 0 to 4"
        ):
            function(x, tensor([0, bad, 1]))
        with pytest.raises(IndexError, match="ignore_index=-100"):
            function(x, tensor([0, bad, 1]), reduction="none")
    with pytest.raises(ValueError, match=r"target must have shape \(3,\); got \(2,\)"):
        function(x, tensor([0, 1]))
    with pytest.raises(ValueError, match=r"target must have shape \(2, 3\); got \(2,\)"):
        function(ones(2, 5, 3), tensor([0, 1]))
    with pytest.raises(ValueError, match=r"weight for each of 5 classes, got shape \(4,\)"):
        function(x, tensor([0, 1, 2]), ones(4))
    with pytest.raises(ValueError, match="must be 'mean', 'sum' or 'none', got 'all'"):
        function(x, tensor([0, 1, 2]), reduction="all")
    with pytest.raises(TypeError, match="input must be floating, got int64"):
        function(tensor([[1, 2]]), tensor([0]))
    with pytest.raises(TypeError, match="must be integers, got bool"):
        function(x, tensor([True, False, True]))


def test_errors_of_cross_entropy_alone() -> None:
    for bad in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"must lie in 0 to 1, got {bad}"):
            F.cross_entropy(ones(1, 2), tensor([0]), label_smoothing=bad)
    with pytest.raises(ValueError, match=r"the input's shape \(3, 5\), got \(3,\)"):
        F.cross_entropy(ones(3, 5), ones(3))
    with pytest.raises(TypeError, match="must be integers, got float32"):
        F.nll_loss(ones(3, 5), ones(3))


def test_weights_are_buffers() -> None:
    for layer in (nn.CrossEntropyLoss(ones(3)), nn.NLLLoss(ones(3))):
        assert list(layer.state_dict()) == ["weight"] and not list(layer.parameters())
        assert layer.double().weight.dtype == np.float64
    assert not nn.CrossEntropyLoss().state_dict()

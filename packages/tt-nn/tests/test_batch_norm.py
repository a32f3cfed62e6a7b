"""Batch and group normalisation: values, running statistics, gradients, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tt_nn as nn
import tt_nn.functional as F
from tt_autograd import gradcheck, gradgradcheck
from tt_tensor import Tensor, float16, float64, manual_seed, ones, randn, zeros

SHAPES = [(5, 3), (4, 3, 2), (2, 3, 4, 5), (3, 1, 2, 2)]
each_shape = pytest.mark.parametrize("shape", SHAPES)


def over(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (0, *range(2, len(shape)))


def column(values: Any, shape: tuple[int, ...]) -> Any:
    return np.asarray(values).reshape(-1, *(1,) * (len(shape) - 2))


@each_shape
@pytest.mark.parametrize("given", ["", "weight", "bias", "both"])
def test_batch_norm(shape: tuple[int, ...], given: str, leaf: Callable[..., Tensor]) -> None:
    x = leaf(*shape)
    w = leaf(shape[1]) if given in ("weight", "both") else None
    b = leaf(shape[1]) if given in ("bias", "both") else None
    a, axes = x.detach().numpy(), over(shape)
    expected = (a - a.mean(axes, keepdims=True)) / np.sqrt(a.var(axes, keepdims=True) + 1e-3)
    expected = expected if w is None else expected * column(w.detach().numpy(), shape)
    expected = expected if b is None else expected + column(b.detach().numpy(), shape)
    y = F.batch_norm(x, None, None, w, b, training=True, eps=1e-3)
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-10, 1e-12)

    def function(*inputs: Tensor) -> Tensor:
        rest = list(inputs[1:])
        weight = rest.pop(0) if w is not None else None
        bias = rest.pop(0) if rest else None
        return F.batch_norm(inputs[0], None, None, weight, bias, training=True, eps=1e-3)

    inputs = tuple(t for t in (x, w, b) if t is not None)
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


@each_shape
def test_evaluation_uses_the_running_statistics(
    shape: tuple[int, ...], leaf: Callable[..., Tensor]
) -> None:
    x, w, b = leaf(*shape), leaf(shape[1]), leaf(shape[1])
    mean, var = leaf(shape[1]).detach(), leaf(shape[1]).detach().square() + 0.5
    a = x.detach().numpy()
    scale = column(w.detach().numpy() / np.sqrt(var.numpy() + 1e-5), shape)
    expected = (a - column(mean.numpy(), shape)) * scale + column(b.detach().numpy(), shape)
    y = F.batch_norm(x, mean, var, w, b)
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-10, 1e-12)
    plain = F.batch_norm(x, mean, var).detach().numpy()
    scaled = plain * column(w.detach().numpy(), shape) + column(b.detach().numpy(), shape)
    np.testing.assert_allclose(scaled, expected, 1e-10, 1e-12)
    assert gradcheck(lambda x, w, b: F.batch_norm(x, mean, var, w, b), (x, w, b))


def test_many_channels_and_long_rows() -> None:
    """More than the kernel takes at once, and far from zero."""
    x = randn(64, 40, 30, dtype=float64) * 3 + 1000
    y = F.batch_norm(x, None, None, training=True).numpy()
    np.testing.assert_allclose(y.mean((0, 2)), 0, atol=1e-10)
    np.testing.assert_allclose(y.var((0, 2)), 1, atol=1e-4)
    single = F.batch_norm(x.float(), None, None, training=True)
    np.testing.assert_allclose(single.numpy(), y, atol=2e-4)


def test_running_statistics_follow() -> None:
    layer = nn.BatchNorm1d(3, momentum=0.25)
    mean, var = np.zeros(3), np.ones(3)
    for batch in range(1, 5):
        x = randn(6, 3) * batch + batch
        layer(x)
        mean = 0.75 * mean + 0.25 * x.numpy().mean(0)
        var = 0.75 * var + 0.25 * x.numpy().var(0, ddof=1)
        np.testing.assert_allclose(layer.running_mean.numpy(), mean, 1e-5, 1e-6)
        np.testing.assert_allclose(layer.running_var.numpy(), var, 1e-5, 1e-6)
        assert layer.num_batches_tracked.item() == batch
    layer.eval()
    before = layer.running_mean.tolist()
    layer(randn(6, 3))
    assert layer.running_mean.tolist() == before
    assert layer.num_batches_tracked.item() == 4
    layer.reset_running_stats()
    assert layer.running_mean.tolist() == [0] * 3
    assert layer.running_var.tolist() == [1] * 3
    assert layer.num_batches_tracked.item() == 0


def test_without_momentum_every_batch_weighs_the_same() -> None:
    layer = nn.BatchNorm2d(2, momentum=None)
    batches = [randn(3, 2, 4, 4) + i for i in range(5)]
    for x in batches:
        layer(x)
    means = np.mean([x.numpy().mean((0, 2, 3)) for x in batches], 0)
    variances = np.mean([x.numpy().var((0, 2, 3), ddof=1) for x in batches], 0)
    np.testing.assert_allclose(layer.running_mean.numpy(), means, 1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), variances, 1e-5)


def test_without_running_statistics_evaluation_is_training() -> None:
    layer = nn.BatchNorm1d(3, track_running_stats=False)
    assert list(layer.state_dict()) == ["weight", "bias"]
    x = randn(4, 3)
    assert layer(x).tolist() == layer.eval()(x).tolist()


def test_a_graph_notices_that_running_statistics_moved() -> None:
    """Evaluation recorded, then a training step: the gradient must not use the new statistics."""
    layer = nn.BatchNorm1d(3).eval()
    x = randn(4, 3)
    layer(x).sum().backward()
    expected = layer.weight.grad.tolist()
    layer.weight.grad = None
    out = layer(x).sum()
    layer.train()(randn(4, 3) + 5)
    try:
        out.backward()
    except RuntimeError as error:
        assert "changed in place" in str(error)
    else:
        assert layer.weight.grad.tolist() == expected


def test_layers() -> None:
    layer = nn.BatchNorm2d(3)
    assert list(layer.state_dict()) == [
        "weight",
        "bias",
        "running_mean",
        "running_var",
        "num_batches_tracked",
    ]
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert str(layer.num_batches_tracked.dtype) == "int64"
    assert repr(layer) == (
        "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
    )
    assert "weight" not in nn.BatchNorm1d(3, affine=False).state_dict()
    assert "bias" not in nn.BatchNorm1d(3, bias=False).state_dict()
    assert nn.BatchNorm1d(3, bias=False)(randn(2, 3, 4)).shape == (2, 3, 4)
    double = nn.BatchNorm2d(3).double()
    assert double(randn(2, 3, 2, 2).double()).dtype == float64
    assert str(double.num_batches_tracked.dtype) == "int64"
    other = nn.BatchNorm2d(3)
    layer(randn(2, 3, 4, 4))
    other.load_state_dict(layer.state_dict())
    x = randn(2, 3, 4, 4)
    assert other.eval()(x).tolist() == layer.eval()(x).tolist()


def test_half_precision() -> None:
    x = randn(8, 3)
    y = F.batch_norm(x.to(float16), None, None, training=True)
    assert y.dtype == float16
    np.testing.assert_allclose(
        y.numpy(), F.batch_norm(x, None, None, training=True).numpy(), 0.05, 0.05
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.BatchNorm1d(3)(ones(1, 3)), r"more than 1 value per channel .* \(1, 3\).*eval"),
        (lambda: nn.BatchNorm2d(3)(ones(1, 3, 1, 1)), "more than 1 value per channel"),
        (lambda: nn.BatchNorm2d(3)(ones(2, 3)), r"BatchNorm2d: expected x of shape \(N, C, H, W\)"),
        (
            lambda: nn.BatchNorm1d(3)(ones(3)),
            r"BatchNorm1d: .* \(N, C\) or \(N, C, L\), got \(3,\)",
        ),
        (lambda: nn.BatchNorm2d(3)(ones(2, 4, 2, 2)), r"expected running_mean of shape \(4,\)"),
        (lambda: nn.BatchNorm2d(0), "num_features must be above 0, got 0"),
        (lambda: F.batch_norm(ones(2, 3), None, None), "expected running_mean and running_var"),
        (lambda: F.batch_norm(ones(2, 3), zeros(3), None), "both running_mean and running_var"),
        (
            lambda: F.batch_norm(ones(2, 3), None, None, ones(2), training=True),
            r"expected weight of shape \(3,\).*got \(2,\)",
        ),
        (lambda: F.batch_norm(ones(3), None, None, training=True), r"expected x of shape \(N, C"),
        (lambda: F.group_norm(ones(2, 6), 4), "6 channels .* evenly to 4 groups"),
        (lambda: F.group_norm(ones(2, 6), 0), "evenly to 0 groups"),
        (lambda: F.group_norm(ones(6), 2), r"expected x of shape \(N, C, ...\), got \(6,\)"),
        (lambda: F.group_norm(ones(1, 6), 6), "more than 1 value per group"),
        (lambda: F.group_norm(ones(2, 6), 3, ones(3)), r"expected weight of shape \(6,\)"),
        (lambda: nn.GroupNorm(4, 6), "num_channels must be divisible by num_groups.*6 and 4"),
    ],
)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_the_wrong_type() -> None:
    with pytest.raises(
        TypeError, match=r"x is float64 and running_mean float32.*x.to\('float32'\)"
    ):
        nn.BatchNorm1d(3)(ones(2, 3).double())
    for call in (
        lambda: F.batch_norm(ones(2, 3).long(), None, None, training=True),
        lambda: F.group_norm(ones(2, 3).long(), 3),
    ):
        with pytest.raises(TypeError, match="needs a floating dtype"):
            call()


def test_nothing_in_nothing_out() -> None:
    x = zeros(0, 3, 2, 2, requires_grad=True)
    layer = nn.BatchNorm2d(3)
    layer(x).sum().backward()
    assert x.grad.shape == x.shape
    assert layer.weight.grad.tolist() == [0] * 3
    assert layer.running_mean.tolist() == [0] * 3
    assert layer.running_var.tolist() == [1] * 3
    assert F.group_norm(x, 3).shape == x.shape


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("shape", [(4, 6), (2, 6, 3), (2, 6, 2, 3)])
def test_group_norm(groups: int, shape: tuple[int, ...], leaf: Callable[..., Tensor]) -> None:
    x, w, b = leaf(*shape), leaf(6), leaf(6)
    a = x.detach().numpy().reshape(shape[0], groups, -1)
    centred = a - a.mean(2, keepdims=True)
    plain = (centred / np.sqrt(centred.var(2, keepdims=True) + 1e-3)).reshape(shape)
    expected = plain * column(w.detach().numpy(), shape) + column(b.detach().numpy(), shape)
    y = F.group_norm(x, groups, w, b, 1e-3)
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-10, 1e-12)
    np.testing.assert_allclose(F.group_norm(x, groups, eps=1e-3).detach().numpy(), plain, 1e-10)
    if len(shape) > 2 or groups < 6:  # what is always 0 has no derivative worth checking
        assert gradcheck(lambda x, w, b: F.group_norm(x, groups, w, b, 1e-3), (x, w, b))
        assert gradgradcheck(lambda x, w, b: F.group_norm(x, groups, w, b, 1e-3), (x, w, b))


def test_group_norm_layer() -> None:
    layer = nn.GroupNorm(2, 6, eps=0.1)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert repr(layer) == "GroupNorm(2, 6, eps=0.1, affine=True, bias=True)"
    x = randn(3, 6, 4)
    assert layer(x).tolist() == layer.eval()(x).tolist()
    assert layer(x)[1:].tolist() == layer(x[1:]).tolist()  # the batch plays no part
    assert list(nn.GroupNorm(2, 6, affine=False).state_dict()) == []
    assert list(nn.GroupNorm(2, 6, bias=False).state_dict()) == ["weight"]


def test_dropout2d_drops_whole_channels() -> None:
    x = ones(20, 30, 3, 2)
    y = nn.Dropout2d(0.25)(x).numpy()
    assert {round(v, 4) for v in np.unique(y).tolist()} == {0.0, 1.3333}
    assert (y == y[:, :, :1, :1]).all()
    assert 0.65 < (y[:, :, 0, 0] > 0).mean() < 0.85
    manual_seed(1)
    first = F.dropout2d(x, 0.5).tolist()
    manual_seed(1)
    assert F.dropout2d(x, 0.5).tolist() == first
    assert nn.Dropout2d(0.5).eval()(x) is x
    assert F.dropout2d(x, 1.0).numpy().max() == 0
    with pytest.raises(ValueError, match=r"dropout2d: expected x of shape \(N, C, H, W\)"):
        F.dropout2d(x[0], 0.5)
    with pytest.raises(ValueError, match="Dropout2d: the probability"):
        nn.Dropout2d(1.5)

"""Random settings of convolution, pooling and normalisation: the same values and gradients.

What PyTorch refuses is refused here, too.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

import tt_nn.functional as ours
import tt_tensor

torch = pytest.importorskip("torch")
theirs = torch.nn.functional

many = settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's own notices


def tensors(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


def agree(function: Callable[..., Any], *arrays: Any) -> None:
    """``function(F, *leaves)`` gives the same results and gradients, or is refused, by both."""
    leaves = [tt_tensor.from_numpy(a.copy()).requires_grad_() for a in arrays]
    their_leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    try:
        expected = tensors(function(theirs, *their_leaves))
    except (RuntimeError, ValueError):
        with pytest.raises((RuntimeError, ValueError)):
            function(ours, *leaves)
        return
    # where PyTorch finds no pixel in a window, its gradient goes to some pixel outside
    assume(not any(torch.isneginf(y).any() for y in expected if y.is_floating_point()))
    results = tensors(function(ours, *leaves))
    for y, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(y.detach().numpy(), wanted.detach().numpy(), 1e-9, 1e-9)
    start = np.cos(np.arange(expected[0].numel()) + 1.0).reshape(tuple(expected[0].shape))
    results[0].backward(tt_tensor.from_numpy(start))
    expected[0].backward(torch.from_numpy(start))
    for leaf, wanted in zip(leaves, their_leaves, strict=True):
        np.testing.assert_allclose(leaf.grad.numpy(), wanted.grad.numpy(), 1e-9, 1e-9)


def pair(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


def numbers(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


paddings = st.one_of(pair(0, 3), st.sampled_from(["same", "valid"]))
batches = st.sampled_from([0, 1, 2, 3, 17])


@many
@given(
    batch=batches,
    groups=st.integers(1, 3),
    channels=pair(1, 3),
    size=pair(1, 9),
    kernel=pair(1, 4),
    stride=pair(1, 3),
    padding=paddings,
    dilation=pair(1, 3),
    bias=st.booleans(),
    single=st.booleans(),
)
def test_convolution(
    batch: int,
    groups: int,
    channels: tuple[int, int],
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: Any,
    dilation: tuple[int, int],
    bias: bool,
    single: bool,
) -> None:
    c, o = channels
    stride = (1, 1) if padding == "same" else stride
    x = numbers(batch, c * groups, *size)
    x = x[0] if single and batch else x
    weight, shift = numbers(o * groups, c, *kernel), [numbers(o * groups)] if bias else []
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    agree(lambda F, *operands: F.conv2d(*operands, **options), x, weight, *shift)
    along = {k: v if isinstance(v, (str, int)) else v[1] for k, v in options.items()}
    agree(
        lambda F, *operands: F.conv1d(*operands, **along), x[..., 0, :], weight[..., 0, :], *shift
    )


@many
@given(
    batch=batches,
    size=pair(1, 9),
    kernel=pair(1, 4),
    stride=st.one_of(st.none(), pair(1, 3)),
    padding=pair(0, 2),
    dilation=pair(1, 3),
    ceil_mode=st.booleans(),
    indices=st.booleans(),
    kind=st.sampled_from(["smooth", "ties", "nan"]),
)
def test_max_pooling(
    batch: int,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: Any,
    padding: tuple[int, int],
    dilation: tuple[int, int],
    ceil_mode: bool,
    indices: bool,
    kind: str,
) -> None:
    x = numbers(batch, 3, *size)
    x = np.round(x) if kind == "ties" else np.where(x > 1.2, np.nan, x) if kind == "nan" else x
    window = (kernel, stride, padding, dilation, ceil_mode, indices)
    agree(lambda F, x: F.max_pool2d(x, *window), x)


@many
@given(
    batch=batches,
    size=pair(1, 9),
    kernel=pair(1, 4),
    stride=st.one_of(st.none(), pair(1, 4)),
    padding=pair(0, 2),
    ceil_mode=st.booleans(),
    include=st.booleans(),
    divisor=st.sampled_from([None, None, 3, -2]),
)
def test_average_pooling(
    batch: int,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: Any,
    padding: tuple[int, int],
    ceil_mode: bool,
    include: bool,
    divisor: Any,
) -> None:
    window = (kernel, stride, padding, ceil_mode, include, divisor)
    agree(lambda F, x: F.avg_pool2d(x, *window), numbers(batch, 3, *size))


@many
@given(batch=batches, size=pair(1, 9), count=pair(1, 9), indices=st.booleans())
def test_adaptive_pooling(
    batch: int, size: tuple[int, int], count: tuple[int, int], indices: bool
) -> None:
    x = numbers(batch, 3, *size)
    agree(lambda F, x: F.adaptive_avg_pool2d(x, count), x)
    agree(lambda F, x: F.adaptive_max_pool2d(x, count, return_indices=indices), np.round(x))


@many
@given(
    batch=batches,
    channels=st.integers(1, 4),
    size=st.lists(st.integers(1, 5), max_size=2),
    affine=st.sampled_from(["", "weight", "bias", "both"]),
    training=st.booleans(),
    tracked=st.booleans(),
    momentum=st.floats(0, 1),
)
def test_batch_norm(
    batch: int,
    channels: int,
    size: list[int],
    affine: str,
    training: bool,
    tracked: bool,
    momentum: float,
) -> None:
    mean, var = numbers(channels), np.abs(numbers(channels)) + 0.1
    after = []

    def function(F: Any, x: Any, *rest: Any) -> Any:
        operands = list(rest)
        weight = operands.pop(0) if affine in ("weight", "both") else None
        bias = operands.pop(0) if operands else None
        framework = tt_tensor if F is ours else torch
        running = [framework.from_numpy(a.copy()) for a in (mean, var)]
        given = running if tracked or not training else [None, None]
        y = F.batch_norm(x, *given, weight, bias, training, momentum, 1e-3)
        after.append([a.numpy() for a in running])
        return y

    more = [numbers(channels)] * (2 if affine == "both" else bool(affine))
    agree(function, numbers(batch, channels, *size), *more)
    if batch and len(after) == 2:  # of an empty batch PyTorch leaves NaNs
        np.testing.assert_allclose(after[1], after[0], 1e-9, 1e-9)


@many
@given(
    batch=st.integers(1, 4),
    groups=st.integers(1, 3),
    channels=st.integers(1, 3),
    size=st.lists(st.integers(1, 5), max_size=2),
    affine=st.booleans(),
)
def test_group_norm(batch: int, groups: int, channels: int, size: list[int], affine: bool) -> None:
    c = groups * channels
    more = [numbers(c), numbers(c)] if affine else []
    agree(
        lambda F, x, *rest: F.group_norm(x, groups, *rest, eps=1e-3),
        numbers(batch, c, *size),
        *more,
    )


def network(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, groups=2),
        nn.GroupNorm(3, 12),
        nn.AvgPool2d(2, 1),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 5),
    )


def test_training_a_network_step_by_step() -> None:
    """The same losses for 20 steps, and then the same answers in evaluation."""
    import tt_nn

    nets = [network(tt_nn).double(), network(torch.nn).double()]
    nets[1].load_state_dict({k: torch.tensor(v.numpy()) for k, v in nets[0].state_dict().items()})
    x, y = numbers(16, 3, 12, 12), np.arange(16) % 5
    answers = []
    for net, framework, F in zip(nets, (tt_tensor, torch), (ours, theirs), strict=True):
        images, classes = framework.from_numpy(x), framework.from_numpy(y)
        losses = []
        for _ in range(20):
            loss = F.cross_entropy(net(images), classes)
            loss.backward()
            for p in net.parameters():
                p.data -= p.grad * 0.1
                p.grad = None
            losses.append(loss.item())
        answers.append((losses, net.eval()(images).detach().numpy()))
    assert answers[0][0][-1] < answers[0][0][0] / 2
    np.testing.assert_allclose(answers[0][0], answers[1][0], 1e-9)
    np.testing.assert_allclose(answers[0][1], answers[1][1], 1e-8, 1e-8)

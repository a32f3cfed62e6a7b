"""Pooling: the windows one by one, ties, NaNs, sizes, and what is refused."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

import tt_nn as nn
import tt_nn.functional as F
from tt_autograd import gradcheck, gradgradcheck
from tt_tensor import Tensor, arange, float16, float32, from_numpy, ones, randn, tensor, zeros


def windows(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> list[list[int]]:
    """The pixels of each window along one dim, those of the padding too."""
    found = []
    start = -padding
    while True:
        pixels = [start + i * dilation for i in range(kernel)]
        fits = pixels[-1] < size + padding
        partly = ceil_mode and start < size and pixels[-1] - stride < size + padding - 1
        if not (fits or partly):
            return found
        found.append(pixels)
        start += stride


def one_by_one(x: Any, rows: list[list[int]], columns: list[list[int]], pool: Any) -> Any:
    """``pool`` of the pixels of each window that are in the image, and of its rows and columns."""
    n, c, h, w = x.shape
    out = np.zeros((n, c, len(rows), len(columns)))
    for index in np.ndindex(out.shape):
        image = x[index[:2]]
        places = [(r, s) for r in rows[index[2]] for s in columns[index[3]]]
        inside = [image[r, s] for r, s in places if 0 <= r < h and 0 <= s < w]
        out[index] = pool(inside, rows[index[2]], columns[index[3]])
    return out


def pair(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


each_window = given(
    batch=st.integers(0, 3),
    size=pair(2, 8),
    kernel=pair(1, 4),
    stride=pair(1, 4),
    padding=pair(0, 2),
    dilation=pair(1, 2),
    ceil_mode=st.booleans(),
)


def sliding(
    size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> list[list[list[int]]]:
    """The windows of both dims; only allowed ones that find some pixel."""
    assume(all(p <= k // 2 for p, k in zip(padding, kernel, strict=True)))
    both = [
        windows(*one, ceil_mode)
        for one in zip(size, kernel, stride, padding, dilation, strict=True)
    ]
    assume(all(both))
    for found, pixels in zip(both, size, strict=True):
        assume(all(any(0 <= i < pixels for i in window) for window in found))
    return both


@settings(max_examples=80)
@each_window
def test_max_pool_is_the_largest_of_each_window(
    batch: int, size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> None:
    rows, columns = sliding(size, kernel, stride, padding, dilation, ceil_mode)
    x = np.random.default_rng(0).standard_normal((batch, 2, *size))
    leaf = from_numpy(x).requires_grad_()
    out, index = F.max_pool2d(leaf, kernel, stride, padding, dilation, ceil_mode, True)
    expected = one_by_one(x, rows, columns, lambda inside, *_: max(inside))
    np.testing.assert_array_equal(out.detach().numpy(), expected)
    flat = x.reshape(batch, 2, size[0] * size[1])
    places = index.numpy().reshape(batch, 2, expected[0, 0].size if batch else 0)
    found = np.take_along_axis(flat, places, 2)
    np.testing.assert_array_equal(found, expected.reshape(found.shape))
    (out * from_numpy(expected)).sum().backward()
    received = np.zeros_like(flat)
    for n, c in np.ndindex(batch, 2):
        np.add.at(received[n, c], places[n, c], expected[n, c].reshape(-1))
    np.testing.assert_allclose(leaf.grad.numpy().reshape(flat.shape), received, 1e-12, 1e-12)


@settings(max_examples=80)
@each_window
def test_avg_pool_is_the_mean_of_each_window(
    batch: int, size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> None:
    rows, columns = sliding(size, kernel, stride, padding, (1, 1), ceil_mode)
    x = np.random.default_rng(0).standard_normal((batch, 2, *size))

    def mean_with_padding(inside: list[float], *places: list[int]) -> float:
        counts = [
            sum(pixel < n + p for pixel in window)
            for window, n, p in zip(places, size, padding, strict=True)
        ]
        return sum(inside) / math.prod(counts)

    def mean_without(inside: list[float], *_: Any) -> float:
        return sum(inside) / len(inside)

    def own_divisor(inside: list[float], *_: Any) -> float:
        return sum(inside) / 7

    for mean, include, divisor in (
        (mean_with_padding, True, None),
        (mean_without, False, None),
        (own_divisor, True, 7),
    ):
        out = F.avg_pool2d(from_numpy(x), kernel, stride, padding, ceil_mode, include, divisor)
        np.testing.assert_allclose(out.numpy(), one_by_one(x, rows, columns, mean), 1e-12, 1e-12)


@settings(max_examples=60)
@given(size=pair(1, 9), count=pair(1, 9))
def test_adaptive_pooling_covers_the_image_with_windows(
    size: tuple[int, int], count: tuple[int, int]
) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, *size))
    rows, columns = (
        [list(range(math.floor(i * s / n), math.ceil((i + 1) * s / n))) for i in range(n)]
        for s, n in zip(size, count, strict=True)
    )
    mean = F.adaptive_avg_pool2d(from_numpy(x), count).numpy()
    top, index = F.adaptive_max_pool2d(from_numpy(x), count, return_indices=True)
    np.testing.assert_allclose(
        mean, one_by_one(x, rows, columns, lambda inside, *_: np.mean(inside)), 1e-12, 1e-12
    )
    np.testing.assert_array_equal(
        top.numpy(), one_by_one(x, rows, columns, lambda inside, *_: max(inside))
    )
    flat, places = x.reshape(2, 3, -1), index.numpy().reshape(2, 3, -1)
    found = np.take_along_axis(flat, places, 2)
    np.testing.assert_array_equal(found.reshape(top.shape), top.numpy())


def gradient(x: Tensor, *window: Any) -> list[Any]:
    leaf = x.clone().requires_grad_()
    F.max_pool2d(leaf, *window).sum().backward()
    return leaf.grad.tolist()


def test_among_equals_the_first_receives_the_gradient() -> None:
    assert gradient(zeros(1, 2, 4), 2) == [[[1, 0, 1, 0], [0, 0, 0, 0]]]
    assert gradient(tensor([[[1.0, 2.0], [2.0, 2.0]]]), 2) == [[[0, 1], [0, 0]]]
    assert gradient(tensor([[[1.0, 1.0], [2.0, 2.0]]]), 2) == [[[0, 0], [1, 0]]]
    assert gradient(ones(1, 1, 3), (1, 2), 1) == [[[1, 1, 0]]]
    assert gradient(ones(1, 1, 2) * -math.inf, (1, 2)) == [[[1, 0]]]


def test_a_pixel_in_several_windows_receives_the_sum() -> None:
    assert gradient(tensor([[[0.0, 5.0, 0.0]]]), (1, 2), 1) == [[[0, 2, 0]]]
    assert gradient(tensor([[[0.0, 5.0, 0.0, 9.0]]]), (1, 3), 1) == [[[0, 1, 0, 1]]]


def test_the_last_nan_wins_over_everything() -> None:
    nan = math.nan
    x = tensor([[[nan, 1.0, 7.0, 8.0], [2.0, nan, 9.0, 1.0]]])
    out, index = F.max_pool2d(x, 2, return_indices=True)
    assert np.isnan(out.numpy()).tolist() == [[[True, False]]]
    assert index.tolist() == [[[5, 6]]]
    assert gradient(x, 2) == [[[0, 0, 0, 0], [0, 1, 1, 0]]]


def test_an_infinite_gradient_reaches_only_the_maximum() -> None:
    leaf = tensor([[[1.0, 2.0]]], requires_grad=True)
    F.max_pool2d(leaf, (1, 2)).backward(ones(1, 1, 1) * math.inf)
    assert leaf.grad.tolist() == [[[0, math.inf]]]


def test_max_pool_of_integers() -> None:
    x = arange(16).reshape(1, 4, 4)
    assert F.max_pool2d(x - 20, 3, 2, 1).tolist() == [[[-15, -13], [-7, -5]]]
    assert F.max_pool2d(x, 2).dtype == x.dtype


def test_max_pool1d_is_max_pool2d_of_one_row(leaf: Callable[..., Tensor]) -> None:
    x = leaf(2, 3, 9)
    out, index = F.max_pool1d(x, 3, 2, 1, return_indices=True)
    image, place = F.max_pool2d(x.unsqueeze(2), (1, 3), (1, 2), (0, 1), return_indices=True)
    assert out.tolist() == image.squeeze(2).tolist()
    assert index.tolist() == place.squeeze(2).tolist()
    assert F.max_pool1d(x[0], 3).shape == (3, 3)
    assert gradcheck(lambda x: F.max_pool1d(x, 3, 2, 1, ceil_mode=True), x)


@pytest.mark.parametrize("size", [1, (2, 3), (4, 5), (None, 2)])
def test_adaptive_gradients(size: Any, leaf: Callable[..., Tensor]) -> None:
    x = leaf(2, 2, 4, 5)
    for function in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        assert gradcheck(lambda x, f=function: f(x, size), x)
        assert gradgradcheck(lambda x, f=function: f(x, size), x)


def test_without_a_batch_and_without_images() -> None:
    x = randn(2, 3, 6, 5)
    for pool in (
        lambda x: F.max_pool2d(x, 2),
        lambda x: F.avg_pool2d(x, 2),
        lambda x: F.adaptive_avg_pool2d(x, (3, 2)),
        lambda x: F.adaptive_max_pool2d(x, (3, 2)),
        lambda x: F.adaptive_max_pool2d(x, (4, 2)),
    ):
        assert pool(x[1]).tolist() == pool(x)[1].tolist()
        assert pool(x[:0]).shape == (0, *pool(x).shape[1:])
    out, index = F.max_pool2d(x[0], 2, return_indices=True)
    assert out.shape == index.shape == (3, 3, 2)
    out, index = F.adaptive_max_pool2d(x[0], (4, 2), return_indices=True)
    assert out.shape == index.shape == (3, 4, 2)


@pytest.mark.parametrize("dtype", [float32, float16])
def test_dtype_is_kept(dtype: Any) -> None:
    x = randn(2, 3, 6, 5).to(dtype)
    for y in (F.max_pool2d(x, 2), F.avg_pool2d(x, 2), F.adaptive_avg_pool2d(x, (4, 3))):
        assert y.dtype == dtype


IMAGES = ones(1, 2, 4, 4)


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5,), r"the window reaches over 5 pixels, but the padded input has only 4 of x \(1, 2, 4"),
        ((2, 1, 2), "padding may be at most half of kernel_size 2, got 2"),
        ((2, 0), "stride must be at least 1, got 0"),
        ((0,), "kernel_size must be at least 1, got 0"),
        ((2, 1, -1), "padding must be at least 0, got -1"),
        (((2, 2, 2),), "kernel_size must be one number or 2"),
    ],
)
def test_refused_windows(name: str, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: {message}"):
        getattr(F, name)(IMAGES, *arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.max_pool2d(ones(4, 4), 2), r"max_pool2d: expected x of shape \(N, C, H, W\)"),
        (lambda: F.max_pool1d(ones(4), 2), r"max_pool1d: expected x of shape \(N, C, L\)"),
        (lambda: F.max_pool1d(ones(1, 2, 4), 5), "max_pool1d: the window reaches over 5 pixels"),
        (lambda: F.max_pool2d(IMAGES, 2, dilation=4), "the window reaches over 5 pixels"),
        (lambda: F.max_pool2d(IMAGES, 2, dilation=0), "dilation must be at least 1"),
        (lambda: F.max_pool2d(IMAGES[:, :, :0], 2), "at least one pixel along each dim"),
        (lambda: F.avg_pool2d(IMAGES, 2, divisor_override=0), "divisor_override must not be 0"),
        (lambda: F.adaptive_avg_pool2d(IMAGES, 0), r"output_size must be at least 1, got \(0, 0\)"),
        (lambda: F.adaptive_max_pool2d(ones(4, 4), 2), r"expected x of shape \(N, C, H, W\)"),
    ],
)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: F.avg_pool2d(IMAGES.long(), 2),
        lambda: F.adaptive_avg_pool2d(IMAGES.long(), 2),
        lambda: F.max_pool2d(IMAGES > 0, 2),
        lambda: F.max_pool2d(IMAGES, 2.0),
    ],
)
def test_the_wrong_type(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="pool2d"):
        call()


def test_layers() -> None:
    x = randn(2, 3, 8, 6)
    assert nn.MaxPool2d(2)(x).tolist() == F.max_pool2d(x, 2).tolist()
    pool = nn.MaxPool2d((3, 2), padding=(1, 0), ceil_mode=True, return_indices=True)
    out, index = pool(x)
    assert out.shape == index.shape == (2, 3, 3, 3)
    assert repr(nn.MaxPool2d((3, 2), 1)) == (
        "MaxPool2d(kernel_size=(3, 2), stride=1, padding=0, dilation=1, ceil_mode=False)"
    )
    assert nn.MaxPool1d(2)(x[0]).tolist() == F.max_pool1d(x[0], 2).tolist()
    average = nn.AvgPool2d(3, 2, 1, count_include_pad=False)
    assert average(x).tolist() == F.avg_pool2d(x, 3, 2, 1, count_include_pad=False).tolist()
    assert repr(average) == "AvgPool2d(kernel_size=3, stride=2, padding=1)"
    whole = nn.AdaptiveAvgPool2d(1)(x)
    np.testing.assert_allclose(whole.numpy(), x.numpy().mean((2, 3), keepdims=True), 1e-5, 1e-6)
    assert nn.AdaptiveMaxPool2d(1)(x).tolist() == x.amax((2, 3), keepdim=True).tolist()
    assert repr(nn.AdaptiveMaxPool2d((1, None))) == "AdaptiveMaxPool2d(output_size=(1, None))"

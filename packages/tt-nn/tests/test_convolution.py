"""Convolution: the seven loops, hand-made kernels, shapes, and what is refused."""

import platform
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tt_nn as nn
import tt_nn.functional as F
from tt_autograd import grad, gradcheck, gradgradcheck
from tt_tensor import Tensor, float16, from_numpy, ones, randn, tensor, zeros


def seven_loops(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """Convolution as its formula says it, one multiplication at a time."""
    (n, _, h, w), (o, per_group, kh, kw) = x.shape, weight.shape
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    height = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    width = (w + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    out = np.zeros((n, o, height, width))
    for image in range(n):
        for kernel in range(o):
            first = kernel // (o // groups) * per_group  # of the kernel's group of channels
            for row in range(height):
                for column in range(width):
                    total = bias[kernel]
                    for channel in range(per_group):
                        for i in range(kh):
                            for j in range(kw):
                                y, z = row * sh + i * dh - ph, column * sw + j * dw - pw
                                if 0 <= y < h and 0 <= z < w:
                                    pixel = x[image, first + channel, y, z]
                                    total += weight[kernel, channel, i, j] * pixel
                    out[image, kernel, row, column] = total
    return out


def pair(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@settings(max_examples=60)
@given(
    batch=st.integers(0, 3),
    channels=pair(1, 2),
    groups=st.integers(1, 2),
    size=pair(5, 7),
    kernel=pair(1, 3),
    stride=pair(1, 3),
    padding=pair(0, 2),
    dilation=pair(1, 2),
)
def test_it_computes_the_seven_loops(
    batch: int,
    channels: tuple[int, int],
    groups: int,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> None:
    c, o = channels
    draw = np.random.default_rng(0)
    x = draw.standard_normal((batch, c * groups, *size))
    weight = draw.standard_normal((o * groups, c, *kernel))
    bias = draw.standard_normal(o * groups)
    out = F.conv2d(
        *(from_numpy(a) for a in (x, weight, bias)), stride, padding, dilation, groups
    ).numpy()
    expected = seven_loops(x, weight, bias, stride, padding, dilation, groups)
    np.testing.assert_allclose(out, expected, 1e-12, 1e-12)


def test_more_columns_than_are_in_work_at_a_time(leaf: Callable[..., Tensor]) -> None:
    """Pieces of rows, then one batch entry after another: the same numbers and gradients."""
    x, weight, bias = leaf(40, 24, 7, 40), leaf(5, 24, 3, 3), leaf(5)
    out = F.conv2d(x, weight, bias, padding=1)
    start = from_numpy(np.cos(np.arange(out.numel())).reshape(out.shape))
    found = grad([out], [x, weight, bias], [start])
    total = [0, 0]
    for i in range(40):
        one = x[i : i + 1].detach().requires_grad_()
        part = F.conv2d(one, weight, bias, padding=1)
        np.testing.assert_allclose(out[i : i + 1].detach(), part.detach(), 1e-11, 1e-11)
        gx, gw, gb = (g.numpy() for g in grad([part], [one, weight, bias], [start[i : i + 1]]))
        np.testing.assert_allclose(found[0].numpy()[i : i + 1], gx, 1e-11, 1e-11)
        total[0] += gw
        total[1] += gb
    np.testing.assert_allclose(found[1].numpy(), total[0], 1e-10, 1e-10)
    np.testing.assert_allclose(found[2].numpy(), total[1], 1e-10, 1e-10)


def test_kernels_made_by_hand() -> None:
    x = tensor([[[[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]]])
    assert F.conv2d(x, tensor([[[[-1.0, 1.0]]]])).tolist() == [[[[1, 2], [8, 16]]]]
    assert F.conv2d(x, tensor([[[[1.0], [1.0]]]])).tolist() == [[[[9, 18, 36]]]]
    shifted = F.conv2d(x, tensor([[[[0.0, 0.0, 1.0]]]]), padding=(0, 1))
    assert shifted.tolist() == [[[[2, 4, 0], [16, 32, 0]]]]
    assert F.conv2d(x, tensor([[[[3.0]]]]), tensor([1.0]), stride=2).tolist() == [[[[4, 13]]]]


def test_an_even_same_padding_has_one_more_at_the_end() -> None:
    x = ones(1, 1, 1, 4)
    assert F.conv2d(x, ones(1, 1, 1, 2), padding="same").tolist() == [[[[2, 2, 2, 1]]]]
    assert F.conv2d(x, ones(1, 1, 1, 4), padding="same").tolist() == [[[[3, 4, 3, 2]]]]
    assert F.conv2d(x, ones(1, 1, 1, 2), padding="valid").tolist() == [[[[2, 2, 2]]]]
    assert F.conv1d(ones(1, 1, 4), ones(1, 1, 2), padding="same").tolist() == [[[2, 2, 2, 1]]]


def test_conv1d_is_conv2d_of_one_row(leaf: Callable[..., Tensor]) -> None:
    x, weight, bias = leaf(2, 4, 9), leaf(6, 2, 3), leaf(6)
    y = F.conv1d(x, weight, bias, 2, 1, 2, 2)
    image = F.conv2d(x.unsqueeze(2), weight.unsqueeze(2), bias, (1, 2), (0, 1), (1, 2), 2).squeeze(
        2
    )
    np.testing.assert_array_equal(y.detach().numpy(), image.detach().numpy())
    assert gradcheck(lambda *t: F.conv1d(*t, 2, 1, 2, 2), (x, weight, bias))
    assert gradgradcheck(lambda *t: F.conv1d(*t, 2, 1, 2, 2), (x, weight, bias))


def test_without_a_batch() -> None:
    x, weight, bias = randn(3, 6, 5), randn(4, 3, 2, 2), randn(4)
    assert F.conv2d(x, weight, bias).tolist() == F.conv2d(x[None], weight, bias)[0].tolist()
    assert F.conv1d(x[0], weight[:, :, 0][:, [0, 1, 2, 0, 1, 2]]).shape == (4, 4)
    assert F.conv2d(x, weight).shape == (4, 5, 4)


def test_nothing_in_nothing_out() -> None:
    x, weight, bias = zeros(0, 3, 6, 5), randn(4, 3, 2, 2), randn(4)
    x.requires_grad_()
    for t in (weight, bias):
        t.requires_grad_()
    y = F.conv2d(x, weight, bias)
    y.sum().backward()
    assert y.shape == (0, 4, 5, 4)
    assert x.grad.shape == x.shape
    assert weight.grad.tolist() == zeros(4, 3, 2, 2).tolist()
    assert bias.grad.tolist() == [0] * 4


def test_the_data_needs_no_gradient(leaf: Callable[..., Tensor]) -> None:
    x, weight = leaf(2, 3, 5, 5), leaf(4, 3, 3, 3)
    (alone,) = grad([F.conv2d(x.detach(), weight).sum()], [weight])
    together = grad([F.conv2d(x, weight).sum()], [x, weight])[1]
    np.testing.assert_allclose(alone.numpy(), together.numpy(), 1e-12)


def test_what_flatten_and_view_see() -> None:
    """However it lies in memory, each item of the batch is still in order."""
    y = F.conv2d(randn(4, 3, 8, 8), randn(5, 3, 3, 3))
    assert y.view(4, -1).tolist() == y.flatten(1).tolist() == y.numpy().reshape(4, -1).tolist()
    assert y.view(-1, 5 * 36).shape == (4, 180)
    assert y.view(4, 5, 36).tolist() == y.reshape(4, 5, 36).tolist()


def test_half_precision() -> None:
    x, weight = randn(2, 3, 5, 5), randn(4, 3, 3, 3)
    y = F.conv2d(x.to(float16), weight.to(float16))
    assert y.dtype == float16
    np.testing.assert_allclose(y.numpy(), F.conv2d(x, weight).numpy(), 2e-2, 5e-2)


X, W = ones(2, 4, 5, 6), ones(6, 4, 3, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.conv2d(X, ones(6, 3, 3, 3)), r"expects 3 = 3 channels.*\(2, 4, 5, 6\) has 4"),
        (lambda: F.conv2d(X, W, groups=2), r"expects 4 · 2 groups = 8 channels.* has 4"),
        (lambda: F.conv2d(X, ones(5, 2, 3, 3), groups=2), "5 kernels cannot be shared .* 2 groups"),
        (lambda: F.conv2d(X, W, groups=0), "groups must be a whole number above 0, got 0"),
        (lambda: F.conv2d(X, ones(6, 4, 6, 3)), "reaches over 6 × 3 .* only 5 × 6. Use a smaller"),
        (lambda: F.conv2d(X, W, dilation=3), "reaches over 7 × 7 pixels"),
        (lambda: F.conv2d(X, W, stride=0), "stride must be at least 1, got 0"),
        (lambda: F.conv2d(X, W, dilation=(1, 0)), r"dilation must be at least 1, got \(1, 0\)"),
        (lambda: F.conv2d(X, W, padding=-1), "padding must be at least 0, got -1"),
        (lambda: F.conv2d(X, W, padding="sane"), "padding must be 'same', 'valid' or numbers"),
        (lambda: F.conv2d(X, W, stride=2, padding="same"), "keeps the size, so stride must be 1"),
        (lambda: F.conv2d(X, W, stride=(1, 1, 1)), r"stride must be one number or 2, got \(1, 1"),
        (lambda: F.conv2d(X[0, 0], W), r"expected x of shape \(N, C, H, W\).*got \(5, 6\).*unsqu"),
        (lambda: F.conv2d(X, W[0]), r"expected a weight \(out_channels, in_channels/groups, kh"),
        (lambda: F.conv2d(X, W[:0]), "expected a weight .* of at least one number"),
        (lambda: F.conv2d(X, W, ones(5)), r"expected a bias of shape \(6,\), got \(5,\)"),
        (lambda: F.conv2d(X[:, :, :0], W, padding=2), "at least one pixel along each dim"),
        (lambda: F.conv1d(X, ones(6, 4, 3)), r"conv1d: expected x of shape \(N, C, L\)"),
        (lambda: F.conv1d(X[0], W[0]), "conv1d: the weight .* expects 3 = 3 channels"),
    ],
)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.conv2d(X, W.double()), r"x is float32 and the weight float64.*x.to\('float64'"),
        (lambda: F.conv2d(X, W, ones(6).double()), "x is float32 and the bias float64"),
        (lambda: F.conv2d(X > 0, W > 0), "expected numbers, got bool"),
        (lambda: F.conv2d(X, W, stride=1.5), "stride must be a whole number or 2 of them, got 1.5"),
        (lambda: F.conv2d(X, W, padding=True), "padding must be a whole number"),
        (lambda: F.conv2d(X, W, dilation="2"), "dilation must be a whole number"),
    ],
)
def test_the_wrong_type(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_layers() -> None:
    conv = nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, dilation=(1, 2), groups=2)
    assert {name: p.shape for name, p in conv.named_parameters()} == {
        "weight": (6, 2, 3, 2),
        "bias": (6,),
    }
    assert conv(X).shape == (2, 6, 3, 3)
    assert repr(conv) == (
        "Conv2d(4, 6, kernel_size=(3, 2), stride=(2, 2), padding=(1, 1), dilation=(1, 2), groups=2)"
    )
    plain = nn.Conv1d(4, 6, 3, bias=False)
    assert repr(plain) == "Conv1d(4, 6, kernel_size=(3,), stride=(1,), bias=False)"
    assert list(plain.state_dict()) == ["weight"]
    assert plain(ones(2, 4, 9)).shape == (2, 6, 7)
    assert nn.Conv2d(4, 6, 3, padding="same")(X).shape == (2, 6, 5, 6)


def test_first_values_are_even_within_their_bound() -> None:
    conv = nn.Conv2d(8, 200, 5, groups=2)
    for p in conv.parameters():
        assert 0.095 < np.abs(p.detach().numpy()).max() <= 0.1  # 1/√(4 · 25)
    assert conv.weight.detach().numpy().std() == pytest.approx(0.1 / 3**0.5, rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"padding_mode": "reflect"},
            "padding_mode must be 'zeros', got 'reflect'; .*pad x before",
        ),
        ({"groups": 3}, "in_channels must be divisible by groups, got 4 and 3"),
        ({"groups": 4}, "out_channels must be divisible by groups, got 6 and 4"),
        ({"groups": 0}, "channels and groups must be above 0"),
        ({"in_channels": 0}, "channels and groups must be above 0, got in_channels=0"),
        ({"kernel_size": 0}, "kernel_size must be at least 1"),
        ({"stride": -1}, "stride must be at least 1"),
        ({"padding": "sane"}, "padding must be 'same', 'valid' or numbers"),
        ({"padding": "same", "stride": 2}, "keeps the size"),
    ],
)
def test_layers_refuse(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"Conv2d: .*{message}"):
        nn.Conv2d(**{"in_channels": 4, "out_channels": 6, "kernel_size": 3} | arguments)


def test_freed_memory_is_kept() -> None:
    """A second step finds its memory where the first left it: no page is new to the process."""
    resource = pytest.importorskip("resource")
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another C library keeps freed memory by other rules")
    x, weight = randn(64, 16, 32, 32), randn(16, 16, 3, 3, requires_grad=True)

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        F.conv2d(x, weight, padding=1).relu().sum().backward()
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

    first = faults()
    faults()
    assert min(faults() for _ in range(3)) < max(first, 1000) / 4


def test_one_product_of_all_places() -> None:
    """A kernel as large as the image is an affine map of it."""
    x, weight, bias = randn(3, 2, 4, 5), randn(6, 2, 4, 5), randn(6)
    affine = F.linear(x.flatten(1), weight.flatten(1), bias)
    np.testing.assert_allclose(
        F.conv2d(x, weight, bias).flatten(1).numpy(), affine.numpy(), 1e-4, 1e-5
    )


def test_neither_place_nor_order_of_memory_matters(leaf: Callable[..., Tensor]) -> None:
    x, weight = leaf(3, 4, 6, 5), leaf(2, 4, 3, 3)
    expected = F.conv2d(x, weight, padding=1)
    for order in product((False, True), repeat=2):
        a = x.permute(2, 3, 1, 0).contiguous().permute(3, 2, 0, 1) if order[0] else x
        b = weight.flip(0).flip(0).permute(3, 0, 2, 1).contiguous().permute(1, 3, 2, 0)
        out = F.conv2d(a, b if order[1] else weight, padding=1)
        np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), 1e-12, 1e-12)

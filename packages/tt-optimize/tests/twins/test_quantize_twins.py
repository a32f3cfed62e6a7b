"""PyTorch's quantization arithmetic and observers give the same numbers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_nn import Linear
from tt_optimize import dequantize_tensor, int8_matmul, quantize, quantize_tensor
from tt_optimize.quantize import (
    MinMaxObserver,
    MSEObserver,
    int8_conv2d,
    scale_and_zero_point,
    symmetric_scale,
)
from tt_tensor import Tensor, from_numpy

torch = pytest.importorskip("torch")
# torch.ao is on its way to a package of its own, and says so
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

SAMPLES = {
    "normal": lambda rng: rng.normal(size=5000),
    "one-sided": lambda rng: np.maximum(rng.normal(size=5000), 0),
    "shifted": lambda rng: rng.normal(3, 0.5, 5000),
    "outliers": lambda rng: np.append(rng.normal(size=5000), [30.0, -12.0]),
    "tiny": lambda rng: rng.normal(size=5000) * 1e-5,
}


@pytest.fixture(params=SAMPLES)
def x(request: Any) -> np.ndarray:
    return SAMPLES[request.param](np.random.default_rng(0)).astype(np.float32)


@pytest.mark.parametrize(("scale", "zero"), [(0.02, 0), (0.013, -37), (0.5, 100)])
def test_quantizing_a_tensor(x: np.ndarray, scale: float, zero: int) -> None:
    theirs = torch.quantize_per_tensor(torch.from_numpy(x), scale, zero, torch.qint8)
    ours = quantize_tensor(from_numpy(x), scale, zero)
    # they multiply by 1/scale: a number half-way between two may fall to the other
    off = np.abs(ours.numpy().astype(int) - theirs.int_repr().numpy().astype(int))
    assert off.max() <= 1 and (off > 0).mean() < 1e-3
    back = dequantize_tensor(from_numpy(theirs.int_repr().numpy()), scale, zero)
    assert np.allclose(back.numpy(), theirs.dequantize().numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("axis", [0, 1])
def test_quantizing_along_an_axis(axis: int) -> None:
    weight = np.random.default_rng(1).normal(size=(6, 8)).astype(np.float32)
    scale = symmetric_scale(from_numpy(weight), axis)
    theirs = torch.quantize_per_channel(
        torch.from_numpy(weight),
        torch.from_numpy(scale.numpy()),
        torch.zeros(weight.shape[axis], dtype=torch.int64),
        axis,
        torch.qint8,
    )
    ours = quantize_tensor(from_numpy(weight), scale, axis=axis)
    assert np.array_equal(ours.numpy(), theirs.int_repr().numpy())


def test_fake_quantization(x: np.ndarray) -> None:
    scale, zero = scale_and_zero_point(x.min(), x.max())
    theirs = torch.fake_quantize_per_tensor_affine(
        torch.from_numpy(x), scale.item(), zero.item(), -128, 127
    )
    ours = dequantize_tensor(quantize_tensor(from_numpy(x), scale, zero), scale, zero).numpy()
    off = np.abs(ours - theirs.numpy())
    assert off.max() <= scale.item() * 1.001 and (off > scale.item() / 2).mean() < 1e-3


def test_scale_and_zero_point_are_the_minmax_observers(x: np.ndarray) -> None:
    observer = torch.ao.quantization.MinMaxObserver(
        dtype=torch.qint8, quant_min=-128, quant_max=127
    )
    ours = MinMaxObserver()
    for part in np.array_split(x, 3):
        observer(torch.from_numpy(part))
        ours.observe(from_numpy(part))
    scale, zero = observer.calculate_qparams()
    got_scale, got_zero = scale_and_zero_point(*ours.range())
    assert got_scale.item() == pytest.approx(scale.item(), rel=1e-6)
    assert got_zero.item() == zero.item()


def test_the_mse_range_errs_no_more_than_the_histogram_observers(x: np.ndarray) -> None:
    theirs = torch.ao.quantization.HistogramObserver(dtype=torch.qint8)
    ours = MSEObserver()
    for part in np.array_split(x, 3):
        theirs(torch.from_numpy(part))
        ours.observe(from_numpy(part))

    def error(scale: Any, zero: Any) -> float:
        back = dequantize_tensor(quantize_tensor(from_numpy(x), scale, zero), scale, zero)
        return float(((back.numpy() - x) ** 2).mean())

    scale, zero = (value.item() for value in theirs.calculate_qparams())
    assert error(*scale_and_zero_point(*ours.range())) <= 1.02 * error(scale, zero)


def test_products_of_integers() -> None:
    rng = np.random.default_rng(2)
    a, b = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((32, 3000), (3000, 24)))
    theirs = torch._int_mm(torch.from_numpy(a), torch.from_numpy(b))
    assert np.array_equal(int8_matmul(from_numpy(a), from_numpy(b)).numpy(), theirs.numpy())


def test_convolution_of_integers() -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(-128, 128, (2, 200, 9, 8)).astype(np.int8)
    w = rng.integers(-128, 128, (4, 100, 3, 3)).astype(np.int8)
    theirs = torch.nn.functional.conv2d(
        torch.from_numpy(x).double(), torch.from_numpy(w).double(), None, 2, 0, 1, 2
    )
    ours = int8_conv2d(from_numpy(x), from_numpy(w), (2, 2), (1, 1), 2)
    assert np.array_equal(ours.numpy(), theirs.numpy())


def test_a_static_layer_is_theirs(x: np.ndarray) -> None:
    """Their reference: dequantized weight on the dequantized input."""
    rows = x[:4992].reshape(-1, 16)
    layer = Linear(16, 5)
    small: Any = quantize(layer, "static", calibration=[from_numpy(rows)])
    weight = torch.quantize_per_channel(
        torch.from_numpy(layer.weight.detach().numpy()),
        torch.from_numpy(small.scale.numpy()),
        torch.zeros(5, dtype=torch.int64),
        0,
        torch.qint8,
    )
    step, zero = small.input_scale.item(), small.input_zero_point.item()
    q = torch.quantize_per_tensor(torch.from_numpy(rows), step, zero, torch.qint8)
    bias = torch.from_numpy(layer.bias.detach().numpy())
    theirs = torch.nn.functional.linear(q.dequantize(), weight.dequantize(), bias).numpy()
    off = np.abs(small(from_numpy(rows)).numpy() - theirs)
    one_step = step * np.abs(layer.weight.detach().numpy()).max()
    assert off.max() <= 1.01 * one_step and np.median(off) < 1e-5 * max(1.0, np.abs(theirs).max())


def test_a_dynamic_layer_is_nearer_to_the_floats_than_theirs() -> None:
    """They have one scale for all rows and 7 bits of inputs to spare overflow; we have neither."""
    rng = np.random.default_rng(4)
    rows = (rng.normal(size=(64, 256)) * rng.uniform(0.1, 10, (64, 1))).astype(np.float32)
    layer = Linear(256, 32)
    theirs = torch.nn.Linear(256, 32)
    with torch.no_grad():
        theirs.weight.copy_(torch.from_numpy(layer.weight.detach().numpy()))
        theirs.bias.copy_(torch.from_numpy(layer.bias.detach().numpy()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            small = torch.ao.quantization.quantize_dynamic(
                torch.nn.Sequential(theirs), {torch.nn.Linear}
            )
        exact, got = theirs(torch.from_numpy(rows)).numpy(), small(torch.from_numpy(rows)).numpy()
    with no_grad():
        ours: Tensor = quantize(layer, "dynamic")(from_numpy(rows))
    assert np.abs(ours.numpy() - exact).mean() < np.abs(got - exact).mean()

"""Layers of integers compute what their dequantized weights and inputs would, in every scheme."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_nn import Conv2d, Embedding, Linear, Module, Sequential
from tt_optimize import (
    QuantizedConv2d,
    QuantizedEmbedding,
    QuantizedLinear,
    dequantize_tensor,
    quantize,
    quantize_tensor,
    size_of,
)
from tt_optimize.quantize.layers import parts
from tt_tensor import Tensor, float64, randn, tensor

CONVOLUTIONS: list[dict[str, Any]] = [
    {},
    {"padding": 1, "stride": 2},
    {"padding": "same", "dilation": 2, "bias": False},
    {"groups": 2, "padding": (1, 0)},
    {"padding": "valid"},
]
WEIGHTS = [
    {"per_channel": per_channel, "symmetric": symmetric}
    for per_channel in (True, False)
    for symmetric in (True, False)
]


def seen_by(layer: Any, x: Tensor, axes: Any) -> Tensor:
    """The input as the layer rounds it, but as floats."""
    if layer.scheme == "weight_only":
        return x
    if layer.scheme == "static":
        step, zero = layer.input_scale, layer.input_zero_point
        return dequantize_tensor(quantize_tensor(x, step, zero), step, zero)
    step = np.abs(x.numpy()).max(axes, keepdims=True) / 127
    return dequantize_tensor(quantize_tensor(x, step), step)


def restored(layer: Any) -> Tensor:
    """The layer's weight as floats."""
    zero = 0 if layer.zero_point is None else layer.zero_point
    return dequantize_tensor(layer.weight_int8, layer.scale, zero, axis=0)


def quantized(layer: Module, scheme: str, x: Tensor, **options: Any) -> Any:
    calibration = [x] if scheme == "static" else None
    return quantize(layer, scheme, calibration=calibration, **options)


@pytest.mark.parametrize("scheme", ["weight_only", "dynamic", "static"])
@pytest.mark.parametrize("options", WEIGHTS)
@pytest.mark.parametrize("bias", [True, False])
def test_linear(scheme: str, options: dict[str, bool], bias: bool) -> None:
    layer, x = Linear(40, 7, bias=bias), randn(2, 3, 40) + 0.5
    small = quantized(layer, scheme, x, **options)
    assert isinstance(small, QuantizedLinear) and small.scheme == scheme
    twin = copy.deepcopy(layer)
    twin.weight.data.copy_(restored(small))
    with no_grad():
        expected = twin(seen_by(small, x, -1)).numpy()
    assert np.abs(small(x).numpy() - expected).max() < 1e-4
    assert small(x[0, 0]).shape == (7,) and small(x[:0]).shape == (0, 3, 7)


@pytest.mark.parametrize("scheme", ["weight_only", "dynamic", "static"])
@pytest.mark.parametrize("options", WEIGHTS)
@pytest.mark.parametrize("settings", CONVOLUTIONS)
def test_convolution(scheme: str, options: dict[str, bool], settings: dict[str, Any]) -> None:
    layer, x = Conv2d(4, 6, 3, **settings), randn(2, 4, 7, 9) + 0.5
    small = quantized(layer, scheme, x, **options)
    assert isinstance(small, QuantizedConv2d) and small.scheme == scheme
    twin = copy.deepcopy(layer)
    twin.weight.data.copy_(restored(small))
    with no_grad():
        expected = twin(seen_by(small, x, (1, 2, 3))).numpy()
    got = small(x)
    assert got.dtype == np.float32
    assert np.abs(got.numpy() - expected).max() < 1e-4
    assert small(x[0]).shape == expected.shape[1:]


@pytest.mark.parametrize("options", WEIGHTS)
def test_embedding(options: dict[str, bool]) -> None:
    layer, ids = Embedding(10, 16), tensor([[1, 9], [0, 1]])
    small = quantize(layer, **options)
    assert isinstance(small, QuantizedEmbedding)
    assert np.allclose(small(ids).numpy(), restored(small).numpy()[ids.numpy()])
    assert np.array_equal(small(3).numpy(), small(tensor([0, 1, 2])).numpy())
    with pytest.raises(IndexError, match=r"0 to 9"):
        small(tensor([10]))
    with pytest.raises(TypeError, match=r"integer dtype"):
        small(tensor([1.0]))


@pytest.mark.parametrize(
    "options", [{"bits": 4}, {"bits": 4, "group_size": 7}, {"scheme": "float16"}]
)
def test_packed_layers(options: dict[str, Any]) -> None:
    linear, conv, table = Linear(50, 6), Conv2d(3, 4, 3, padding=1, stride=2), Embedding(9, 33)
    calls: list[tuple[Module, Tensor]] = [
        (linear, randn(2, 3, 50)),
        (conv, randn(2, 3, 8, 8)),
        (table, tensor([[1, 8]])),
    ]
    for layer, x in calls:
        small, twin = quantize(layer, **options), copy.deepcopy(layer)
        floats = small.rows(slice(None)).reshape(layer.weight.shape)
        peak = np.abs(layer.weight.detach().numpy()).max()
        assert np.abs(floats - layer.weight.detach().numpy()).max() < peak * 0.09
        twin.weight.data.copy_(tensor(floats))
        with no_grad():
            expected = twin(x).numpy()
        assert np.abs(small(x).numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("options", [{}, {"bits": 4}, {"scheme": "float16"}])
def test_blocks_are_the_whole(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    small, x = quantize(Linear(32, 21), **options), randn(3, 32)
    whole = small(x).numpy()
    monkeypatch.setattr(parts, "_BLOCK", 4 * 32)
    assert np.allclose(small(x).numpy(), whole, atol=1e-6)


def test_weight_only_hands_gradients_on_to_its_input() -> None:
    """So that what comes before it, or a low-rank branch beside it, can be trained."""
    small, x = quantize(Linear(32, 21)), randn(3, 32, requires_grad=True)
    small(x).sum().backward()
    assert np.allclose(x.grad.numpy(), restored(small).numpy().sum(0), atol=1e-5)
    assert not any(p.requires_grad for p in small.parameters())


@pytest.mark.parametrize("scheme", ["dynamic", "static"])
@pytest.mark.parametrize("layer", [Linear(8, 3), Conv2d(2, 3, 3)])
def test_rounded_inputs_have_no_gradient_and_say_so(scheme: str, layer: Module) -> None:
    x = randn(4, 8) if isinstance(layer, Linear) else randn(1, 2, 5, 5)
    small = quantized(layer, scheme, x)
    with pytest.raises(RuntimeError, match=r"no gradient.*quantize that"):
        small(x.requires_grad_())
    with no_grad():
        small(x * 1)


@pytest.mark.parametrize("scheme", ["dynamic", "static"])
def test_inputs_of_zeros_and_of_nan(scheme: str) -> None:
    layer = Linear(8, 3)
    small = quantized(layer, scheme, randn(4, 8))
    assert np.allclose(small(randn(2, 8) * 0).numpy(), layer.bias.detach().numpy(), atol=1e-6)
    with pytest.raises(ValueError, match=r"finite"):
        small(randn(2, 8) * float("nan"))


@pytest.mark.parametrize("peak", [1e-45, 1e-43, 1e-35, 1e38])
def test_inputs_of_any_size(peak: float) -> None:
    """Where float32 has no scale small enough for them, they count as 0."""
    layer = Linear(8, 3, bias=False)
    x = tensor(np.linspace(-peak, peak, 16, dtype=np.float32).reshape(2, 8))
    found, expected = quantized(layer, "dynamic", x)(x).numpy(), layer(x).detach().numpy()
    if peak < 1e-40:
        assert not found.any()
    else:
        np.testing.assert_allclose(found, expected, 0, 0.02 * peak)


def test_a_static_layer_cuts_what_it_was_not_calibrated_for() -> None:
    layer = Linear(1, 1, bias=False)
    small = quantize(layer, "static", calibration=[tensor([[-1.0], [1.0]])])
    far, near = small(tensor([[50.0]])).item(), small(tensor([[1.0]])).item()
    assert far == pytest.approx(near, abs=abs(near) / 50)


def test_a_copy_of_a_static_layer_with_other_weights_forgets_the_old_sums() -> None:
    x = randn(4, 8) + 3  # a zero point far from 0, so that the rows' sums count
    first, second = (quantize(Linear(8, 3), "static", calibration=[x]) for _ in range(2))
    expected = second(x).numpy()
    first(x)
    first.load_state_dict(second.state_dict())
    copied = copy.deepcopy(first)
    assert np.array_equal(copied(x).numpy(), expected)
    assert np.array_equal(first(x).numpy(), expected)


def test_wrong_shapes_are_named() -> None:
    for options in ({}, {"bits": 4}):
        with pytest.raises(ValueError, match=r"\(\.\.\., 8\), got \(2, 9\)"):
            quantize(Linear(8, 3), **options)(randn(2, 9))


def test_float64_stays_float64() -> None:
    assert quantize(Linear(8, 3))(randn(2, 8, dtype=float64)).dtype == np.float64


def test_they_show_how_they_hold_their_weights() -> None:
    text = repr(quantize(Sequential(Linear(8, 3), Conv2d(2, 3, 3)), "dynamic"))
    assert "in_features=8, out_features=3, int8, dynamic, bias=True" in text
    assert "2, 3, kernel_size=(3, 3), stride=(1, 1), int8, dynamic" in text
    assert "weight (3, 8), 4 bits" in repr(quantize(Linear(8, 3), bits=4))


def test_sizes() -> None:
    layer = Linear(1024, 512)
    whole = size_of(layer)
    assert size_of(quantize(layer)) < 0.253 * whole
    assert size_of(quantize(layer, bits=4)) < 0.143 * whole
    assert size_of(quantize(layer, bits=4, group_size=64)) < 0.135 * whole
    assert size_of(quantize(layer, "float16")) < 0.502 * whole

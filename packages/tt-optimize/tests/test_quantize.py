"""Int8 weights: really int8, really smaller, close to the floats, and shared where they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_autograd import no_grad
from tt_models import GPT, MLP, GPTConfig, generate
from tt_nn import Embedding, LayerNorm, Linear, Module, ReLU, Sequential, load, save
from tt_optimize import (
    KVCache,
    QuantizedEmbedding,
    QuantizedLinear,
    dequantize_tensor,
    quantize,
    quantize_tensor,
    size_of,
)
from tt_tensor import Tensor, manual_seed, randint, randn, tensor, uint8


def tiny_gpt() -> GPT:
    manual_seed(0)
    return GPT(GPTConfig(vocab_size=40, block_size=16, n_layer=2, n_head=2, n_embd=32)).eval()


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20), st.floats(0.01, 10))
def test_rounding_errs_by_half_a_step_within_the_range(values: list[float], scale: float) -> None:
    x = tensor(values)
    q = quantize_tensor(x, scale)
    assert q.dtype == np.int8
    back = dequantize_tensor(q, scale).numpy()
    inside = np.abs(x.numpy()) <= 127 * scale
    assert (np.abs(back - x.numpy())[inside] <= scale * 0.5001).all()
    assert (np.abs(back[~inside]) >= 126.9 * scale).all()


def test_affine_quantization_uses_the_zero_point() -> None:
    q = quantize_tensor(tensor([0.0, 0.5, 1.0]), scale=1 / 255, zero_point=0, dtype=uint8)
    assert q.dtype == np.uint8 and q.tolist() == [0, 128, 255]
    shifted = quantize_tensor(tensor([-1.0, 0.0, 1.0]), scale=1 / 127, zero_point=10)
    assert shifted.tolist() == [-117, 10, 127]
    assert dequantize_tensor(shifted, 1 / 127, 10).tolist() == pytest.approx([-1.0, 0.0, 117 / 127])


def test_a_scale_for_each_slice() -> None:
    x = tensor([[1.0, -2.0], [100.0, 50.0]])
    q = quantize_tensor(x, tensor([0.02, 1.0]), axis=0)
    assert q.tolist() == [[50, -100], [100, 50]]
    back = dequantize_tensor(q, tensor([0.02, 1.0]), axis=0).numpy()
    assert np.allclose(back, x.numpy())


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_must_be_positive(scale: float) -> None:
    with pytest.raises(ValueError, match=r"positive and finite"):
        quantize_tensor(tensor([1.0]), scale)


def test_values_must_be_finite_and_the_dtype_whole() -> None:
    with pytest.raises(ValueError, match=r"must be finite"):
        quantize_tensor(tensor([float("nan")]), 1.0)
    with pytest.raises(TypeError, match=r"integer dtype"):
        quantize_tensor(tensor([1.0]), 1.0, dtype="float32")


def test_a_linear_layer_is_close_and_a_quarter_the_size() -> None:
    manual_seed(0)
    layer = Linear(256, 128)
    small = quantize(Sequential(layer))[0]
    assert isinstance(small, QuantizedLinear) and small.weight_int8.dtype == np.int8
    x = randn(8, 256)
    with no_grad():
        exact = layer(x).numpy()
    error = np.abs(small(x).numpy() - exact)
    # each weight errs by at most half of its row's step; so do sums, by Hölder's inequality
    step = np.abs(layer.weight.detach().numpy()).max(1) / 127
    bound = 0.5 * step * np.abs(x.numpy()).sum(1, keepdims=True)
    assert (error <= bound * 1.001 + 1e-5).all()
    assert size_of(Sequential(small)) < 0.27 * size_of(Sequential(layer))


def test_an_embedding_reads_its_rows_and_checks_them() -> None:
    manual_seed(0)
    table = Embedding(10, 64)
    small = quantize(Sequential(table))[0]
    assert isinstance(small, QuantizedEmbedding)
    ids = tensor([[1, 9], [0, 1]])
    exact = table.weight.detach().numpy()[ids.numpy()]
    assert np.abs(small(ids).numpy() - exact).max() <= np.abs(exact).max() / 127
    with pytest.raises(IndexError, match=r"0 to 9"):
        small(tensor([10]))


def test_nothing_of_the_floats_is_left_and_the_model_is_untouched() -> None:
    model = MLP([64, 128, 10])
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    small = quantize(model)
    kinds = {name.rpartition(".")[2]: value.dtype for name, value in small.state_dict().items()}
    assert kinds == {"weight_int8": np.int8, "scale": np.float32, "bias": np.float32}
    assert not small.training and model.training
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), before[name])


def test_a_gpt_keeps_its_tie_and_most_of_its_choices() -> None:
    model = tiny_gpt()
    small = quantize(model)
    assert small.lm_head.weight_int8 is small.transformer["wte"].weight_int8
    x = randint(0, 40, (4, 16))
    with no_grad():
        exact = model(x)[0].numpy()
    got = small(x)[0].numpy()
    assert np.abs(got - exact).max() < 0.05 * np.abs(exact).max()
    assert size_of(small) < 0.45 * size_of(model)


def test_a_quantized_gpt_works_with_a_cache() -> None:
    small = quantize(tiny_gpt())
    prompt = tensor([[1, 2, 3]])
    with_cache = generate(small, prompt, 8, temperature=0, cache=KVCache(small))
    assert with_cache.tolist() == generate(small, prompt, 8, temperature=0).tolist()


def test_it_is_saved_as_int8(tmp_path: object) -> None:
    small, file = quantize(MLP([64, 128, 10])), f"{tmp_path}/small.safetensors"
    save(small.state_dict(), file)
    state = load(file)
    assert state["layers.0.weight_int8"].dtype == np.int8
    other = quantize(MLP([64, 128, 10]))
    other.load_state_dict(state)
    x = randn(3, 64)
    assert np.array_equal(other(x).numpy(), small(x).numpy())


def test_a_row_of_zeros_stays_zero() -> None:
    layer = Linear(4, 2, bias=False)
    with no_grad():
        layer.weight[0] = 0.0
    assert quantize(Sequential(layer))(randn(3, 4)).numpy()[:, 0].tolist() == [0.0] * 3


def test_quantizing_twice_or_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"already"):
        quantize(quantize(MLP([4, 2])))
    with pytest.raises(ValueError, match=r"no Linear or Embedding"):
        quantize(Sequential(ReLU(), LayerNorm(4)))


@pytest.mark.parametrize(("scheme", "bits"), [("static", 8), ("weight_only", 3)])
def test_what_is_not_supported_is_named(scheme: str, bits: int) -> None:
    with pytest.raises(ValueError, match=rf"{scheme}.*{bits}"):
        quantize(MLP([4, 2]), scheme=scheme, bits=bits)


def test_layers_are_found_inside_and_alone() -> None:
    class Wrapped(Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Linear(4, 2)
            self.others = [Linear(2, 2), {"last": Linear(2, 1)}]

        def forward(self, x: Tensor) -> Tensor:
            return self.others[1]["last"](self.others[0](self.inner(x)))

    small = quantize(Wrapped())
    layers = (small.inner, small.others[0], small.others[1]["last"])
    assert all(isinstance(layer, QuantizedLinear) for layer in layers)
    assert small(randn(3, 4)).shape == (3, 1)
    assert isinstance(quantize(Linear(4, 2)), QuantizedLinear)

"""Rebuilt smaller, a model computes what the large one computes without the units that are gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tt_models import CNN, GPT, MLP, GPTConfig, LeNet5, generate
from tt_nn import (
    GELU,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    Dropout,
    Flatten,
    LayerNorm,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
    SwiGLU,
    Tanh,
)
from tt_optimize import KVCache, flops, low_rank, prune
from tt_optimize.prune import couplings
from tt_tensor import Tensor, randint, randn

LLAMA: dict[str, Any] = {"norm": "rms", "mlp": "swiglu", "position": "rotary", "bias": False}


def gpt(**options: Any) -> GPT:
    sizes = {"vocab_size": 11, "block_size": 12, "n_layer": 2, "n_head": 4, "n_embd": 16}
    return GPT(GPTConfig(**{**sizes, **options}))


def lively(model: Module) -> Module:
    """Weights, norms and statistics that are not those of a fresh model; float64, to be exact."""
    model.double().eval()
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.dtype.kind == "f":
            tensor.data.copy_(randn(*tensor.shape).abs() * 0.5 + 0.1)
            if tensor.ndim > 1:
                tensor.data.mul_(randn(*tensor.shape).sign())
    return model


def without(model: Module, amount: float) -> Module:
    """The model with some of its units silenced: nothing reads them, and they weigh nothing.

    Which ones is drawn at random; as their norm is 0, they are those that `prune` will choose.
    """
    for coupling in couplings(model):
        units = np.random.default_rng(0).permutation(coupling.units)
        silent = units[: round(amount * coupling.units)]
        for cut in coupling.cuts:
            array = getattr(cut.layer, cut.name).array
            where = [slice(None)] * array.ndim
            where[cut.dim] = cut.places[silent].reshape(-1)
            array[tuple(where)] = 0.0
    return model


def output(model: Module, x: Tensor) -> np.ndarray:
    out = model(x)
    return (out[0] if isinstance(out, tuple) else out).detach().numpy()


IMAGE, ROW, TOKENS = (3, 2, 12, 12), (3, 8), (2, 9)
CASES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "MLP": (lambda: MLP([8, 12, 10, 4]), ROW),
    "CNN": (lambda: CNN(2, widths=(4, 6, 8)), IMAGE),
    "LeNet5": (lambda: LeNet5(in_channels=2, image_size=12), IMAGE),
    "GPT": (gpt, TOKENS),
    "GPT without biases": (lambda: gpt(bias=False), TOKENS),
    "Llama": (lambda: gpt(**LLAMA), TOKENS),
    "Llama, grouped queries": (lambda: gpt(**LLAMA, n_head=8, n_kv_head=4, head_dim=6), TOKENS),
    "SwiGLU": (lambda: SwiGLU(8, 20, bias=True), ROW),
    "Sequential": (
        lambda: Sequential(Linear(8, 6), Tanh(), Linear(6, 6), ReLU(), Linear(6, 2)),
        ROW,
    ),
    "units that are never 0": (lambda: Sequential(Linear(8, 6), Sigmoid(), Linear(6, 2)), ROW),
    "batch norm of rows": (
        lambda: Sequential(Linear(8, 6), BatchNorm1d(6), Dropout(0.5), GELU(), Linear(6, 3)),
        ROW,
    ),
    "flattened images": (
        lambda: Sequential(
            *(Sequential(Conv2d(2, 6, 3), BatchNorm2d(6, affine=False)), ReLU(), MaxPool2d(2)),
            *(Conv2d(6, 4, 3, padding=1, bias=False), AvgPool2d(2), Flatten(), BatchNorm1d(16)),
            *(Linear(16, 10), ReLU(), Linear(10, 3)),
        ),
        IMAGE,
    ),
    "signals": (
        lambda: Sequential(Conv1d(2, 6, 3), BatchNorm1d(6), ReLU(), Conv1d(6, 3, 3)),
        (3, 2, 12),
    ),
}


@pytest.mark.parametrize("amount", [0.25, 0.5])
@pytest.mark.parametrize("name", CASES)
def test_the_small_model_is_the_large_one_without_the_units(name: str, amount: float) -> None:
    make, shape = CASES[name]
    large = without(lively(make()), amount)
    small = prune(large, amount=amount, method="structured")
    x = randint(0, 11, shape) if shape == TOKENS else randn(*shape).double()
    assert np.allclose(output(small, x), output(large, x), rtol=1e-11, atol=1e-11)
    for before, after in zip(couplings(large), couplings(small), strict=True):
        assert after.units == before.units - round(amount * before.units) < before.units
    assert flops(small, x) < flops(large, x)


def test_whole_numbers_agree_to_the_last_bit() -> None:
    large = MLP([8, 12, 4])
    for parameter in large.parameters():
        parameter.data.copy_(randint(1, 9, parameter.shape))
    without(large, 0.5)
    x = randint(-9, 9, (5, 8)).float()
    small = prune(large, amount=0.5, method="structured")
    assert np.array_equal(output(small, x), output(large, x))


def test_what_stays_is_as_it_was_and_in_order() -> None:
    large = lively(MLP([8, 12, 4]))
    norms = np.linalg.norm(large.layers[0].weight.detach().numpy(), axis=1)
    stay = np.sort(np.argsort(norms)[-8:])
    small = prune(large, amount=1 / 3, method="structured")
    for name, index in (("weight", stay), ("bias", stay)):
        expected = getattr(large.layers[0], name).detach().numpy()[index]
        assert np.array_equal(getattr(small.layers[0], name).detach().numpy(), expected)
    expected = large.layers[2].weight.detach().numpy()[:, stay]
    assert np.array_equal(small.layers[2].weight.detach().numpy(), expected)
    assert np.array_equal(small.layers[2].bias.array, large.layers[2].bias.array)


def test_a_pruned_cnn_is_a_cnn_of_half_the_width() -> None:
    large, half = CNN(1, widths=(4, 8, 16)), CNN(1, widths=(2, 4, 8))
    small = prune(large, amount=0.5, method="structured")
    assert repr(small) == repr(half)
    half.load_state_dict(small.state_dict())
    x = randn(2, 1, 8, 8)
    assert np.array_equal(output(half.eval(), x), output(small.eval(), x))


def test_it_can_be_trained_on() -> None:
    small = prune(CNN(1, widths=(4, 8)), amount=0.5, method="structured").train()
    small(randn(4, 1, 8, 8)).sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in small.parameters())
    frozen = MLP([4, 4, 2]).requires_grad_(False)
    small = prune(frozen, amount=0.5, method="structured")
    assert not any(p.requires_grad for p in small.parameters())


@pytest.mark.parametrize("units", [("neurons",), ("heads",), ("neurons", "heads")])
@pytest.mark.parametrize("options", [{}, {**LLAMA, "n_kv_head": 2}])
def test_a_pruned_gpt_is_what_its_config_says(options: dict[str, Any], units: Any) -> None:
    large = gpt(**options).eval()
    small = prune(large, amount=0.5, method="structured", units=units)
    config = small.config
    assert (config.n_head == 2, config.kv_heads == large.config.kv_heads // 2) == (
        "heads" in units,
        "heads" in units,
    )
    assert (config.inner_size == large.config.inner_size // 2) == ("neurons" in units)
    assert config.head_size == 4 and (config.n_embd, config.n_layer) == (16, 2)
    same = GPT(config).eval()
    same.load_state_dict(small.state_dict())
    x = randint(0, 11, (2, 9))
    assert np.array_equal(output(same, x), output(small, x))
    assert large.config == gpt(**options).config
    assert (small.lm_head.weight is small.transformer["wte"].weight) == config.tie_weights


@pytest.mark.parametrize("options", [{}, {**LLAMA, "n_kv_head": 2}])
def test_a_pruned_gpt_writes_with_a_cache(options: dict[str, Any]) -> None:
    small = prune(gpt(**options).eval(), amount=0.5, method="structured")
    prompt = randint(0, 11, (1, 3))
    cache = KVCache(small)
    assert cache.keys.shape[2] == small.config.kv_heads == (1 if options else 2)
    with_cache = generate(small, prompt, 6, temperature=0, cache=cache)
    assert with_cache.tolist() == generate(small, prompt, 6, temperature=0).tolist()


def test_a_pruned_llama_is_saved_and_read_again(tmp_path: Path) -> None:
    small = prune(gpt(**LLAMA, tie_weights=False).eval(), amount=0.5, method="structured")
    small.save_pretrained(tmp_path)
    back = GPT.from_pretrained(tmp_path)
    x = randint(0, 11, (2, 9))
    assert np.array_equal(output(back, x), output(small, x))
    neurons = prune(gpt().eval(), amount=0.5, method="structured", units=("neurons",))
    neurons.save_pretrained(tmp_path / "gpt2")
    assert GPT.from_pretrained(tmp_path / "gpt2").config.intermediate_size == 32


def test_split_layers_can_still_be_pruned() -> None:
    large = lively(gpt())
    small = prune(low_rank(large, ratio=0.5), amount=0.5, method="structured")
    assert small.config.n_head == 2 and small.config.inner_size == 32
    assert output(small, randint(0, 11, (2, 9))).shape == (2, 9, 11)


def test_global_removes_more_where_units_are_small() -> None:
    model = Sequential(Linear(8, 10), ReLU(), Linear(10, 10), ReLU(), Linear(10, 2))
    for layer, small in ((model[0], 6), (model[2], 2)):
        layer.weight.data.fill_(1.0)
        layer.weight.data[:small] = 0.01
    pruned = prune(model, amount=0.4, method="structured", scope="global")
    assert [layer.out_features for layer in (pruned[0], pruned[2])] == [4, 8]
    even = prune(model, amount=0.4, method="structured")
    assert [layer.out_features for layer in (even[0], even[2])] == [6, 6]


def test_a_gpt_stays_even() -> None:
    with pytest.raises(ValueError, match=r"one size for all its layers.*scope='layer'"):
        prune(gpt(), amount=0.5, method="structured", scope="global")


def test_a_gpt_of_uneven_layers_is_refused() -> None:
    model = gpt(n_layer=3)
    model.transformer["h"][2].mlp = model.transformer["h"][1].mlp  # shared, so left alone
    with pytest.raises(ValueError, match=r"would differ in size.*units="):
        prune(model, amount=0.5, method="structured")
    small = prune(model, amount=0.5, method="structured", units=("heads",))
    assert small.config.n_head == 2 and small.config.inner_size == 64


def test_no_layer_is_left_empty() -> None:
    with pytest.raises(ValueError, match=r"leave 'layers\.2' without neurons; it has 1"):
        prune(MLP([8, 6, 1, 4]), amount=0.6, method="structured")
    with pytest.raises(ValueError, match=r"without heads; it has 2.*a smaller amount"):
        prune(gpt(n_head=2), amount=0.8, method="structured")
    model = MLP([8, 6, 6, 4])
    for index, values in ((0, [9.0, 1, 1, 1, 1, 1]), (2, [9.0, 9, 9, 9, 9, 1])):
        model.layers[index].weight.data.fill_(1.0)
        for row, value in enumerate(values):
            model.layers[index].weight.data[row] = value
    small = prune(model, amount=0.5, method="structured", scope="global")
    assert [small.layers[i].out_features for i in (0, 2)] == [1, 5]


def test_units_before_what_mixes_them_stay() -> None:
    model = Sequential(Linear(8, 6), LayerNorm(6), Linear(6, 6), ReLU(), Linear(6, 2))
    small = prune(model, amount=0.5, method="structured")
    assert [small[i].out_features for i in (0, 2, 4)] == [6, 3, 2]

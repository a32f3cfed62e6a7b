"""Two thin layers for a wide one: the best there are of their rank, and only where they pay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_models import CNN, GPT, MLP, GPTConfig, generate
from tt_nn import Conv2d, Embedding, Linear, Module, ReLU, Sequential
from tt_optimize import KVCache, low_rank, singular_values
from tt_tensor import Tensor, arange, randint, randn


def numbers(model: Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def product(layer: Sequential) -> np.ndarray:
    """The matrix that the two layers make together."""
    up, down = (half.weight.detach().numpy() for half in (layer.up, layer.down))
    if isinstance(layer.down, Embedding):
        return down @ up.T
    return up.reshape(len(up), -1) @ down.reshape(len(down), -1)


@given(st.integers(4, 30), st.integers(4, 30), st.data())
def test_the_error_is_what_the_dropped_singular_values_have(n: int, m: int, data: Any) -> None:
    rank = data.draw(st.integers(1, max(1, n * m // (n + m) - 1)))
    layer = Linear(n, m).double()
    small = low_rank(layer, rank=rank)
    weight = layer.weight.detach().numpy()
    dropped = np.linalg.svd(weight, compute_uv=False)[rank:]
    error = np.linalg.norm(weight - product(small))
    assert error == pytest.approx(np.sqrt((dropped**2).sum()), rel=1e-9)
    assert np.linalg.matrix_rank(product(small)) == rank
    x = randn(5, n).double()
    expected = x.numpy() @ product(small).T + layer.bias.detach().numpy()
    assert np.allclose(small(x).detach().numpy(), expected)


def test_no_random_factors_come_closer() -> None:
    layer = Linear(12, 10).double()
    weight = layer.weight.detach().numpy()
    best = np.linalg.norm(weight - product(low_rank(layer, rank=3)))
    for _ in range(50):
        down = randn(3, 12).double().numpy()
        up = weight @ np.linalg.pinv(down)  # the best partner of this one
        assert np.linalg.norm(weight - up @ down) > best


@pytest.mark.parametrize(
    "options",
    [{}, {"padding": 1}, {"stride": 2, "padding": (0, 2)}, {"dilation": 2, "bias": False}],
)
def test_a_convolution_is_one_to_few_channels_and_one_of_1x1(options: dict[str, Any]) -> None:
    layer = Conv2d(6, 8, 3, **options).double()
    rank_2 = Conv2d(6, 8, 3, **options).double()  # the same, but really of rank 2
    halves = low_rank(layer, rank=2)
    rank_2.load_state_dict({**layer.state_dict(), "weight": product(halves).reshape(8, 6, 3, 3)})
    x = randn(2, 6, 9, 9).double()
    assert np.allclose(halves(x).detach().numpy(), rank_2(x).detach().numpy())
    assert halves.down.weight.shape == (2, 6, 3, 3) and halves.up.weight.shape == (8, 2, 1, 1)
    dropped = singular_values(layer)[""][2:]
    difference = layer.weight.detach().numpy() - rank_2.weight.detach().numpy()
    assert np.linalg.norm(difference) == pytest.approx(np.linalg.norm(dropped))


def test_what_has_the_rank_is_not_changed() -> None:
    model = Sequential(Linear(20, 20), ReLU(), Linear(20, 20)).double()
    for layer in (model[0], model[2]):
        layer.weight.data.copy_(randn(20, 3).double() @ randn(3, 20).double())
    x = randn(4, 20).double()
    for options in ({"rank": 3}, {"energy": 1 - 1e-12}):
        small = low_rank(model, **options)
        assert small[0].down.out_features == 3
        assert np.allclose(small(x).detach().numpy(), model(x).detach().numpy())


@given(st.floats(0.05, 1.0))
def test_energy_is_explained_by_as_few_ranks_as_can_be(energy: float) -> None:
    layer = Linear(64, 64)
    values = singular_values(layer)[""] ** 2
    explained = np.cumsum(values) / values.sum()
    try:
        rank = low_rank(layer, energy=energy).down.out_features
    except ValueError:
        assert explained[30] < energy  # of rank 31, the last that pays
    else:
        assert explained[rank - 1] >= energy and (rank == 1 or explained[rank - 2] < energy)


def test_energy_1_is_full_rank() -> None:
    layer = Linear(64, 64)
    with pytest.raises(ValueError, match=r"would get smaller"):
        low_rank(layer, energy=1.0)


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.8])
def test_ratio_is_of_each_layer_s_numbers(ratio: float) -> None:
    model = MLP([64, 96, 80, 10])
    small = low_rank(model, ratio=ratio)
    for before, after in zip(model.layers, small.layers, strict=True):
        if isinstance(before, Linear):
            share = numbers(after) - after[-1].out_features if isinstance(after, Sequential) else 0
            assert share <= ratio * before.weight.numel()
            assert share > ratio * before.weight.numel() - sum(before.weight.shape)


def test_only_what_gets_smaller_is_split() -> None:
    model = Sequential(Linear(64, 64), Linear(64, 2), Conv2d(4, 4, 3, groups=4))
    small = low_rank(model, rank=8)
    assert isinstance(small[0], Sequential)
    assert type(small[1]) is Linear and type(small[2]) is Conv2d
    assert numbers(small) < numbers(model)


def test_each_layer_can_have_its_own_rank() -> None:
    model = MLP([64, 96, 80, 10])
    small = low_rank(model, rank={"layers.0": 5, "layers.2": 9})
    ranks = {name: half.out_features for name, half in small.named_modules() if "down" in name}
    assert ranks == {"layers.0.down": 5, "layers.2.down": 9}
    again = low_rank(MLP([64, 96, 80, 10]), rank={"layers.0": 5, "layers.2": 9})
    again.load_state_dict(small.state_dict())  # so a saved one is read
    x = randn(3, 64)
    assert np.array_equal(again(x).detach().numpy(), small(x).detach().numpy())


def test_a_gpt_keeps_its_tie_and_works_with_a_cache() -> None:
    model = GPT(GPTConfig(vocab_size=50, block_size=12, n_layer=2, n_head=2, n_embd=32)).eval()
    small = low_rank(model, ratio=0.5)
    assert small.lm_head.weight is small.transformer["wte"].weight
    assert isinstance(small.transformer["h"][1].attn.c_attn, Sequential)
    assert numbers(small) < numbers(model) and not small.training
    prompt = randint(0, 50, (1, 3))
    with_cache = generate(small, prompt, 6, temperature=0, cache=KVCache(small))
    assert with_cache.tolist() == generate(small, prompt, 6, temperature=0).tolist()


def test_embeddings_if_asked_for() -> None:
    model = Sequential(Embedding(100, 32), Linear(32, 2))
    with pytest.raises(ValueError, match=r"would get smaller"):
        low_rank(model, rank=2)
    small = low_rank(model, rank=4, embeddings=True)
    assert small[0].down.weight.shape == (100, 4)
    assert small[0](arange(100)).shape == (100, 32)
    assert np.allclose(small[0](arange(100)).detach().numpy(), product(small[0]), atol=1e-6)
    dropped = np.linalg.svd(model[0].weight.detach().numpy(), compute_uv=False)[4:]
    error = np.linalg.norm(model[0].weight.detach().numpy() - product(small[0]))
    assert error == pytest.approx(np.linalg.norm(dropped), rel=1e-4)


def test_singular_values_of_all_layers() -> None:
    model = CNN(1, widths=(4, 8))
    values = singular_values(model)
    assert list(values) == ["stem", "blocks.0.0", "blocks.0.4", "head"]
    for name, found in values.items():
        weight = model.get_submodule(name).weight.detach().numpy()
        weight = weight.reshape(len(weight), -1).astype(np.float64)
        squares = np.linalg.eigvalsh(weight @ weight.T)[::-1]  # another way to the same numbers
        assert np.allclose(found[: len(squares)] ** 2, squares[: len(found)], atol=1e-8)
        assert (np.diff(found) <= 0).all()


def test_the_given_model_stays_and_shares_nothing() -> None:
    model = CNN(1, widths=(8, 16))
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    small = low_rank(model, ratio=0.5)
    for tensor in (*small.parameters(), *small.buffers()):
        tensor.data.fill_(3.0)
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), before[name])
    assert small.training


def test_it_can_be_trained_on_and_what_is_frozen_stays_so() -> None:
    small = low_rank(MLP([32, 32, 4]), rank=4)
    small(randn(3, 32)).sum().backward()
    assert all(p.grad is not None for p in small.parameters())
    assert low_rank(MLP([32, 32, 4]), rank=np.int64(4)).layers[0].down.out_features == 4  # type: ignore[arg-type]
    frozen = low_rank(MLP([32, 32, 4]).requires_grad_(False), rank=4)
    assert not any(p.requires_grad for p in frozen.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"one of rank, ratio and energy; got none"),
        ({"rank": 2, "ratio": 0.5}, r"got rank=2, ratio=0\.5"),
        ({"rank": 0}, r"above 0, got 0"),
        ({"rank": 2.5}, r"above 0, got 2\.5"),
        ({"rank": {"layers.0": True}}, r"a rank is a whole number"),
        ({"rank": 33}, r"no layer has more than rank 32, got rank=33"),
        ({"rank": {"layers.0": 33}}, r"'layers\.0' has rank 32 at most, got rank 33"),
        ({"rank": {"layers.1": 2}}, r"no layer 'layers\.1'.*'layers\.0', 'layers\.2'"),
        ({"rank": 20}, r"would get smaller.*below m · n"),
        ({"ratio": 1.0}, r"between 0 and 1; got 1\.0"),
        ({"ratio": 0.0}, r"between 0 and 1; got 0\.0"),
        ({"energy": 0.0}, r"above 0 and up to 1, got 0\.0"),
        ({"energy": float("nan")}, r"got nan"),
    ],
)
def test_what_makes_no_sense_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        low_rank(MLP([32, 32, 4]), **options)


def test_nothing_to_split_and_weights_that_are_not_finite() -> None:
    with pytest.raises(ValueError, match=r"no layer of this Sequential would get smaller"):
        low_rank(Sequential(ReLU()), rank=2)
    model = MLP([32, 32, 4])
    model.layers[0].weight.data[0, 0] = float("inf")
    for call in (lambda: low_rank(model, rank=2), lambda: singular_values(model)):
        with pytest.raises(ValueError, match=r"layers\.0\.weight has values that are nan or inf"):
            call()


def test_without_a_model_it_is_a_step() -> None:
    step = low_rank(ratio=0.5)
    assert repr(step) == "low_rank(ratio=0.5)"
    out: Tensor = step(MLP([32, 32, 4]))(randn(2, 32))
    assert out.shape == (2, 4)

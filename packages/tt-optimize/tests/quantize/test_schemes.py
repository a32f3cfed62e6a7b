"""Quantized models: really smaller, in memory and on disk, close to the floats, and as accurate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_models import CNN, GPT, MLP, GPTConfig, generate
from tt_nn import (
    Conv2d,
    Embedding,
    LayerNorm,
    Linear,
    Module,
    ReLU,
    Sequential,
    functional as F,
    load,
    save,
)
from tt_nn.optim import Adam
from tt_optimize import (
    KVCache,
    QuantizedConv2d,
    QuantizedEmbedding,
    QuantizedLinear,
    flops,
    fold_batch_norm,
    quantize,
    size_of,
)
from tt_tensor import Tensor, from_numpy, randint, randn, tensor

SCHEMES: dict[str, dict[str, Any]] = {
    "weight-only": {},
    "affine": {"symmetric": False},
    "per tensor": {"per_channel": False},
    "dynamic": {"scheme": "dynamic"},
    "static": {"scheme": "static"},
    "static, mse": {"scheme": "static", "observer": "mse"},
    "int4": {"bits": 4},
    "float16": {"scheme": "float16"},
}
# how far logits may be off, as a share of the largest: half a step of 127, of 7 or of 2048, after
# some layers
ERRORS = {8: 0.06, 4: 0.35, 16: 0.002}

MODELS: dict[str, tuple[Any, Any]] = {
    "MLP": (lambda: MLP([64, 48, 10]), lambda: randn(16, 64)),
    "CNN": (lambda: CNN(1, widths=(8, 16)), lambda: randn(16, 1, 8, 8)),
    "GPT": (
        lambda: GPT(GPTConfig(vocab_size=40, block_size=16, n_layer=2, n_head=2, n_embd=32)),
        lambda: randint(0, 40, (16, 16)),
    ),
    "Llama": (
        lambda: GPT(
            GPTConfig(40, 16, 2, 4, 32, n_kv_head=2, norm="rms", mlp="swiglu", position="rotary",
                      bias=False, tie_weights=False)
        ),
        lambda: randint(0, 40, (16, 16)),
    ),
}  # fmt: skip


def made(kind: str) -> tuple[Module, Tensor]:
    make, inputs = MODELS[kind]
    return make().eval(), inputs()


def small_of(model: Module, scheme: str, x: Tensor) -> Any:
    options = dict(SCHEMES[scheme])
    if options.get("scheme") == "static":
        options["calibration"] = [x[:8], x[8:]]
    return quantize(model, **options)


def answers(model: Module, x: Tensor) -> np.ndarray:
    with no_grad():
        out = model(x)
    return (out[0] if isinstance(out, tuple) else out).numpy()


def contents(model: Module) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", MODELS)
def test_every_scheme_on_every_model(kind: str, scheme: str, tmp_path: Path) -> None:
    model, x = made(kind)
    before, exact = contents(model), answers(model, x)
    small = small_of(model, scheme, x)
    bits = 16 if scheme == "float16" else SCHEMES[scheme].get("bits", 8)
    assert np.abs(answers(small, x) - exact).max() <= ERRORS[bits] * np.abs(exact).max()
    assert size_of(small) < (0.72 if bits == 16 else 0.5) * size_of(model)
    # the model is as it was, and shares nothing with the new one
    for name, value in contents(model).items():
        assert np.array_equal(value, before[name])
    assert {id(t) for t in model.parameters()}.isdisjoint(id(t) for t in small.parameters())
    assert not any(layer.__dict__.get("_forward_pre_hooks") for layer in model.modules())
    assert not any(layer.__dict__.get("_forward_pre_hooks") for layer in small.modules())
    # saved and loaded into another model, quantized in the same way, it is the same
    file = tmp_path / "small.safetensors"
    save(small.state_dict(), file)
    state = load(file)
    options = dict(SCHEMES[scheme])
    if options.get("scheme") == "static":
        options["calibration"] = state
    other = quantize(made(kind)[0], **options)
    other.load_state_dict(state)
    assert np.array_equal(answers(other, x), answers(small, x))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_generate_with_a_cache(scheme: str) -> None:
    model, x = made("GPT")
    small, prompt = small_of(model, scheme, x), tensor([[1, 2, 3]])
    with_cache = generate(small, prompt, 8, temperature=0, cache=KVCache(small))
    assert with_cache.tolist() == generate(small, prompt, 8, temperature=0).tolist()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_shared_weight_is_stored_once(scheme: str) -> None:
    model, x = made("GPT")
    small = small_of(model, scheme, x)
    head, table = small.lm_head, small.transformer["wte"]
    names = {"int4": "weight_int4", "float16": "weight_float16"}
    name = names.get(scheme, "weight_int8")
    assert getattr(head, name) is getattr(table, name)
    if scheme != "float16":
        assert head.scale is table.scale


@pytest.mark.parametrize(("width", "layers"), [(128, 4), (384, 6)])
def test_a_gpt_is_0_27_of_itself_in_memory_and_on_disk(
    width: int, layers: int, tmp_path: Path
) -> None:
    config = GPTConfig(vocab_size=512, block_size=64, n_layer=layers, n_head=4, n_embd=width)
    model = GPT(config)
    calibration = [randint(0, 512, (1, 64))]
    save(model.state_dict(), tmp_path / "float")
    on_disk = (tmp_path / "float").stat().st_size
    limits: list[tuple[float, dict[str, Any]]] = [
        (0.27, {}),
        (0.27, {"scheme": "dynamic"}),
        (0.27, {"scheme": "static", "calibration": calibration}),
        (0.16, {"bits": 4}),
        (0.15, {"bits": 4, "group_size": 64}),
    ]
    for limit, options in limits:
        small = quantize(model, **options)
        save(small.state_dict(), tmp_path / "small")
        assert size_of(small) <= limit * size_of(model)
        assert (tmp_path / "small").stat().st_size <= limit * on_disk


def test_nothing_of_the_floats_is_left() -> None:
    model = MLP([64, 128, 10])
    small = quantize(model)
    kinds = {name.rpartition(".")[2]: value.dtype for name, value in small.state_dict().items()}
    assert kinds == {"weight_int8": np.int8, "scale": np.float32, "bias": np.float32}
    assert not small.training and model.training


def test_gradients_stay_with_the_model() -> None:
    model = MLP([8, 4])
    model(randn(3, 8)).sum().backward()
    small = quantize(model)
    assert all(p.grad is None and not p.requires_grad for p in small.parameters())
    assert all(p.grad is not None and p.requires_grad for p in model.parameters())


def test_training_a_quantized_model_says_what_is_wrong() -> None:
    small = quantize(MLP([8, 4, 2])).train()
    with pytest.raises(RuntimeError, match=r"grad"):
        small(randn(3, 8)).sum().backward()


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
    static = quantize(Wrapped(), "static", calibration=[randn(5, 4)])
    assert static(randn(3, 4)).shape == (3, 1)
    for layer, kind in (
        (Linear(4, 2), QuantizedLinear),
        (Conv2d(1, 2, 3), QuantizedConv2d),
        (Embedding(4, 2), QuantizedEmbedding),
    ):
        assert isinstance(quantize(layer), kind)


def test_a_layer_of_another_kind_is_left() -> None:
    class Doubled(Linear):
        def forward(self, input: Tensor) -> Tensor:
            return 2 * super().forward(input)

    class Named(Linear):
        """Works as a Linear does."""

    model = Sequential(Doubled(4, 4), Named(4, 4))
    small = quantize(model)
    assert type(small[0]) is Doubled and isinstance(small[1], QuantizedLinear)


def test_skipped_layers_stay_float() -> None:
    model, x = made("CNN")
    small = quantize(model, "static", calibration=[x], skip=["stem", "head"])
    assert type(small.stem) is Conv2d and type(small.head) is Linear
    assert isinstance(small.blocks[0][0], QuantizedConv2d)
    with pytest.raises(ValueError, match=r"skip names \['steam'\]"):
        quantize(model, skip=["steam"])


def test_a_row_of_zeros_stays_zero() -> None:
    layer = Linear(4, 2, bias=False)
    with no_grad():
        layer.weight[0] = 0.0
    for options in ({}, {"symmetric": False}, {"bits": 4}, {"scheme": "dynamic"}):
        assert quantize(layer, **options)(randn(3, 4)).numpy()[:, 0].tolist() == [0.0] * 3


@pytest.mark.parametrize("scheme", SCHEMES)
def test_quantizing_twice_or_nothing_is_refused(scheme: str) -> None:
    model, x = made("MLP")
    with pytest.raises(ValueError, match=r"quantized already"):
        quantize(small_of(model, scheme, x))
    with pytest.raises(ValueError, match=r"no Linear, Conv2d or Embedding"):
        quantize(Sequential(ReLU(), LayerNorm(4)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "int8"}, r"one of weight_only, dynamic, static, float16; got 'int8'"),
        ({"bits": 3}, r"bits must be 8, or 4.*bits=3"),
        ({"bits": 16}, r"bits=16"),
        ({"bits": 4, "scheme": "dynamic"}, r"bits=4 with scheme='dynamic'"),
        ({"scheme": "static"}, r"needs calibration=\[batch"),
        ({"scheme": "static", "calibration": []}, r"no batches"),
        ({"scheme": "static", "calibration": iter(())}, r"no batches"),
        ({"calibration": [randn(1, 4)]}, r"calibration is for scheme='static'"),
        ({"observer": "median"}, r"one of minmax, percentile, mse; got 'median'"),
        ({"bits": 4, "group_size": 0}, r"group_size .* above 0, got 0"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quantize(MLP([4, 2]), **options)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("scheme", ["weight-only", "int4", "float16", "dynamic"])
def test_a_broken_weight_is_named(scheme: str, bad: float) -> None:
    model = MLP([4, 3, 2])
    with no_grad():
        model.layers[2].weight[0, 0] = bad
    with pytest.raises(ValueError, match=r"layers\.2 holds nan or inf"):
        quantize(model, **SCHEMES[scheme])


def test_a_model_must_be_float32() -> None:
    with pytest.raises(ValueError, match=r"layers\.0\.? is float64; call model\.float"):
        quantize(MLP([4, 2]).double())


def test_work_is_counted_as_the_floats() -> None:
    model, x = made("MLP")
    linears, rest = 2 * 16 * (64 * 48 + 48 * 10), 16 * 48  # products, and ReLU
    outputs = 16 * (48 + 10)
    for options in ({}, {"scheme": "dynamic"}):  # a scale and a bias for each output
        assert flops(quantize(model, **options), x) == linears + rest + 2 * outputs
    assert flops(quantize(model, bits=4), x) == linears + rest + outputs == flops(model, x)


def test_without_a_model_it_is_a_step() -> None:
    step = quantize(scheme="dynamic")
    model, x = made("MLP")
    assert np.array_equal(answers(step(model), x), answers(quantize(model, "dynamic"), x))


# ---- what counts: answers on data that was never trained on --------------------------------------


def stripes(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy 8×8 images of stripes in one of four directions, at any phase."""
    rng = np.random.default_rng(seed)
    kind, phase = rng.integers(0, 4, count), rng.uniform(0, 2 * np.pi, count)
    y, x = np.mgrid[:8, :8]
    along = np.stack([x, y, (x + y) / 1.4, (x - y) / 1.4])[kind]
    images = np.sin(along * 1.6 + phase[:, None, None]) + rng.normal(0, 1.0, (count, 8, 8))
    return from_numpy(images[:, None].astype(np.float32)), from_numpy(kind)


@pytest.fixture(scope="module")
def trained() -> CNN:
    model = CNN(1, 4, widths=(8, 16)).train()
    optimizer = Adam(model.parameters(), lr=0.01)
    for step in range(60):
        x, y = stripes(64, step)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_trained_model_loses_half_a_point_at_most(trained: CNN, scheme: str, fold: bool) -> None:
    x, y = stripes(1000, 10_000)
    model = fold_batch_norm(trained) if fold else trained
    small = small_of(model, scheme, stripes(16, 20_000)[0])
    right, floats = ((answers(m, x).argmax(1) == y.numpy()).mean() for m in (small, trained))
    assert 0.8 < floats < 0.999  # neither hopeless nor too easy to tell models apart
    assert right >= floats - (0.02 if scheme == "int4" else 0.005)

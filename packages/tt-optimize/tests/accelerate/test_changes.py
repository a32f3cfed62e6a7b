"""An accelerated GPT that is changed says what its layers say: nothing that was found before the
change is used after it, and no memory is read that the change has made smaller."""

import copy
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_models import GPT, GPTConfig
from tt_models.gpt import Block
from tt_nn import Dropout, Identity, Linear, Module, RotaryEmbedding
from tt_nn.hooks import register_module_forward_hook
from tt_nn.optim import SGD
from tt_optimize import KVCache, accelerate, distill, quantize
from tt_tensor import Tensor, from_numpy, randn, tensor
from tt_text import LearnedPositionalEmbedding

needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="needs numba")
BACKENDS = ["numpy", pytest.param("numba", marks=needs_numba)]
LLAMA = {"norm": "rms", "mlp": "swiglu", "position": "rotary", "n_kv_head": 1}


def made(**options: Any) -> GPT:
    config = GPTConfig(vocab_size=11, block_size=12, n_layer=2, n_head=2, n_embd=16, **options)
    model = GPT(config)
    for parameter in model.parameters():
        parameter.data *= 8.0 if parameter.ndim == 2 else 1.0
    return model.eval()


def outcome(model: Any, plain: bool = False, cache: Any = None) -> Any:
    """The scores after the tokens 1, 2, 3; or the kind of error."""
    run = GPT.forward if plain else type(model).__call__
    cache = KVCache(model) if cache is None else cache
    with no_grad():
        try:
            for token in (1, 2, 3):
                scores = run(model, tensor([[token]]), cache=cache)[0]
        except (ValueError, IndexError, TypeError, RuntimeError, AttributeError) as error:
            return type(error)
    return scores.numpy()


def check(model: Any) -> None:
    """The fast path is the plain one."""
    found, expected = outcome(model), outcome(model, plain=True)
    if isinstance(expected, type):
        assert found is expected
    else:
        np.testing.assert_allclose(found, expected, 1e-4, 1e-5 * np.abs(expected).max())


class Doubling(Module):
    """Stands where a dropout stood."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2


def parts(model: GPT) -> Any:
    return model.transformer


def other_eps(model: GPT) -> None:
    parts(model).ln_f.eps = 0.5


def every_eps(model: GPT) -> None:
    for block in parts(model).h:
        block.ln_1.eps = block.ln_2.eps = 0.5
    parts(model).ln_f.eps = 0.5


def other_gelu(model: GPT) -> None:
    for block in parts(model).h:
        block.mlp.gelu.approximate = "none"


def one_more_layer(model: GPT) -> None:
    parts(model).h.append(Block(model.config, 1))


def one_more_layer_by_name(model: GPT) -> None:
    parts(model).h.add_module("more", Block(model.config, 1))


def one_layer_less(model: GPT) -> None:
    del parts(model).h[1]


def no_layers(model: GPT) -> None:
    del parts(model).h[:]


def no_norm(model: GPT) -> None:
    parts(model).h[0].ln_1 = Identity()


def no_mlp(model: GPT) -> None:
    parts(model).h[0].mlp = Identity()


def few_positions(model: GPT) -> None:
    parts(model)["wpe"] = LearnedPositionalEmbedding(2, 16)


def no_positions(model: GPT) -> None:
    del parts(model)["wpe"]


def drops_otherwise(model: GPT) -> None:
    parts(model)["drop"] = Doubling()


def drops_otherwise_in_attention(model: GPT) -> None:
    parts(model).h[0].attn.resid_dropout = Doubling()


def drops_otherwise_in_mlp(model: GPT) -> None:
    parts(model).h[1].mlp.dropout = Doubling()


def a_weight_that_is_no_parameter(model: GPT) -> None:
    head = model.lm_head
    del head.weight
    head.weight = randn(11, 16)  # type: ignore[assignment]
    outcome(model)
    head.weight = randn(11, 16)  # type: ignore[assignment]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "change",
    [
        other_eps,
        every_eps,
        other_gelu,
        one_more_layer,
        one_more_layer_by_name,
        one_layer_less,
        no_layers,
        no_norm,
        no_mlp,
        few_positions,
        no_positions,
        drops_otherwise,
        drops_otherwise_in_attention,
        drops_otherwise_in_mlp,
        a_weight_that_is_no_parameter,
    ],
)
def test_what_changes_shows_at_once(change: Any, backend: str) -> None:
    fast = accelerate(made(), backend)
    check(fast)
    change(fast)
    check(fast)


def other_theta(model: GPT) -> None:
    for block in parts(model).h:
        block.attn.rotary.theta = 5.0


def other_pairs(model: GPT) -> None:
    for block in parts(model).h:
        block.attn.rotary.interleaved = True


def other_size(model: GPT) -> None:
    """The angles that were computed before are for larger heads than these."""
    for block in parts(model).h:
        block.attn.rotary = rotary = RotaryEmbedding(16, 12)
        rotary(randn(1, 1, 12, 16))
        rotary.dim = 8


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("change", [other_theta, other_pairs, other_size])
def test_angles_that_are_changed(change: Any, backend: str) -> None:
    fast = accelerate(made(**LLAMA), backend)
    check(fast)
    change(fast)
    check(fast)


class Unturned(RotaryEmbedding):
    """Positions that do nothing."""

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        return x


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "rotary",
    [
        RotaryEmbedding(8, 12, theta=5.0),
        RotaryEmbedding(8, 12, interleaved=True),
        RotaryEmbedding(8, 2),
        RotaryEmbedding(8, 1),
        RotaryEmbedding(16, 12),
        RotaryEmbedding(2, 12),
        Unturned(8, 12),
        None,
    ],
    ids=str,
)
def test_other_angles(rotary: Any, backend: str) -> None:
    """Token by token, and a whole text at once."""
    model = made(**LLAMA)
    fast = accelerate(model, backend)
    check(fast)
    for one in (model, fast):
        for block in parts(one).h:
            block.attn.rotary = rotary
    check(fast)
    results = []
    for one in (model, fast):
        with no_grad():
            try:
                results.append(one(tensor([[1, 2, 3]]))[0].numpy())
            except (ValueError, IndexError) as error:
                results.append(type(error))
    if isinstance(results[0], type):
        assert results[1] is results[0]
    else:
        np.testing.assert_allclose(results[1], results[0], 1e-4, 1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_dropout_that_is_on_in_evaluation(backend: str) -> None:
    """Gal and Ghahramani 2016: dropout alone in training mode, to see how sure a model is."""
    fast = accelerate(made(dropout=0.5), backend)
    outcome(fast)
    for layer in fast.modules():
        if isinstance(layer, Dropout):
            layer.train()
    assert np.abs(outcome(fast) - outcome(fast)).max() > 1e-3
    with no_grad():
        first, second = (fast(tensor([[1, 2, 3]]))[0].numpy() for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    fast.eval()
    check(fast)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_shallow_copy_has_layers_of_its_own(backend: str) -> None:
    fast = accelerate(made(), backend)
    before = outcome(fast)
    twin = copy.copy(fast)
    twin.lm_head = Linear(16, 11, bias=False)
    check(twin)
    np.testing.assert_array_equal(outcome(fast), before)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [np.float32, np.bool_])
def test_tokens_that_are_no_integers(kind: Any, backend: str) -> None:
    fast = accelerate(made(), backend)
    cache = KVCache(fast)
    with no_grad():
        fast(tensor([[1]]), cache=cache)
        with pytest.raises(TypeError, match="integers"):
            fast(from_numpy(np.ones((1, 1), kind)), cache=cache)
    assert cache.length == 1


def fewer_values(cache: Any) -> None:
    cache.values = cache.values[:, :, :, :1].copy()


def values_of_one_layer(cache: Any) -> None:
    cache.values = cache.values[:1].copy()


def fewer_keys(cache: Any) -> None:
    cache.keys = cache.keys[:, :, :, :1].copy()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("change", [fewer_values, values_of_one_layer, fewer_keys])
def test_a_cache_whose_memory_was_replaced(change: Any, backend: str) -> None:
    """Compiled code knows no bounds: it would write behind the end of what is left."""
    fast = accelerate(made(), backend)
    cache = KVCache(fast)
    outcome(fast, cache=cache)
    change(cache)
    assert isinstance(outcome(fast, cache=cache), type)


@pytest.mark.parametrize("backend", BACKENDS)
def test_hooks_of_layers_inside(backend: str) -> None:
    """They are called, with what the layers put out, and what they return counts."""
    model = made()
    fast = accelerate(model, backend)
    outcome(fast)
    plain = outcome(fast)
    seen: list[tuple[int, ...]] = []
    handle = parts(fast).h[0].register_forward_hook(lambda _, args, out: seen.append(out.shape))
    check(fast)
    assert len(seen) == 6  # three tokens, twice
    handle.remove()
    doubled = parts(fast).h[1].mlp.register_forward_pre_hook(lambda _, args: (args[0] * 2,))
    check(fast)
    assert np.abs(outcome(fast) - plain).max() > 1e-3
    with no_grad():
        after = fast(tensor([[1, 2, 3]]))[0][:, -1:].numpy()
    np.testing.assert_allclose(after, outcome(fast), 1e-4, 1e-4)
    doubled.remove()
    np.testing.assert_allclose(outcome(fast), plain, 1e-5, 1e-5)
    assert len(seen) == 6


@pytest.mark.parametrize("backend", BACKENDS)
def test_hooks_of_all_modules(backend: str) -> None:
    fast = accelerate(made(), backend)
    names: list[str] = []
    handle = register_module_forward_hook(lambda layer, *_: names.append(type(layer).__name__))
    try:
        outcome(fast)
    finally:
        handle.remove()
    assert names.count("Block") == 6


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_looks_inside_by_hooks(backend: str) -> None:
    """Calibration does, and so does a teacher whose hidden states are learned from."""
    model, idx = made(), tensor([[1, 2, 3], [4, 5, 6]])
    fast = accelerate(model, backend)
    expected, found = (quantize(m, "static", calibration=[idx]) for m in (model, fast))
    with no_grad():
        np.testing.assert_allclose(found(idx)[0].numpy(), expected(idx)[0].numpy(), 1e-4, 0.05)
    student, options = made(), {"alpha": 0.0, "hidden": {"transformer.h.0": "transformer.h.0"}}
    taught = [
        distill(
            *(student, teacher, [(idx, idx)]),
            **options,
            optimizer=lambda parameters: SGD(parameters, lr=0.1),
            progress=False,
        )
        for teacher in (model, fast)
    ]
    before = student.transformer["h"][0].mlp.c_fc.weight.array  # type: ignore[index]
    expected, found = (m.transformer["h"][0].mlp.c_fc.weight.array for m in taught)
    assert np.abs(expected - before).max() > 1e-3
    np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("form", [{}, LLAMA], ids=["GPT-2", "Llama"])
def test_float16_with_numbers_whose_squares_do_not_fit(form: Any, backend: str) -> None:
    model = made(**form)
    parts(model).wte.weight.array *= 100.0
    fast, idx = accelerate(model.half(), backend), tensor([[1, 2, 3]])
    with no_grad():
        expected = model(idx)[0].float().numpy()
        found = fast(idx)[0].float().numpy()
        token, plain = (m(idx[:, :1], cache=KVCache(m))[0].float().numpy() for m in (fast, model))
    assert np.isfinite(expected).all()
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, 0, 0.01 * scale)
    np.testing.assert_allclose(token, plain, 0, 0.01 * scale)

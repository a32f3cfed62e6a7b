"""A compiled GPT learns and writes what the plain one does, on the very same weights."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_models import CNN, GPT, MLP, GPTConfig, LeNet5, generate
from tt_nn import GELU, CrossEntropyLoss, LayerNorm, Linear, Parameter, Sequential
from tt_nn.optim import SGD
from tt_optimize import KVCache, quantize
from tt_optimize.accelerate import accelerate
from tt_optimize.accelerate.numba import gpt as compiled_gpt
from tt_tensor import Tensor, float32, from_numpy, randn, tensor, time_ops, untime_ops

T = TypeVar("T")


def drawn(*shape: int) -> Tensor:
    return from_numpy(np.random.default_rng(1).integers(0, 31, shape))


def fast(model: Any) -> Any:
    return accelerate(model, backend="numba")


def gradients(model: GPT, idx: Tensor, targets: Tensor) -> tuple[float, dict[str, Any]]:
    for parameter in model.parameters():
        parameter.grad = None
    loss = model(idx, targets)[1]
    assert loss is not None
    loss.backward()
    return loss.item(), {n: p.grad.numpy() for n, p in model.named_parameters()}


def compiled_tokens(monkeypatch: pytest.MonkeyPatch, run: Callable[[], T]) -> tuple[int, T]:
    """How many times ``run`` calls the function that computes a whole token, and its result."""
    calls = 0
    decode = compiled_gpt.decode

    def counting(*arguments: Any) -> bool:
        nonlocal calls
        calls += 1
        return decode(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(compiled_gpt, "decode", counting)
        result = run()
    return calls, result


# ---- learning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 7, 40])
def test_all_gradients_are_the_plain_models(model: GPT, length: int) -> None:
    idx, targets = drawn(3, length), drawn(3, length) - (drawn(3, length) == 5).long() * 32
    targets = targets.clamp(min=-1)
    loss, found = gradients(fast(model).train(), idx, targets)
    exact = copy.deepcopy(model).double()
    expected_loss, expected = gradients(exact.train(), idx, targets)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    assert found.keys() == expected.keys() == dict(model.named_parameters()).keys()
    largest = max(np.abs(g).max() for g in expected.values())
    for name, g in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], g, 1e-4, 1e-6 * largest, err_msg=name)


def test_it_learns_through_compiled_ops(model: GPT) -> None:
    seen: set[str] = set()

    def listen(op: Any, *_: Any) -> None:
        seen.add(op.name)

    trained, idx = fast(model).train(), drawn(2, 9)
    sgd = SGD(trained.parameters(), lr=0.02)
    losses = []
    time_ops(listen)
    try:
        for _ in range(5):
            losses.append(gradients(trained, idx[:, :-1], idx[:, 1:])[0])
            sgd.step()
    finally:
        untime_ops(listen)
    assert losses[-1] < losses[0]
    assert {"compiled_attention", "compiled_cross_entropy"} <= seen
    assert not {"layer_norm", "gelu", "silu", "cross_entropy"} & seen
    plain = model(idx[:, :-1], idx[:, 1:])[1]  # the same parameters have learned
    assert plain is not None and plain.item() < losses[-1]


def test_dropout_is_still_there() -> None:
    config = GPTConfig(vocab_size=31, block_size=40, n_layer=1, n_head=2, n_embd=16, dropout=0.5)
    model = fast(GPT(config)).train()
    idx = drawn(2, 9)
    first, second = (model(idx)[0].detach().numpy() for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    model.eval()
    np.testing.assert_array_equal(*(model(idx)[0].detach().numpy() for _ in range(2)))


def test_parameters_names_and_the_model_itself_stay(model: GPT) -> None:
    made = fast(model)
    assert isinstance(made, GPT) and made.config == model.config
    assert all(a is b for a, b in zip(made.parameters(), model.parameters(), strict=True))
    assert made.state_dict().keys() == model.state_dict().keys()
    assert type(model.transformer["ln_f"]).__name__ in ("LayerNorm", "RMSNorm")
    made.train()
    assert not model.training
    assert "backend='numba'" in repr(made)


def test_layers_by_themselves() -> None:
    """Whatever is built of layers that have a compiled form."""
    model = Sequential(Linear(6, 8), LayerNorm(8), GELU("tanh"), Linear(8, 3))
    x = from_numpy(np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32))
    made = fast(model)
    np.testing.assert_allclose(made(x).detach().numpy(), model(x).detach().numpy(), 1e-5, 1e-6)
    assert type(made[1]).__name__ == "CompiledLayerNorm" and made[1].weight is model[1].weight
    criterion, y = CrossEntropyLoss(), tensor([0, 2, 1, 1, 0])
    expected = criterion(model(x), y).item()
    assert fast(criterion)(made(x), y).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("model", "shape"),
    [(MLP([4, 3, 2]), (5, 4)), (CNN(1, widths=(4, 8)), (2, 1, 8, 8)), (LeNet5(), (2, 1, 28, 28))],
    ids=["MLP", "CNN", "LeNet5"],
)
def test_models_of_large_products_are_left_to_the_other_backend(
    model: Any, shape: tuple[int, ...]
) -> None:
    made, x = fast(model.eval()), randn(*shape)
    with no_grad():
        np.testing.assert_allclose(made(x).numpy(), model(x).numpy(), 1e-5, 1e-5)
    assert "backend='numpy'" in repr(made)
    assert all(a is b for a, b in zip(made.parameters(), model.parameters(), strict=True))


def test_a_model_in_which_nothing_is_known() -> None:
    with pytest.raises(ValueError, match=r"Linear the backend numba knows nothing.*to NumPy's"):
        fast(Linear(4, 3))


def test_float64_is_left_to_the_plain_layers(model: GPT) -> None:
    model.double()
    made, idx = fast(model), drawn(2, 9)
    np.testing.assert_array_equal(
        made(idx, idx)[0].detach().numpy(), model(idx, idx)[0].detach().numpy()
    )
    with no_grad():
        plain = generate(model, idx, 4, temperature=0)
        cached = generate(made, idx, 4, temperature=0, cache=KVCache(made, 2))
    assert cached.tolist() == plain.tolist()


# ---- writing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("texts", [1, 3])
def test_the_same_text(model: GPT, texts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one pass over the prompt, each token is one call."""
    made, idx = fast(model), drawn(texts, 5)
    expected = generate(model, idx, 35, temperature=0)
    cache = KVCache(made, texts)
    calls, written = compiled_tokens(
        monkeypatch, lambda: generate(made, idx, 35, temperature=0, cache=cache)
    )
    assert written.tolist() == expected.tolist()
    assert calls == 34
    # beyond block_size the text slides, which the cache does not
    longer = generate(made, idx, 45, temperature=0, cache=cache)
    assert longer.tolist() == generate(model, idx, 45, temperature=0).tolist()


@pytest.mark.parametrize("texts", [1, 3])
def test_the_same_logits(model: GPT, texts: int) -> None:
    """Token by token, to 1e-5 of the largest, whatever was read at once before."""
    made, idx = fast(model), drawn(texts, 40)
    with no_grad():
        expected = copy.deepcopy(model).double()(idx)[0].numpy()
        for start in (0, 1, 9):
            cache = KVCache(made, texts)
            if start:
                made(idx[:, :start], cache=cache)
            for place in range(start, 40):
                logits = made(idx[:, place : place + 1], cache=cache)[0]
                assert logits.dtype == float32 and cache.length == place + 1
                difference = np.abs(logits.numpy()[:, 0] - expected[:, place]).max()
                assert difference < 1e-5 * np.abs(expected).max()


def test_logits_are_the_callers_to_keep(model: GPT) -> None:
    made, cache = fast(model), KVCache(model)
    with no_grad():
        first = made(tensor([[3]]), cache=cache)[0]
        before = first.numpy().copy()
        made(tensor([[4]]), cache=cache)
    np.testing.assert_array_equal(first.numpy(), before)


def test_int8_weights(model: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    """The integers are read as they are; what comes out is what the plain int8 model says."""
    small = quantize(model)
    made, idx, cache = fast(small), drawn(1, 5), KVCache(model)
    calls, written = compiled_tokens(
        monkeypatch, lambda: generate(made, idx, 30, temperature=0, cache=cache)
    )
    assert calls == 29
    assert written.tolist() == generate(small, idx, 30, temperature=0).tolist()


@pytest.mark.parametrize("scheme", ["dynamic"])
def test_what_rounds_its_inputs_goes_through_the_layers(model: GPT, scheme: str) -> None:
    small = quantize(model, scheme=scheme)
    expected = generate(small, drawn(1, 5), 10, temperature=0)
    cached = generate(fast(small), drawn(1, 5), 10, temperature=0, cache=KVCache(model))
    assert cached.tolist() == expected.tolist()


def next_logits(model: Any, cache: KVCache) -> Any:
    """After the tokens 1, 2, 3."""
    cache.reset()
    with no_grad():
        model(tensor([[1, 2]]), cache=cache)
        return model(tensor([[3]]), cache=cache)[0].numpy()


def replace_parameter(model: GPT) -> None:
    norm: Any = model.transformer["ln_f"]
    norm.weight = Parameter(norm.weight * 0.5)


def replace_layer(model: GPT) -> None:
    model.lm_head = Linear(32, 31, bias=False)


def replace_block(model: GPT) -> None:
    blocks: Any = model.transformer["h"]
    blocks[1] = copy.deepcopy(blocks[0])
    blocks[1].attn.layer = 1


def swap_blocks(model: GPT) -> None:
    blocks: Any = model.transformer["h"]
    first = blocks[0]
    del blocks[0]
    blocks.append(first)
    for layer, block in enumerate(blocks):
        block.attn.layer = layer


def replace_in_a_dict(model: GPT) -> None:
    parts: Any = model.transformer
    norm = copy.deepcopy(parts["ln_f"])
    norm.weight.array[...] *= 0.5
    parts.update({"ln_f": norm})


def other_memory(model: GPT) -> None:
    weight: Any = model.lm_head.weight
    weight.array = weight.array * np.float32(2)


def remove_bias(model: GPT) -> None:
    attention: Any = model.transformer["h"][0].attn  # type: ignore[index]
    attention.c_proj.bias = None


def write_in_memory(model: GPT) -> None:
    model.lm_head.weight.array[3] *= 2


def load_other(model: GPT) -> None:
    model.load_state_dict({k: v * 0.9 for k, v in model.state_dict().items()})


def transposed_memory(model: GPT) -> None:
    weight: Any = model.lm_head.weight
    weight.data = from_numpy(np.asfortranarray(weight.array))


@pytest.mark.parametrize(
    "change",
    [
        replace_parameter,
        replace_layer,
        replace_block,
        swap_blocks,
        replace_in_a_dict,
        other_memory,
        remove_bias,
        write_in_memory,
        load_other,
        transposed_memory,
    ],
)
def test_changed_weights_show_at_once(model: GPT, change: Any) -> None:
    made = fast(model)
    cache = KVCache(made)
    before = next_logits(made, cache)
    change(made)
    after = next_logits(made, cache)
    scale = np.abs(after).max()
    with no_grad():
        layer_by_layer = made(tensor([[1, 2, 3]]))[0][:, -1:].numpy()
    np.testing.assert_allclose(after, layer_by_layer, 1e-5, 1e-5 * scale)
    if change not in (remove_bias, transposed_memory):
        assert np.abs(after - before).max() > 1e-3 * scale


def test_sizes_that_do_not_fit_are_never_read(model: GPT) -> None:
    """Compiled code knows no bounds: what does not fit goes through the layers, which say so."""
    made = fast(model)
    cache = KVCache(made)
    next_logits(made, cache)
    made.lm_head.bias = Parameter(tensor([1.0, 2.0]))
    with pytest.raises((ValueError, RuntimeError), match="2"):
        next_logits(made, cache)
    made.lm_head.bias = None
    norm: Any = made.transformer["ln_f"]
    norm.weight = Parameter(from_numpy(np.ones(3, np.float32)))
    with pytest.raises((ValueError, RuntimeError), match="3"):
        next_logits(made, cache)


def test_some_layers_of_integers(model: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    small = quantize(model, skip=["transformer.h.0.attn.c_attn"])
    made, idx, cache = fast(small), drawn(1, 5), KVCache(model)
    calls, written = compiled_tokens(
        monkeypatch, lambda: generate(made, idx, 30, temperature=0, cache=cache)
    )
    assert calls == 29
    assert written.tolist() == generate(small, idx, 30, temperature=0).tolist()


def test_layers_that_share_a_place_in_the_cache(model: GPT) -> None:
    """As odd as that is, it is what the layers say."""
    model.transformer["h"][1].attn.layer = 0  # type: ignore[index]
    np.testing.assert_allclose(
        next_logits(fast(model), KVCache(model)), next_logits(model, KVCache(model)), 1e-5, 1e-5
    )


def test_more_texts_than_are_compiled(model: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    made, idx = fast(model), drawn(compiled_gpt.MOST_TEXTS + 1, 5)
    cache = KVCache(made, len(idx))
    calls, written = compiled_tokens(
        monkeypatch, lambda: generate(made, idx, 6, temperature=0, cache=cache)
    )
    assert calls == 0
    assert written.tolist() == generate(model, idx, 6, temperature=0).tolist()


def test_a_window(model: GPT) -> None:
    idx = drawn(1, 5)
    texts = [
        generate(m, idx, 20, temperature=0, cache=KVCache(m, window=6)).tolist()
        for m in (model, fast(model))
    ]
    assert texts[0] == texts[1]


def test_errors_are_the_plain_models(model: GPT) -> None:
    made = fast(model)
    with no_grad():
        with pytest.raises(IndexError, match="0 to 30"):
            made(tensor([[31]]), cache=KVCache(made))
        with pytest.raises(IndexError, match="0 to 30"):
            made(tensor([[-1]]), cache=KVCache(made))
        full = KVCache(made, max_len=2)
        made(tensor([[1, 2]]), cache=full)
        with pytest.raises(ValueError, match="holds 2 positions, 3 are needed"):
            made(tensor([[3]]), cache=full)
        with pytest.raises(ValueError, match="made for batch_size=2, got 1"):
            made(tensor([[3]]), cache=KVCache(made, 2))
        full = KVCache(made)
        made(drawn(1, 40), cache=full)
        with pytest.raises(ValueError, match="41 tokens are more than block_size = 40"):
            made(tensor([[3]]), cache=full)
        other = GPT(GPTConfig(vocab_size=31, block_size=40, n_layer=3, n_head=4, n_embd=32))
        with pytest.raises(ValueError, match="the KVCache was made for"):
            made(tensor([[3]]), cache=KVCache(other.double()))
    with pytest.raises(RuntimeError, match=r"under no_grad\(\)"):
        made(tensor([[3]]), cache=KVCache(made))


def test_copies_live_on_their_own(model: GPT) -> None:
    made, cache = fast(model), KVCache(model)
    before = next_logits(made, cache)
    twin = copy.deepcopy(made)
    with no_grad():
        for parameter in twin.parameters():
            parameter.mul_(0.5)
    np.testing.assert_array_equal(next_logits(made, cache), before)
    assert np.abs(next_logits(twin, cache) - before).max() > 1e-3
    again = fast(made)
    np.testing.assert_array_equal(next_logits(again, cache), before)

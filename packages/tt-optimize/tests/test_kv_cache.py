"""With a cache the model says the same, and computes less."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tt_autograd import no_grad
from tt_models import GPT, MLP, Cache, GPTConfig, generate, generate_stream
from tt_nn import functional as F
from tt_optimize import KVCache, flops
from tt_tensor import Generator, Tensor, float64, manual_seed, tensor, time_ops, untime_ops

PROMPTS = {
    "one": [[1, 2, 3]],
    "one token": [[5]],
    "a batch": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
    "up to the window": [[n % 11 for n in range(12)]],
    "beyond the window": [[n % 11 for n in range(15)]] * 2,
}
OPTIONS: list[dict[str, Any]] = [
    {"temperature": 0},
    {"temperature": 1.0},
    {"temperature": 0.8, "top_k": 4, "top_p": 0.9},
]


@pytest.mark.parametrize("name", PROMPTS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("count", [1, 6, 20])
def test_the_same_tokens(gpt: GPT, name: str, options: dict[str, Any], count: int) -> None:
    """Greedy and drawn with one seed, within the window and far beyond it."""
    idx = tensor(PROMPTS[name])
    plain = generate(gpt, idx, count, generator=Generator().manual_seed(3), **options)
    cache = KVCache(gpt, batch_size=len(idx))
    cached = generate(gpt, idx, count, generator=Generator().manual_seed(3), cache=cache, **options)
    assert cached.tolist() == plain.tolist()


@pytest.mark.parametrize("pieces", [[12], [1] * 12, [5, 1, 1, 5], [3, 4, 5], [1, 11]])
@pytest.mark.parametrize("dtype", [np.float32, float64])
def test_the_same_logits(gpt: GPT, pieces: list[int], dtype: Any) -> None:
    """However the text is cut into pieces."""
    gpt.to(dtype)
    idx = tensor([[n * 3 % 11 for n in range(12)], [n * 7 % 11 for n in range(12)]])
    cache, found, start = KVCache(gpt, 2), [], 0
    assert cache.keys.dtype == dtype
    with no_grad():
        expected = gpt(idx)[0].numpy()
        for length in pieces:
            found.append(gpt(idx[:, start : start + length], cache=cache)[0].numpy())
            start += length
            assert cache.length == start
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(np.concatenate(found, 1), expected, tolerance, tolerance)


def test_streams_and_lists(gpt: GPT) -> None:
    idx = tensor([[1, 2, 3]])
    plain = generate(gpt, idx, 5, temperature=0)
    stream = generate_stream(gpt, idx, 5, temperature=0, cache=KVCache(gpt))
    assert [token.item() for token in stream] == plain[0, 3:].tolist()
    prompts = [[1, 2, 3], [4], [5, 6, 7]]
    plain_list = generate(gpt, prompts, 5, temperature=0)
    cached = generate(gpt, prompts, 5, temperature=0, cache=lambda size: KVCache(gpt, size))
    assert [row.tolist() for row in cached] == [row.tolist() for row in plain_list]


def positions(gpt: GPT, cache: KVCache | None) -> list[int]:
    """How many positions go through the first attention layer at each step."""
    seen: list[int] = []

    def listen(op: Any, inputs: Any, *_: Any) -> None:
        if op.name == "scaled_dot_product_attention":
            seen.append(inputs[0].shape[2])

    time_ops(listen)
    try:
        generate(gpt, tensor([[1, 2, 3]]), 5, temperature=0, cache=cache)
    finally:
        untime_ops(listen)
    return seen[::2]  # of two layers


def test_the_prompt_is_one_pass_and_each_token_one_position(gpt: GPT) -> None:
    assert positions(gpt, KVCache(gpt)) == [3, 1, 1, 1, 1]
    assert positions(gpt, None) == [3, 4, 5, 6, 7]


def test_it_pays(gpt: GPT) -> None:
    """Counted from the shapes: the last of twelve positions costs less than a sixth of them."""
    idx = tensor([[n % 11 for n in range(12)]])
    cache = KVCache(gpt)
    with no_grad():
        gpt(idx[:, :11], cache=cache)
        one = flops(lambda: gpt(idx[:, 11:], cache=cache))
        assert one < flops(gpt, idx) / 6


def test_reset_and_reuse(gpt: GPT) -> None:
    cache = KVCache(gpt)
    assert isinstance(cache, Cache)
    texts = [
        generate(gpt, tensor([prompt]), 6, temperature=0, cache=cache).tolist()
        for prompt in ([1, 2, 3, 4], [9, 8], [1, 2, 3, 4])
    ]
    assert texts[0] == texts[2]
    assert texts[1] == generate(gpt, tensor([[9, 8]]), 6, temperature=0).tolist()
    assert cache.length == 9
    memory = cache.keys
    cache.reset()
    assert cache.length == 0 and cache.keys is memory


@pytest.mark.parametrize(("batch_size", "max_len"), [(1, None), (3, 7)])
def test_memory(gpt: GPT, batch_size: int, max_len: int | None) -> None:
    """2 · layers · batch · positions · n_embd numbers of 4 bytes, and of 8 in float64."""
    cache = KVCache(gpt, batch_size, max_len)
    length = max_len or 12
    assert cache.max_len == length
    assert cache.nbytes == 2 * 2 * batch_size * length * 16 * 4
    assert KVCache(gpt.double(), batch_size, max_len).nbytes == 2 * cache.nbytes


def test_nothing_is_copied_on_the_way_back(gpt: GPT) -> None:
    cache = KVCache(gpt)
    key = tensor(np.ones((1, 2, 3, 8), np.float32))
    keys, values = cache.update(1, key, key * 2)
    assert keys.shape == (1, 2, 3, 8) and np.shares_memory(keys.numpy(), cache.keys)
    assert (keys == 1).all() and (values == 2).all()


def test_too_short(gpt: GPT) -> None:
    with pytest.raises(ValueError, match="holds 4 positions, 5 are needed; make a longer one"):
        generate(gpt, tensor([[1, 2, 3]]), 5, temperature=0, cache=KVCache(gpt, max_len=4))
    out = generate(gpt, tensor([[1, 2, 3]]), 2, temperature=0, cache=KVCache(gpt, max_len=4))
    assert out.shape == (1, 5)


def test_the_wrong_batch_size(gpt: GPT) -> None:
    with pytest.raises(ValueError, match="made for batch_size=2, got 1; make a new one"):
        generate(gpt, tensor([[1, 2, 3]]), 2, cache=KVCache(gpt, 2))


def test_more_than_block_size(gpt: GPT) -> None:
    cache = KVCache(gpt)
    with no_grad():
        gpt(tensor([[1] * 10]), cache=cache)
        with pytest.raises(ValueError, match="13 tokens are more than block_size = 12"):
            gpt(tensor([[1, 2, 3]]), cache=cache)


def test_recording_is_refused(gpt: GPT) -> None:
    with pytest.raises(RuntimeError, match=r"for inference: run the model under no_grad\(\)"):
        gpt(tensor([[1, 2, 3]]), cache=KVCache(gpt))


@pytest.mark.parametrize("arguments", [(0,), (-1,), (1, 0), (1, 13), (1, -2)])
def test_sizes_that_make_no_sense(gpt: GPT, arguments: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="positive batch_size and max_len of 1 to block_size = 12"):
        KVCache(gpt, *arguments)


LLAMA = GPTConfig(
    vocab_size=11,
    block_size=12,
    n_layer=2,
    n_head=4,
    n_embd=16,
    n_kv_head=2,
    head_dim=6,
    norm="rms",
    mlp="swiglu",
    position="rotary",
    bias=False,
    tie_weights=False,
)


@pytest.mark.parametrize(
    "config",
    [LLAMA, replace(LLAMA, n_kv_head=1), replace(LLAMA, position="learned", n_kv_head=None)],
    ids=["grouped", "one for all", "learned positions"],
)
def test_rotary_positions_and_grouped_queries(config: GPTConfig) -> None:
    """Positions go on where the cache ends; keys and values are stored once for each group."""
    model = GPT(config).double()
    for parameter in model.parameters():
        parameter.data *= 8.0 if parameter.ndim == 2 else 1.0
    cache, idx = KVCache(model, 2), tensor([[n * 3 % 11 for n in range(12)], [5] * 12])
    assert cache.keys.shape == (2, 2, config.kv_heads, 12, 6)
    with no_grad():
        expected = model(idx)[0].numpy()
        found = [
            model(idx[:, a:b], cache=cache)[0].numpy() for a, b in ((0, 3), (3, 4), (4, 9), (9, 12))
        ]
    np.testing.assert_allclose(np.concatenate(found, 1), expected, 1e-10, 1e-12)
    for prompts in (idx[:, :3], [[1, 2, 3], [4], [5, 6, 7, 8, 9]]):
        for options in OPTIONS:
            seeds = (Generator().manual_seed(3) for _ in range(2))
            make = KVCache(model, len(prompts))
            plain = generate(model, prompts, 14, generator=next(seeds), **options)
            cached = generate(model, prompts, 14, generator=next(seeds), cache=make, **options)
            assert [row.tolist() for row in cached] == [row.tolist() for row in plain]


def test_without_biases_and_with_one_layer() -> None:
    config = GPTConfig(vocab_size=7, block_size=6, n_layer=1, n_head=4, n_embd=8)
    for changed in (config, replace(config, bias=False), replace(config, dropout=0.5)):
        model = GPT(changed)
        idx: Tensor = tensor([[1, 2]])
        plain = generate(model, idx, 6, temperature=0)
        assert (
            generate(model, idx, 6, temperature=0, cache=KVCache(model)).tolist() == plain.tolist()
        )


CONFIGS = st.builds(
    lambda form, groups, heads, layers, size: GPTConfig(
        vocab_size=13,
        block_size=10,
        n_layer=layers,
        n_head=groups * heads,
        n_kv_head=heads,
        n_embd=groups * heads * size,
        **form,
    ),
    st.fixed_dictionaries(
        {
            "norm": st.sampled_from(["layer", "rms"]),
            "mlp": st.sampled_from(["gelu", "swiglu"]),
            "position": st.sampled_from(["learned", "rotary"]),
            "bias": st.booleans(),
            "tie_weights": st.booleans(),
        }
    ),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(1, 3),
    st.sampled_from([2, 4]),
)


def lively(config: GPTConfig, seed: int = 0) -> GPT:
    """A model in float64 whose words depend on what it read: as drawn, GPTs only repeat."""
    manual_seed(seed)
    model = GPT(config).double().eval()
    for parameter in model.parameters():
        parameter.data *= 8.0 if parameter.ndim == 2 else 1.0
    return model


@settings(max_examples=40, deadline=None)
@given(
    config=CONFIGS,
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    count=st.integers(1, 14),
    temperature=st.sampled_from([0.0, 0.7, 1.5]),
    seed=st.integers(0, 2**20),
)
def test_the_same_text_whatever_the_model(
    config: GPTConfig, lengths: list[int], count: int, temperature: float, seed: int
) -> None:
    """GPT-2's form, Llama's, and all between; prompts of any lengths; greedy or drawn."""
    model = lively(config, seed)
    prompts = [[(seed + 3 * i * i + row) % 13 for i in range(n)] for row, n in enumerate(lengths)]
    cache = KVCache(model, len(prompts))
    plain, cached = (
        generate(
            model,
            prompts,
            count,
            temperature=temperature,
            generator=Generator().manual_seed(seed),
            cache=kept,
        )
        for kept in (None, cache)
    )
    assert [row.tolist() for row in cached] == [row.tolist() for row in plain]


# ---- a window ----------------------------------------------------------------------------------


def banded(model: GPT, idx: Tensor, window: int) -> Any:
    """The logits by hand: every layer with the mask i - window < j <= i, and no cache."""
    parts: Any = model.transformer
    time = np.arange(idx.shape[1])
    mask = (time <= time[:, None]) & (time > time[:, None] - window)
    x = parts["wte"](idx)
    if "wpe" in parts:
        x = x + parts["wpe"](idx.shape[1])
    for block in parts["h"]:
        attention = block.attn
        shapes = zip(attention.widths, (attention.n_head, *(attention.n_kv_head,) * 2), strict=True)
        projected = attention.c_attn(block.ln_1(x)).split(attention.widths, dim=2)
        q, k, v = (
            part.view(*idx.shape, heads, width // heads).transpose(1, 2)
            for part, (width, heads) in zip(projected, shapes, strict=True)
        )
        if attention.rotary is not None:
            q, k = attention.rotary(q), attention.rotary(k)
        y = F.scaled_dot_product_attention(q, k, v, tensor(mask), enable_gqa=True)
        x = x + attention.c_proj(y.transpose(1, 2).flatten(2))
        x = x + block.mlp(block.ln_2(x))
    return model.lm_head(parts["ln_f"](x))


WINDOWED = GPTConfig(vocab_size=11, block_size=12, n_layer=3, n_head=2, n_embd=8)
FORMS = {
    "learned": WINDOWED,
    "rotary": replace(WINDOWED, position="rotary"),
    "Llama": LLAMA,
}
PIECES = [[12], [1] * 12, [5, 1, 1, 5], [3, 4, 5], [1, 11], [2, 2, 8], [9, 1, 1, 1]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("window", [1, 2, 3, 5, 11, 12, 30])
@pytest.mark.parametrize("pieces", PIECES, ids=str)
def test_a_window_is_a_banded_mask(form: str, window: int, pieces: list[int]) -> None:
    """The plain model with the mask cut off, whatever pieces the text comes in."""
    model = lively(FORMS[form])
    idx = tensor([[n * 3 % 11 for n in range(12)], [n * n % 11 for n in range(12)]])
    cache, found, start = KVCache(model, 2, window=window), [], 0
    with no_grad():
        expected = banded(model, idx, window).numpy()
        for length in pieces:
            found.append(model(idx[:, start : start + length], cache=cache)[0].numpy())
            start += length
        if window < 12:
            assert np.abs(model(idx)[0].numpy() - expected).max() > 1e-3, "it is another model"
    np.testing.assert_allclose(np.concatenate(found, 1), expected, 1e-9, 1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_a_window_bounds_the_memory(form: str) -> None:
    model = lively(FORMS[form])
    full, cache = KVCache(model, 3), KVCache(model, 3, window=4)
    assert cache.nbytes == full.nbytes // 3 and cache.keys.shape[3] == 4
    memory = cache.keys
    generate(model, tensor([[1, 2, 3, 4, 5, 6]] * 3), 6, temperature=0, cache=cache)
    assert cache.length == 11 and cache.keys is memory


@pytest.mark.parametrize("form", FORMS)
def test_writing_with_a_window(form: str) -> None:
    """Within block_size and beyond, where the text slides, prompts of different lengths too."""
    model, window = lively(FORMS[form]), 3

    def by_hand(row: list[int], count: int) -> list[int]:
        with no_grad():
            for _ in range(count):
                scores = banded(model, tensor([row[-12:]]), window)
                row = [*row, int(scores[0, -1].argmax().item())]
        return row

    prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9]]
    cache = KVCache(model, 3, window=window)
    out = generate(model, prompts, 14, temperature=0, cache=cache)
    assert [row.tolist() for row in out] == [by_hand(row, 14) for row in prompts]


# ---- an exception in the middle ----------------------------------------------------------------


class Broken(Exception):
    """What goes wrong."""


@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("count", [1, 3, 5])
def test_an_exception_leaves_the_cache_as_it_was(
    window: int | None, layer: int, count: int
) -> None:
    """A pass fails in some layer (Ctrl-C, memory), with one new position or several; what follows
    is as if it had never been."""
    model = lively(FORMS["rotary"])
    idx = tensor([[n * 5 % 11 for n in range(12)]])
    cache, other = (KVCache(model, window=window) for _ in range(2))

    def fail(module: Any, args: Any) -> None:
        raise Broken

    with no_grad():
        for kept in (cache, other):
            model(idx[:, :7], cache=kept)
        handle = model.transformer["h"][layer].mlp.register_forward_pre_hook(fail)  # type: ignore[index]
        with pytest.raises(Broken):
            model(tensor([[9] * count]), cache=cache)
        handle.remove()
        assert cache.length == 7
        for piece in (idx[:, 7:8], idx[:, 8:10], idx[:, 10:11]):
            np.testing.assert_array_equal(
                model(piece, cache=cache)[0], model(piece, cache=other)[0]
            )


def test_a_loss_that_fails_does_not_count(gpt: GPT) -> None:
    """Positions are stored once the whole pass has succeeded."""
    cache, idx = KVCache(gpt), tensor([[1, 2, 3]])
    with no_grad():
        with pytest.raises(IndexError):
            gpt(idx, targets=idx + 100, cache=cache)
        assert cache.length == 0


def test_another_models_cache(gpt: GPT) -> None:
    config = gpt.config
    for changed in (
        replace(config, n_head=4),
        replace(config, n_embd=32),
        replace(config, n_layer=1),
        replace(config, n_kv_head=1),
    ):
        cache = KVCache(GPT(changed))
        with pytest.raises(ValueError, match=r"make one for this model: KVCache\(model\)"):
            generate(gpt, tensor([[1, 2, 3]]), 2, temperature=0, cache=cache)
        assert cache.length == 0
    with pytest.raises(ValueError, match=r"keys of float32 .* got float64"):
        cache = KVCache(gpt)
        generate(gpt.double(), tensor([[1, 2, 3]]), 2, temperature=0, cache=cache)


def test_the_batch_size_changes_under_a_cache(gpt: GPT) -> None:
    cache, idx = KVCache(gpt, 2), tensor([[1, 2, 3], [4, 5, 6]])
    with no_grad():
        expected = gpt(idx)[0].numpy()
        gpt(idx[:, :2], cache=cache)
        with pytest.raises(ValueError, match="made for batch_size=2, got 1; make a new one"):
            gpt(idx[:1, 2:], cache=cache)
        assert cache.length == 2
        found = gpt(idx[:, 2:], cache=cache)[0].numpy()
    np.testing.assert_allclose(found, expected[:, 2:], 1e-5, 1e-6)


@pytest.mark.parametrize("window", [0, -3])
def test_windows_that_make_no_sense(gpt: GPT, window: int) -> None:
    with pytest.raises(ValueError, match=f"expected a window of at least 1, or None; got {window}"):
        KVCache(gpt, window=window)


@pytest.mark.parametrize("sizes", [{"batch_size": 1.5}, {"max_len": 2.5}, {"window": 1.5}])
def test_sizes_are_whole_numbers(gpt: GPT, sizes: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        KVCache(gpt, **sizes)


def test_it_is_made_for_a_gpt() -> None:
    with pytest.raises(TypeError, match="expected a GPT, got MLP"):
        KVCache(MLP([2, 2]))  # type: ignore[arg-type]

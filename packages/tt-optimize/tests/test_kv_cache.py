"""With a cache the model says the same, and computes less."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_models import GPT, Cache, GPTConfig, generate, generate_stream
from tt_optimize import KVCache, flops
from tt_tensor import Generator, Tensor, float64, tensor, time_ops, untime_ops

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

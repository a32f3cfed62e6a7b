"""A GPT on arrays says what the plain one says, in every form, with a cache and without."""

import itertools
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tt_autograd import no_grad
from tt_models import GPT, GPTConfig, generate
from tt_nn import Linear, Parameter
from tt_optimize import KVCache, accelerate, low_rank, quantize
from tt_tensor import Tensor, arange, manual_seed, randint, tensor

BASE = GPTConfig(vocab_size=13, block_size=24, n_layer=2, n_head=4, n_embd=16)
FORMS = [
    replace(BASE, norm=norm, mlp=mlp, position=position, n_kv_head=few, bias=bias, tie_weights=tied)
    for norm, mlp, position, few, (bias, tied) in itertools.product(
        ("layer", "rms"),
        ("gelu", "swiglu"),
        ("learned", "rotary"),
        (None, 2, 1),
        ((True, True), (False, False)),
    )
]


def lively(config: GPTConfig) -> GPT:
    """Every parameter off its first value, words that depend on what was read."""
    model = GPT(config).eval()
    rng = np.random.default_rng(1)
    for parameter in model.parameters():
        scale = 6.0 if parameter.ndim == 2 else 1.0
        parameter.array *= scale
        parameter.array += rng.standard_normal(parameter.shape) * 0.1
    return model


def close(found: Any, expected: Any) -> None:
    """To 1e-5 of the largest score, in float32."""
    scale = np.abs(expected.numpy()).max()
    np.testing.assert_allclose(found.numpy(), expected.numpy(), 0, 1e-5 * scale)


@pytest.mark.parametrize("config", FORMS, ids=str)
def test_every_form(config: GPTConfig) -> None:
    """Whole texts, single tokens and pieces, one text and several, with windows and without."""
    model = lively(config)
    fast = accelerate(model)
    with no_grad():
        for batch in (1, 3):
            idx = randint(0, 13, (batch, 24))
            close(fast(idx)[0], model(idx)[0])
            close(fast(idx[:, :1])[0], model(idx[:, :1])[0])
            for window in (None, 5):
                caches = [KVCache(model, batch, window=window) for _ in range(2)]
                for start, stop in ((0, 9), (9, 10), (10, 11), (11, 20), (20, 21)):
                    piece = idx[:, start:stop]
                    close(fast(piece, cache=caches[0])[0], model(piece, cache=caches[1])[0])
                    assert caches[0].length == stop
    plain = generate(model, idx, 30, temperature=0)
    cached = generate(fast, idx, 30, temperature=0, cache=KVCache(fast, 3))
    assert cached.tolist() == plain.tolist()


@settings(max_examples=25, deadline=None)
@given(
    config=st.sampled_from(FORMS),
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=3),
    pieces=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    window=st.sampled_from([None, 1, 2, 7, 24]),
)
def test_any_pieces(
    config: GPTConfig, lengths: list[int], pieces: list[int], window: int | None
) -> None:
    manual_seed(len(pieces))
    model = lively(config)
    fast, idx = accelerate(model), randint(0, 13, (len(lengths), 24))
    caches, start = [KVCache(model, len(lengths), window=window) for _ in range(2)], 0
    with no_grad():
        for length in pieces:
            piece = idx[:, start : min(start + length, 24)]
            if not piece.shape[1]:
                break
            close(fast(piece, cache=caches[0])[0], model(piece, cache=caches[1])[0])
            start += length


def test_long_texts_go_in_blocks() -> None:
    """More rows than a block of the attention or of the MLP has."""
    model = lively(replace(BASE, block_size=200, n_kv_head=2))
    idx = randint(0, 13, (2, 200))
    with no_grad():
        close(accelerate(model)(idx)[0], model(idx)[0])
        for window in (3, 64, 100):
            caches = [KVCache(model, 2, window=window) for _ in range(2)]
            for piece in (idx[:, :130], idx[:, 130:199], idx[:, 199:]):
                found = accelerate(model)(piece, cache=caches[0])[0]
                close(found, model(piece, cache=caches[1])[0])


def test_scores_that_overflow() -> None:
    """e^score is inf, or 0 everywhere: done again with the maximum taken out."""
    model = lively(BASE)
    for block in model.transformer["h"]:  # type: ignore[attr-defined]
        block.attn.c_attn.weight.array *= 30.0
    fast, idx = accelerate(model), randint(0, 13, (1, 24))
    caches = [KVCache(model) for _ in range(2)]
    with no_grad():
        close(fast(idx)[0], model(idx)[0])
        for start, stop in ((0, 9), (9, 10), (10, 11)):
            found = fast(idx[:, start:stop], cache=caches[0])[0]
            assert np.isfinite(found.numpy()).all()
            expected = model(idx[:, start:stop], cache=caches[1])[0].numpy()
            np.testing.assert_allclose(found.numpy(), expected, 1e-3, 1e-3)


def test_layers_that_are_replaced_later(gpt: GPT) -> None:
    """The steps for one token are made anew: for another layer, parameter or bias."""
    fast, token = accelerate(gpt), tensor([[3]])
    mlp: Any = fast.transformer["h"][1].mlp  # type: ignore[index]
    theirs: Any = gpt.transformer["h"][1].mlp  # type: ignore[index]
    with no_grad():
        close(fast(token)[0], gpt(token)[0])
        before = fast(token)[0].numpy()
        mlp.c_fc = theirs.c_fc = Linear(16, 64)
        close(fast(token)[0], gpt(token)[0])
        assert np.abs(fast(token)[0].numpy() - before).max() > 1e-4
        mlp.c_fc.weight = Parameter(mlp.c_fc.weight * 2)
        close(fast(token)[0], gpt(token)[0])
        mlp.c_fc.bias = None
        close(fast(token)[0], gpt(token)[0])
        fast.lm_head = gpt.lm_head = Linear(16, 11)
        close(fast(token)[0], gpt(token)[0])


@pytest.mark.parametrize(
    "change", [quantize, lambda model: low_rank(model, rank=4)], ids=["int8", "low rank"]
)
@pytest.mark.parametrize("config", FORMS[::7], ids=str)
def test_other_layers_inside(change: Any, config: GPTConfig) -> None:
    """What is not known runs its own forward, token by token too."""
    small = change(lively(config)).eval()
    fast, idx = accelerate(small), randint(0, 13, (1, 12))
    caches = [KVCache(small) for _ in range(2)]
    with no_grad():
        close(fast(idx)[0], small(idx)[0])
        for start, stop in ((0, 5), (5, 6), (6, 7), (7, 12)):
            piece = idx[:, start:stop]
            close(fast(piece, cache=caches[0])[0], small(piece, cache=caches[1])[0])


class Lists:
    """A cache that is not ours."""

    window = None

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.length, self.stored = 0, {}  # type: ignore[var-annotated]

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        pairs = self.stored.setdefault(layer, [])
        pairs.append((key.numpy().copy(), value.numpy().copy()))
        keys, values = (np.concatenate([pair[i] for pair in pairs], 2) for i in (0, 1))
        return tensor(keys), tensor(values)

    def advance(self, count: int) -> None:
        self.length += count


def test_any_cache(gpt: GPT) -> None:
    for idx in (tensor([[1, 2, 3]]), tensor([[1, 2, 3], [4, 5, 6]])):
        expected = generate(gpt, idx, 6, temperature=0)
        found = generate(accelerate(gpt), idx, 6, temperature=0, cache=Lists())
        assert found.tolist() == expected.tolist()


def test_errors_are_the_models(gpt: GPT) -> None:
    fast = accelerate(gpt)
    cache = KVCache(gpt)
    with no_grad():
        with pytest.raises(ValueError, match="13 tokens are more than block_size = 12"):
            fast(tensor([[1] * 13]))
        with pytest.raises(ValueError, match="expected idx of shape"):
            fast(tensor([1, 2]))
        for idx in (tensor([[11]]), tensor([[1, -1]])):
            with pytest.raises(IndexError, match="expected 0 to 10"):
                fast(idx, cache=cache)
        with pytest.raises(ValueError, match="made for batch_size=1, got 2"):
            fast(tensor([[1], [2]]), cache=cache)
        assert cache.length == 0
        with pytest.raises(ValueError, match="make one for this model"):
            fast(tensor([[1]]), cache=KVCache(GPT(replace(gpt.config, n_head=4))))


def test_losses(gpt: GPT) -> None:
    idx = arange(8).reshape(2, 4)
    with no_grad():
        found, expected = (model(idx, targets=idx) for model in (accelerate(gpt), gpt))
    close(found[0], expected[0])
    close(found[1], expected[1])


def test_texts_of_no_length(gpt: GPT) -> None:
    with no_grad():
        for shape in ((0, 3), (0, 1)):
            idx = tensor(np.zeros(shape, np.int64))
            assert accelerate(gpt)(idx)[0].shape == gpt(idx)[0].shape == (*shape, 11)


def test_two_threads_at_once(gpt: GPT) -> None:
    """Each has memory of its own."""
    fast, texts = accelerate(gpt), [[[1, 2, 3]], [[7, 8, 9, 10]]]
    expected = [generate(gpt, tensor(text), 8, temperature=0).tolist() for text in texts]
    wrong: list[Any] = []

    def write(i: int) -> None:
        cache = KVCache(fast)
        for _ in range(20):
            found = generate(fast, tensor(texts[i]), 8, temperature=0, cache=cache).tolist()
            if found != expected[i]:
                wrong.append(found)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong

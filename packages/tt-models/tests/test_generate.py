"""Writing texts: greedy, drawn, stopped, streamed, side by side, beyond the window."""

from typing import Any

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_models import GPT, Cache, generate, generate_stream
from tt_nn import Dropout
from tt_tensor import Generator, Tensor, int32, tensor

PROMPT = [[1, 2, 3], [4, 5, 6]]


def by_hand(model: GPT, rows: list[list[int]], count: int) -> list[list[int]]:
    """The likeliest token, again and again, each text alone."""
    model.eval()
    results = []
    for ids in rows:
        ids = list(ids)
        for _ in range(count):
            with no_grad():
                logits = model(tensor([ids[-model.config.block_size :]]))[0]
            ids.append(int(logits.numpy()[0, -1].argmax()))
        results.append(ids)
    return results


def seed(n: int = 0) -> Generator:
    return Generator().manual_seed(n)


def test_greedy(model: GPT) -> None:
    out = generate(model, tensor(PROMPT), 4, temperature=0)
    assert out.tolist() == by_hand(model, PROMPT, 4)
    assert out.dtype == np.int64 and not out.requires_grad
    assert len({tuple(row[3:]) for row in out.tolist()}) == 2, (
        "the texts differ, or this shows little"
    )


def test_the_window_slides_beyond_block_size(model: GPT) -> None:
    out = generate(model, tensor(PROMPT), 14, temperature=0)
    assert out.shape == (2, 17) and out.tolist() == by_hand(model, PROMPT, 14)
    long = [[n % 11 for n in range(12)]]
    assert generate(model, tensor(long), 3, temperature=0).tolist() == by_hand(model, long, 3)


def test_nothing_to_write(model: GPT) -> None:
    assert generate(model, tensor(PROMPT), 0).tolist() == PROMPT
    assert list(generate_stream(model, tensor(PROMPT), 0)) == []


def test_a_seed_determines_the_text(model: GPT) -> None:
    texts = [generate(model, tensor(PROMPT), 6, generator=seed(n)).tolist() for n in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("options", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-6}])
def test_filters_that_leave_one_token_are_greedy(model: GPT, options: dict[str, Any]) -> None:
    out = generate(model, tensor(PROMPT), 4, generator=seed(), **options)
    assert out.tolist() == by_hand(model, PROMPT, 4)


def test_streaming_gives_the_same_tokens(model: GPT) -> None:
    for options in ({"temperature": 0}, {"temperature": 0.9, "top_k": 5, "top_p": 0.9}):
        whole = generate(model, tensor(PROMPT), 7, generator=seed(), **options)  # type: ignore[arg-type]
        stream = generate_stream(model, tensor(PROMPT), 7, generator=seed(), **options)  # type: ignore[arg-type]
        tokens = [token.tolist() for token in stream]
        assert np.array(tokens).T.tolist() == whole[:, 3:].tolist()


# --- stop tokens ----------------------------------------------------------------------------------


def test_a_stop_token_ends_the_text(model: GPT) -> None:
    free = by_hand(model, PROMPT[:1], 6)[0]
    end = free[4]
    expected = free[: free.index(end, 3) + 1]
    for stop in (end, [end], {end, 99}, np.int64(end), iter([end])):
        out = generate(model, tensor(PROMPT[:1]), 6, temperature=0, stop=stop)
        assert out.tolist() == [expected]


def test_a_text_that_has_ended_repeats_its_stop_token(model: GPT) -> None:
    free = by_hand(model, PROMPT, 8)
    stop = next(t for t in free[0][3:] if t not in free[1][3:])
    out = generate(model, tensor(PROMPT), 8, temperature=0, stop=stop).tolist()
    end = free[0].index(stop, 3)
    assert out[0] == free[0][: end + 1] + [stop] * (10 - end)
    assert out[1] == free[1], "the other goes on"


def test_a_stop_token_in_the_prompt_stops_nothing(model: GPT) -> None:
    free = by_hand(model, PROMPT[:1], 4)[0]
    assert 1 not in free[3:]
    assert generate(model, tensor(PROMPT[:1]), 4, temperature=0, stop=1).tolist() == [free]


# --- lists of prompts -----------------------------------------------------------------------------


def test_prompts_of_different_lengths(model: GPT) -> None:
    prompts = [[1, 2, 3], [7], tensor([4, 5, 6]), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10), [9]]
    out = generate(model, prompts, 5, temperature=0)
    rows = [list(p.tolist() if isinstance(p, Tensor) else p) for p in prompts]
    assert [row.tolist() for row in out] == [by_hand(model, [row], 5)[0] for row in rows]
    assert all(row.ndim == 1 and row.dtype == np.int64 for row in out)
    assert generate(model, [], 5) == []


def test_prompts_of_different_lengths_are_written_side_by_side(model: GPT) -> None:
    """As many calls of the model as the longest text needs, each with the texts that are due."""
    sizes: list[tuple[int, ...]] = []
    handle = model.register_forward_pre_hook(lambda _, args: sizes.append(args[0].shape))
    generate(model, [[1, 2, 3], [4], [5, 6, 7]], 4, temperature=0)
    handle.remove()
    assert sizes == [(1, 1), (1, 2), (3, 3), (3, 4), (2, 5), (2, 6)]


def test_a_seed_determines_a_list_too(model: GPT) -> None:
    prompts = [[1, 2, 3], [7], [4, 5]]
    one, again, other = (
        [row.tolist() for row in generate(model, prompts, 6, generator=seed(n))] for n in (1, 1, 2)
    )
    assert one == again != other


def test_a_list_is_cut_after_each_stop_token(model: GPT) -> None:
    prompts = [[1, 2, 3], [4, 5, 6], [7]]
    free = [by_hand(model, [prompt], 6)[0] for prompt in prompts]
    stop = free[0][4]
    out = generate(model, prompts, 6, temperature=0, stop=iter([stop]))
    for row, whole, prompt in zip(out, free, prompts, strict=True):
        new = whole[len(prompt) :]
        length = new.index(stop) + 1 if stop in new else len(new)
        assert row.tolist() == whole[: len(prompt) + length]


# --- the model's state ----------------------------------------------------------------------------


def test_dropout_is_off_and_the_modes_come_back(model: GPT) -> None:
    expected = by_hand(model, PROMPT, 5)
    model.train()
    for module in model.modules():
        if isinstance(module, Dropout):
            module.p = 0.9
    model.transformer.h[0].eval()  # someone froze a part
    modes = [module.training for module in model.modules()]
    assert generate(model, tensor(PROMPT), 5, temperature=0).tolist() == expected
    assert [module.training for module in model.modules()] == modes and True in modes


def test_the_modes_come_back_after_an_error_and_after_a_stream_left_early(model: GPT) -> None:

    def fail(*_: Any) -> None:
        raise ArithmeticError("in the middle")

    handle = model.transformer.h[1].register_forward_pre_hook(fail)
    with pytest.raises(ArithmeticError, match="in the middle"):
        generate(model, tensor([[1, 2]]), 3)
    handle.remove()
    assert model.training
    stream = generate_stream(model, tensor(PROMPT), 5)
    next(stream)
    assert not model.training
    stream.close()
    assert model.training


def test_gradients_are_followed_again_between_tokens(model: GPT) -> None:
    for _ in generate_stream(model, tensor(PROMPT), 2):
        assert model(tensor(PROMPT))[0].requires_grad
    assert all(p.grad is None for p in model.parameters())


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -0.1},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"temperature": 0, "top_k": -2},
    ],
)
def test_settings_that_make_no_sense(model: GPT, options: dict[str, Any]) -> None:
    for call in (generate, generate_stream):
        with pytest.raises(ValueError, match=r"(temperature|top_k|top_p) must"):
            call(model, tensor(PROMPT), 3, **options)
    assert model.training


@pytest.mark.parametrize(
    "prompt", [tensor([[]]).long(), tensor([1, 2]), tensor([[1.0]]), [[]], [[1.5]]]
)
def test_prompts_that_are_none(model: GPT, prompt: Any) -> None:
    with pytest.raises(
        ValueError, match=r"\(B, T\) integers with T >= 1.*Start an empty text with"
    ):
        generate(model, prompt, 3)


def test_a_text_slides_or_raises(model: GPT) -> None:
    """As asked, and before anything is written."""
    for prompt, new in (([[1] * 9], 1), ([[1] * 3], 7), ([[1] * 9], 0)):
        for call in (generate, generate_stream):
            with pytest.raises(ValueError, match="9 tokens are more than block_size = 8; shorten"):
                call(model, tensor(prompt), new, slide=False)
        generate(model, tensor(prompt), new)
    with pytest.raises(ValueError, match="10 tokens are more than block_size"):
        generate(model, [[1], [1] * 10], 1, slide=False)
    fits = generate(model, tensor(PROMPT), 6, temperature=0, slide=False)
    assert fits.tolist() == by_hand(model, PROMPT, 6)


def test_ids_outside_the_vocabulary_are_found_before_anything_is_written(model: GPT) -> None:
    for prompts in (tensor([[1, 11]]), [[1], [2] * 9 + [-1]], [[11] + [1] * 20]):
        with pytest.raises(IndexError, match=r"generate: index (11|-1) is out of range"):
            generate(model, prompts, 3)


def test_a_stream_has_one_length(model: GPT) -> None:
    stream = generate_stream(model, [[1, 2, 3], [4, 5, 6]], 2, temperature=0)
    columns = np.array([token.tolist() for token in stream]).T
    assert columns.tolist() == [row[3:] for row in by_hand(model, PROMPT, 2)]
    with pytest.raises(ValueError, match=r"prompts of different lengths, \[1, 2\].*use generate"):
        generate_stream(model, [[1], [1, 2]], 2)


@pytest.mark.parametrize("stop", [".", 1.5, [1.0], ["a"]])
def test_a_stop_that_is_no_token(model: GPT, stop: Any) -> None:
    with pytest.raises(TypeError, match="stop must be a token id or several"):
        generate(model, tensor(PROMPT), 3, stop=stop)


def test_other_errors(model: GPT) -> None:
    with pytest.raises(ValueError, match="max_new_tokens must not be negative, got -1"):
        generate(model, tensor(PROMPT), -1)
    with pytest.raises(
        ValueError, match="expected a list of prompts, each a list of token ids; got 1"
    ):
        generate(model, [1, 2, 3], 2)  # type: ignore[list-item]
    assert generate(model, tensor(PROMPT, dtype=int32), 1).shape == (2, 4)


class Recorder:
    """A cache that stores in lists and counts what it is asked."""

    window = None

    def __init__(self, batch_size: int = 1) -> None:
        self.batch_size, self.calls, self.resets = batch_size, 0, 0
        self.reset()

    @property
    def length(self) -> int:
        return self._length

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        assert key.shape[0] == self.batch_size
        self.calls += 1
        stored = self.layers.setdefault(layer, [])
        stored.append((key.numpy(), value.numpy()))
        keys, values = (np.concatenate([pair[i] for pair in stored], 2) for i in (0, 1))
        return tensor(keys), tensor(values)

    def advance(self, count: int) -> None:
        self._length += count

    def reset(self) -> None:
        self.resets += 1
        self.layers: dict[int, list[Any]] = {}
        self._length = 0


def test_any_object_with_the_protocol_is_a_cache(model: GPT) -> None:
    cache = Recorder(2)
    assert isinstance(cache, Cache) and not isinstance(object(), Cache)
    out = generate(model, tensor(PROMPT), 4, temperature=0, cache=cache)
    assert out.tolist() == by_hand(model, PROMPT, 4)
    assert cache.calls == 2 * 4 and cache.length == 6, (
        "two layers, four steps; the last token unseen"
    )
    again = generate(model, tensor(PROMPT), 4, temperature=0, cache=cache)
    assert again.tolist() == out.tolist() and cache.resets == 3


def test_a_list_shares_one_cache(model: GPT) -> None:
    """The shortest prompt begins; the others are still read while it writes."""
    made: list[Recorder] = []

    def make(batch_size: int) -> Recorder:
        made.append(Recorder(batch_size))
        return made[-1]

    prompts = [[1, 2, 3, 4], [3], [4, 5]]
    expected = [by_hand(model, [p], 3)[0] for p in prompts]
    for cache in (make, Recorder(3)):
        out = generate(model, prompts, 3, temperature=0, cache=cache)
        assert [row.tolist() for row in out] == expected
    assert [cache.batch_size for cache in made] == [3]
    one = generate(model, tensor([[1, 2, 3, 4]]), 3, temperature=0, cache=make)
    assert one.tolist() == expected[:1] and made[-1].batch_size == 1


def test_a_cache_catches_up_after_a_pause(model: GPT) -> None:
    """The short text has ended long before the other's prompt has."""
    prompts, cache = [[1], [7, 6, 5, 4, 3, 2, 1]], Recorder(2)
    out = generate(model, prompts, 2, temperature=0, cache=cache)
    assert [row.tolist() for row in out] == [by_hand(model, [p], 2)[0] for p in prompts]
    assert cache.calls == 2 * 4, "two layers; two steps for each text"

"""Writing text: the model proposes, chance (or the highest score) disposes, token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tt_autograd import no_grad
from tt_tensor import Generator, Tensor
from tt_tensor.ops.index import check_index
from tt_tensor.tensor import wrap

from .cache import Cache
from .sampling import check_sampling, next_token

__all__ = ["generate", "generate_stream"]

Array = np.ndarray[Any, np.dtype[Any]]
Prompts = Tensor | Sequence[Sequence[int] | Tensor]


def generate(
    model: Any,
    idx: Prompts,
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | Iterable[int] | None = None,
    generator: Generator | None = None,
    cache: Cache | Callable[[int], Cache] | None = None,
    slide: bool = True,
) -> Any:
    """Continue each prompt by up to max_new_tokens tokens.

    Prompts of different lengths are written side by side, each as if it were alone: a text that is
    still in its prompt takes the next token from there, while the others are given theirs.

    Args:
        model: a GPT, or whatever has ``config.block_size`` and returns (logits, loss).
        idx: prompts of one length, (B, T); or a list of prompts of different lengths.
        temperature: 0 takes the highest score; larger values make bolder choices.
        top_k: draw only from the k likeliest tokens.
        top_p: draw only from the likeliest tokens that together reach this probability.
        stop: a token id, or several, that end a text.
        generator: what draws the tokens; the global one if None.
        cache: remembers keys and values, so that each step computes one position; or a function
            that makes one for a batch size.
        slide: beyond block_size the model sees the last block_size tokens only; False raises
            instead, before anything is written.

    Returns:
        The prompts with their continuations: (B, T + new), rows that stopped early filled with
        their stop token; for a list of prompts, a list of 1-d Tensors, cut after the stop token.

    Raises:
        ValueError: an empty prompt, a setting that makes no sense, or a text that may not slide.
        IndexError: a token id outside the vocabulary.
    """
    text, lengths = _as_text(idx, max_new_tokens)
    choose = _chooser(temperature, top_k, top_p, generator)
    if cache is not None and not isinstance(cache, Cache):
        cache = cache(len(text))
    stops = _stops(stop)
    last = text.shape[1] - max_new_tokens - 1
    for column in _columns(model, text, lengths, choose, stops, cache, slide):
        last = column
    if isinstance(idx, Tensor):
        return wrap(text[:, : last + 1])
    return [
        wrap(row[: _end(row, length, max_new_tokens, stops)].copy())
        for row, length in zip(text, lengths, strict=True)
    ]


def generate_stream(
    model: Any,
    idx: Prompts,
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | Iterable[int] | None = None,
    generator: Generator | None = None,
    cache: Cache | None = None,
    slide: bool = True,
) -> Iterator[Tensor]:
    """The new tokens one after another, (B,) each, as they come; arguments as for ``generate``.

    The prompts must be of one length. A row that has produced a stop token repeats it; the stream
    ends when all rows have. The model is in evaluation mode until then.
    """
    text, lengths = _as_text(idx, max_new_tokens)
    if len(set(lengths)) > 1:
        raise ValueError(
            f"generate_stream: prompts of different lengths, {sorted(set(lengths))}, do not begin "
            "to be continued at once; stream those of one length, or use generate()"
        )
    choose = _chooser(temperature, top_k, top_p, generator)
    columns = _columns(model, text, lengths, choose, _stops(stop), cache, slide)
    return (wrap(text[:, column].copy()) for column in columns)


def _columns(
    model: Any,
    text: Array,
    lengths: list[int],
    choose: Callable[[Tensor], Tensor],
    stops: frozenset[int],
    cache: Cache | None,
    slide: bool,
) -> Iterator[int]:
    """Check what is checked before anything is written, then ``_write``."""
    config = model.config
    if hasattr(config, "vocab_size"):
        check_index(text, config.vocab_size, "generate: ")
    needed = max(text.shape[1] - 1, max(lengths, default=0))  # the last new token is not read
    if not slide and needed > config.block_size:
        raise ValueError(
            f"generate: {needed} tokens are more than block_size = {config.block_size}; shorten "
            "the prompt or the text, or pass slide=True to see the last ones only"
        )
    return _write(model, text, np.array(lengths, int), choose, stops, cache)


def _write(
    model: Any,
    text: Array,
    lengths: Array,
    choose: Callable[[Tensor], Tensor],
    stops: frozenset[int],
    cache: Cache | None,
) -> Iterator[int]:
    """Fill the text (B, longest + new) column by column; yields each that got a new token.

    64 prompts of 10 to 50 tokens so take 0.27 s with a cache, in groups of one length 0.65 s.
    """
    if cache is not None:
        cache.reset()
    ends = lengths + text.shape[1] - lengths.max(initial=0)
    training = [module for module in model.modules() if module.training]
    if training:
        model.eval()
    try:
        for column in range(int(lengths.min(initial=text.shape[1])), text.shape[1]):
            writing = (lengths <= column) & (column < ends)
            if not np.count_nonzero(writing):
                continue  # between the end of one text and the end of a longer one's prompt
            with no_grad():
                token = choose(_next_logits(model, text[:, :column], writing, cache)).array
            text[writing, column] = token
            for row, index in zip(np.flatnonzero(writing), token.tolist(), strict=True):
                if index in stops:
                    text[row, column:] = index
                    ends[row] = 0
            yield column
    finally:
        for module in training:
            module.training = True


def _next_logits(model: Any, text: Array, writing: Array, cache: Cache | None) -> Tensor:
    """The scores after the last token, for the rows that are writing: (rows, V).

    With a cache, which holds all rows, only the tokens that it lacks are computed. Beyond
    block_size the text slides: positions change, so what is in the cache is of no use any more.
    """
    limit = model.config.block_size
    new = text[:, -limit:]
    if cache is None or (text.shape[1] > limit and cache.window is None):
        return model(wrap(new[writing]))[0][:, -1]  # type: ignore[no-any-return]
    if text.shape[1] > limit:
        cache.reset()  # but its window still says what the model is
    logits: Tensor = model(wrap(new[:, cache.length :]), cache=cache)[0]
    return logits[:, -1] if np.count_nonzero(writing) == len(writing) else logits[wrap(writing), -1]


def _as_text(idx: Prompts, max_new_tokens: int) -> tuple[Array, list[int]]:
    """The prompts in an array (B, longest + new), filled up with 0, and their lengths."""
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens must not be negative, got {max_new_tokens}")
    if isinstance(idx, Tensor):
        _check_prompts(idx.array, 2)
        rows = list(idx.array)
    else:
        rows = [prompt.array if isinstance(prompt, Tensor) else np.array(prompt) for prompt in idx]
        for row, prompt in zip(rows, idx, strict=True):
            if row.ndim != 1:
                raise ValueError(
                    "generate: expected a list of prompts, each a list of token ids; got "
                    f"{prompt!r} as one"
                )
            _check_prompts(row, 1)
    lengths = [len(row) for row in rows]
    text = np.zeros((len(rows), max(lengths, default=0) + max_new_tokens), np.int64)
    for row, ids in zip(text, rows, strict=True):
        row[: len(ids)] = ids
    return text, lengths


def _check_prompts(array: Array, ndim: int) -> None:
    if array.ndim != ndim or array.shape[-1] == 0 or array.dtype.kind not in "iu":
        raise ValueError(
            "generate: expected prompts of token ids, (B, T) integers with T >= 1; got "
            f"{array.dtype}{array.shape}. Start an empty text with a token such as the newline's"
        )


def _chooser(
    temperature: float, top_k: int | None, top_p: float | None, generator: Generator | None
) -> Callable[[Tensor], Tensor]:
    """From scores to tokens; the settings are checked now."""
    check_sampling(temperature, top_k, top_p)
    return lambda logits: next_token(logits, temperature, top_k, top_p, generator)


def _stops(stop: int | Iterable[int] | None) -> frozenset[int]:
    if stop is None:
        return frozenset()
    ids = frozenset(stop if isinstance(stop, Iterable) else (stop,))
    if not all(isinstance(index, int | np.integer) for index in ids):
        raise TypeError(f"stop must be a token id or several, got {stop!r}")
    return ids


def _end(row: Array, length: int, max_new_tokens: int, stops: frozenset[int]) -> int:
    """How long a text is: up to its stop token, if there is one."""
    for place, index in enumerate(row[length : length + max_new_tokens].tolist(), 1):
        if index in stops:
            return length + place
    return length + max_new_tokens

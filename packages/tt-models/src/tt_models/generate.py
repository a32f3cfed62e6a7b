"""Writing text: the model proposes, chance (or the highest score) disposes, token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tt_autograd import no_grad
from tt_tensor import Generator, Tensor, cat, tensor
from tt_tensor.tensor import wrap

from .cache import Cache
from .sampling import check_sampling, next_token

__all__ = ["generate", "generate_stream"]


def _next_logits(model: Any, idx: Tensor, cache: Cache | None) -> Tensor:
    """The scores after the last token, computing only what the cache lacks.

    Beyond block_size the window slides: positions change, so the cache is of no use any more.
    """
    limit = model.config.block_size
    if cache is None or idx.shape[1] > limit:
        return model(idx[:, -limit:])[0][:, -1]  # type: ignore[no-any-return]
    return model(idx[:, cache.length :], cache=cache)[0][:, -1]  # type: ignore[no-any-return]


def generate_stream(
    model: Any,
    idx: Tensor,
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | Iterable[int] | None = None,
    generator: Generator | None = None,
    cache: Cache | None = None,
) -> Iterator[Tensor]:
    """The new tokens one after another, (B,) each, as they come.

    A row that has produced a stop token repeats it; the stream ends when all rows have. The model
    is in evaluation mode until then.
    """
    _check_prompts(idx)
    check_sampling(temperature, top_k, top_p)
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens must not be negative, got {max_new_tokens}")

    def choose(logits: Tensor) -> Tensor:
        return next_token(logits, temperature, top_k, top_p, generator)

    return _stream(model, idx, max_new_tokens, choose, _stops(stop), cache)


def _stream(
    model: Any,
    idx: Tensor,
    max_new_tokens: int,
    choose: Callable[[Tensor], Tensor],
    stops: frozenset[int],
    cache: Cache | None,
) -> Iterator[Tensor]:
    if cache is not None:
        cache.reset()
    ended = np.zeros(idx.shape[0], bool)
    was_training = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        for _ in range(max_new_tokens):
            with no_grad():
                token = choose(_next_logits(model, idx, cache))
            if ended.any():
                token = wrap(np.where(ended, idx.array[:, -1], token.array))
            yield token
            idx = cat([idx, token.unsqueeze(1)], 1)
            ended |= np.isin(token.array, list(stops))
            if stops and ended.all():
                return
    finally:
        for module, training in was_training:
            module.training = training


def generate(
    model: Any,
    idx: Tensor | Sequence[Sequence[int] | Tensor],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | Iterable[int] | None = None,
    generator: Generator | None = None,
    cache: Cache | Callable[[int], Cache] | None = None,
) -> Any:
    """Continue each prompt by up to max_new_tokens tokens.

    Args:
        model: a GPT, or whatever has ``config.block_size`` and returns (logits, loss).
        idx: prompts of one length, (B, T); or a list of prompts of different lengths.
        temperature: 0 takes the highest score; larger values make bolder choices.
        top_k: draw only from the k likeliest tokens.
        top_p: draw only from the likeliest tokens that together reach this probability.
        stop: a token id, or several, that end a text.
        cache: remembers keys and values, so that each step computes one position; for a list of
            prompts a function from batch size to cache.

    Returns:
        The prompts with their continuations: (B, T + new), rows that stopped early filled with
        their stop token; for a list of prompts, a list of 1-d Tensors, cut after the stop token.
    """
    options: dict[str, Any] = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "stop": _stops(stop),
        "generator": generator,
    }
    if not isinstance(idx, Tensor):
        return _generate_list(model, idx, max_new_tokens, cache, options)
    if cache is not None and not isinstance(cache, Cache):
        cache = cache(len(idx))
    stream = generate_stream(model, idx, max_new_tokens, cache=cache, **options)
    return cat([idx, *(token.unsqueeze(1) for token in stream)], 1)


def _generate_list(
    model: Any,
    prompts: Sequence[Sequence[int] | Tensor],
    max_new_tokens: int,
    cache: Any,
    options: dict[str, Any],
) -> list[Tensor]:
    """Prompts of equal length are continued together."""
    if isinstance(cache, Cache):
        raise TypeError(
            "generate: for a list of prompts pass cache as a function of the batch size"
        )
    rows = [_as_row(prompt) for prompt in prompts]
    by_length: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        by_length.setdefault(row.shape[1], []).append(i)
    results: list[Any] = [None] * len(rows)
    for length, members in by_length.items():
        batch = cat([rows[i] for i in members])  # (B, T)
        out = generate(model, batch, max_new_tokens, cache=cache, **options)
        for i, row in zip(members, out.array, strict=True):
            stopped = np.isin(row[length:], list(options["stop"]))
            end = length + int(stopped.argmax()) + 1 if stopped.any() else len(row)
            results[i] = tensor(row[:end])
    return results


def _as_row(prompt: Sequence[int] | Tensor) -> Tensor:
    """One prompt as (1, T)."""
    row = prompt if isinstance(prompt, Tensor) else tensor(prompt)
    if row.ndim != 1:
        raise ValueError(
            f"generate: expected a list of prompts, each a list of token ids; got {prompt!r} as one"
        )
    row = row.unsqueeze(0)
    _check_prompts(row)
    return row


def _stops(stop: int | Iterable[int] | None) -> frozenset[int]:
    if stop is None:
        return frozenset()
    return frozenset((stop,) if isinstance(stop, (int, np.integer)) else stop)


def _check_prompts(idx: Tensor) -> None:
    if idx.ndim != 2 or idx.shape[1] == 0 or idx.dtype.kind not in "iu":
        raise ValueError(
            "generate: expected prompts of token ids, (B, T) integers with T >= 1; got "
            f"{idx.dtype}{idx.shape}. Start an empty text with a token such as the newline's"
        )

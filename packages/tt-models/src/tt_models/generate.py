"""Writing text: the model proposes, chance (or the highest score) disposes, token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from tt_autograd import no_grad
from tt_nn import functional as F
from tt_tensor import Generator, Tensor, argmax, cat, multinomial, tensor
from tt_tensor.tensor import wrap

from .cache import Cache

__all__ = ["generate", "generate_stream", "next_token", "top_k_logits", "top_p_logits"]


def top_k_logits(logits: Tensor, k: int) -> Tensor:
    """All but the k highest scores of each row become -inf.

    Shape: (B, V) -> (B, V); scores equal to the k-th stay
    """
    if k <= 0:
        raise ValueError(f"top_k must be positive, got {k}")
    if k >= logits.shape[-1]:
        return logits
    lowest = logits.topk(k).values[:, -1:]
    return logits.masked_fill(logits < lowest, -np.inf)


def top_p_logits(logits: Tensor, p: float) -> Tensor:
    """Only the smallest set of tokens whose probabilities reach p stays; the rest becomes -inf.

    Shape: (B, V) -> (B, V)

    Source: Holtzman et al. 2020 (nucleus sampling).
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p must lie in (0, 1], got {p}")
    ordered, order = logits.sort(-1, descending=True)
    before = F.softmax(ordered, -1).cumsum(-1) - F.softmax(ordered, -1)
    dropped = before >= p  # those that come after p is reached
    back = order.argsort(-1)
    return logits.masked_fill(dropped.gather(-1, back), -np.inf)


def next_token(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """One token per row: the highest score if temperature is 0, else drawn from
    softmax(logits / temperature) after the filters.

    Shape: (B, V) -> (B,)
    """
    if temperature < 0:
        raise ValueError(f"temperature must not be negative, got {temperature} (0 is greedy)")
    if temperature == 0:
        return argmax(logits, -1)
    logits = logits / temperature
    if top_k is not None:
        logits = top_k_logits(logits, top_k)
    if top_p is not None:
        logits = top_p_logits(logits, top_p)
    return multinomial(F.softmax(logits, -1), 1, generator=generator).squeeze(1)


def _stops(stop: int | Iterable[int] | None) -> frozenset[int]:
    if stop is None:
        return frozenset()
    return frozenset((stop,) if isinstance(stop, int) else stop)


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

    A row that has produced a stop token repeats it; the stream ends when all rows have.
    """
    idx = _checked(idx)
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens must not be negative, got {max_new_tokens}")
    if cache is not None:
        cache.reset()
    stops = _stops(stop)
    ended = np.zeros(idx.shape[0], bool)
    was_training = model.training
    model.eval()
    try:
        for _ in range(max_new_tokens):
            with no_grad():
                logits = _next_logits(model, idx, cache)
                token = next_token(logits, temperature, top_k, top_p, generator)
            if ended.any():
                token = wrap(np.where(ended, idx.array[:, -1], token.array))
            yield token
            idx = cat([idx, token.unsqueeze(1)], 1)
            ended |= np.isin(token.array, list(stops))
            if stops and ended.all():
                return
    finally:
        model.train(was_training)


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
        top_k, top_p: draw only from the k likeliest tokens; from the likeliest that together reach p.
        stop: a token id, or several, that end a text.
        cache: remembers keys and values, so that each step computes one position; for a list of
            prompts a function from batch size to cache.

    Returns:
        The prompts with their continuations: (B, T + new), rows that stopped early filled with their
        stop token; a list of 1-d Tensors, cut after the stop token, for a list of prompts.
    """
    options = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "stop": stop,
        "generator": generator,
    }
    if isinstance(idx, Tensor):
        if cache is not None and not isinstance(cache, Cache):
            cache = cache(idx.shape[0])
        stream = generate_stream(model, idx, max_new_tokens, cache=cache, **options)  # type: ignore[arg-type]
        return cat([idx, *(token.unsqueeze(1) for token in stream)], 1)
    return _generate_list(model, idx, max_new_tokens, _stops(stop), cache, options)


def _generate_list(
    model: Any,
    prompts: Sequence[Sequence[int] | Tensor],
    max_new_tokens: int,
    stops: frozenset[int],
    cache: Any,
    options: dict[str, Any],
) -> list[Tensor]:
    """Prompts of equal length are continued together."""
    if cache is not None and isinstance(cache, Cache):
        raise TypeError("generate: for a list of prompts pass cache as a function of the batch size")
    rows = [list(p.tolist() if isinstance(p, Tensor) else p) for p in prompts]
    by_length: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        by_length.setdefault(len(row), []).append(i)
    results: list[Any] = [None] * len(rows)
    for length, members in by_length.items():
        batch = tensor([rows[i] for i in members]).reshape(len(members), length)
        out = generate(model, batch.long(), max_new_tokens, cache=cache, **options)
        for i, row in zip(members, out.tolist(), strict=True):
            end = next((n + 1 for n in range(length, len(row)) if row[n] in stops), len(row))
            results[i] = tensor(row[:end])
    return results


def _checked(idx: Tensor) -> Tensor:
    if idx.ndim != 2 or idx.shape[1] == 0 or idx.dtype.kind not in "iu":
        raise ValueError(
            "generate: expected prompts of token ids, (B, T) integers with T >= 1; got "
            f"{idx.dtype}{idx.shape}. Start an empty text with a token such as the newline's"
        )
    return idx

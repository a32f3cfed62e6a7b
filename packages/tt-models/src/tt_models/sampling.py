"""Choosing the next token from the model's scores."""

from __future__ import annotations

import numpy as np

from tt_nn import functional as F
from tt_tensor import Generator, Tensor, argmax, multinomial

__all__ = ["check_sampling", "next_token", "top_k_logits", "top_p_logits"]


def check_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise ValueError unless the settings make sense."""
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must not be negative, got {temperature} (0 is greedy)")
    if top_k is not None and not (isinstance(top_k, int | np.integer) and top_k > 0):
        raise ValueError(f"top_k must be positive and whole, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must lie in (0, 1], got {top_p}")


def top_k_logits(logits: Tensor, k: int) -> Tensor:
    """All but the k highest scores of each row become -inf.

    Shape: (B, V) -> (B, V); scores equal to the k-th stay

    >>> from tt_tensor import tensor
    >>> top_k_logits(tensor([[1.0, 4.0, 2.0, 3.0]]), 2)
    tensor([[-inf, 4., -inf, 3.]])
    """
    check_sampling(1.0, k, None)
    if k >= logits.shape[-1]:
        return logits
    lowest = logits.topk(k).values[:, -1:]
    return logits.masked_fill(logits < lowest, -np.inf)


def top_p_logits(logits: Tensor, p: float) -> Tensor:
    """Only the smallest set of tokens whose probabilities reach p stays; the rest becomes -inf.

    Shape: (B, V) -> (B, V)

    Source: Holtzman et al. 2020 (nucleus sampling).

    >>> from tt_tensor import tensor
    >>> top_p_logits(tensor([[0.1, 0.6, 0.3]]).log(), 0.7).exp()
    tensor([[0.0000, 0.6000, 0.3000]])
    """
    check_sampling(1.0, None, p)
    ordered, order = logits.sort(-1, descending=True)
    # in float64, or p = 1 would drop 18 of 50,257 equal tokens: their float32 sum is too large
    probabilities = F.softmax(ordered.double(), -1)
    before = probabilities.cumsum(-1) - probabilities
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
    check_sampling(temperature, top_k, top_p)
    if temperature == 0:
        return argmax(logits, -1)
    logits = (logits - logits.amax(-1, keepdim=True)) / temperature  # no inf however cold
    if top_k is not None:
        logits = top_k_logits(logits, top_k)
    if top_p is not None:
        logits = top_p_logits(logits, top_p)
    return multinomial(F.softmax(logits, -1), 1, generator=generator).squeeze(1)

"""Amdahl's law: what a faster part buys the whole."""

from __future__ import annotations

__all__ = ["speedup"]


def speedup(share: float, factor: float) -> float:
    """1 / ((1 - f) + f / s): how many times faster the whole is if a part of it is.

    Args:
        share: f, the part's share of the time, 0 to 1.
        factor: s, how many times faster the part becomes; infinity gives the limit 1 / (1 - f).

    Raises:
        ValueError: the share is not within 0 to 1, or the factor not positive.

    >>> speedup(0.5, 2)
    1.3333333333333333
    >>> speedup(0.5, float("inf"))
    2.0

    Source: Amdahl 1967.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"speedup: expected a share of 0 to 1, got {share}")
    if not factor > 0:
        raise ValueError(f"speedup: expected a positive factor, got {factor}")
    left = (1 - share) + share / factor
    return 1 / left if left else float("inf")

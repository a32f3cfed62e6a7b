"""Two ways to look at pairs of times that need no distribution: how often one wins, and whether
chance alone would do that."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np

__all__ = ["sign_test", "superiority"]


def superiority(a: Sequence[float], b: Sequence[float], paired: bool = True) -> float:
    """The share of pairs in which a is less than b; a tie counts half.

    Paired, the pairs are (a[i], b[i]); otherwise each of a with each of b, which makes it the
    Mann-Whitney statistic, U / (n·m).

    Source: McGraw and Wong 1992, *A common language effect size statistic*.

    >>> superiority([1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 3.0, 3.0])
    0.625
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if not paired:
        first = first[:, None]
    return float(np.mean((first < second) + 0.5 * (first == second)))


def sign_test(a: Sequence[float], b: Sequence[float]) -> float:
    """The two-sided p-value of the sign test: are a[i] and b[i] equally often the smaller one?

    Of n pairs without ties, w are won by the one that wins less often:
    p = min(1, 2 · Σ_{k≤w} C(n, k) / 2ⁿ). Ties are left out.

    Source: Dixon and Mood 1946, *The statistical sign test*.

    >>> sign_test([1.0] * 8, [2.0] * 8)
    0.0078125
    """
    won = sum(bool(x < y) for x, y in zip(a, b, strict=True))
    lost = sum(bool(x > y) for x, y in zip(a, b, strict=True))
    n, fewer = won + lost, min(won, lost)
    tail: int = sum(comb(n, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << n))  # of whole numbers: 2ⁿ may be larger than any float

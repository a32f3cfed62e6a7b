"""Which of two is faster, if that can be told at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .pairs import sign_test, superiority
from .resampling import bootstrap_ratio, fewest_samples
from .result import BenchmarkResult

__all__ = ["Comparison", "Verdict", "compare", "compare_seconds"]

Verdict = Literal["faster", "slower", "no difference found"]

# Bootstrap intervals of few samples are somewhat too narrow. Of 300 comparisons of equals, 30 pairs
# each with 5 % noise, 95 % intervals found a difference in 29, and 99 % intervals in 7.
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Comparison:
    """How many times as fast a is as b.

    Attributes:
        ratio: b's time / a's time: above 1, a is faster.
        low, high: the confidence interval of the ratio.
        samples: how many of each were compared.
        paired: were a's and b's samples taken in turns, in one run?
        wins: the effect size: the share of pairs (of all samples of a with all of b, if not paired)
            in which a took less time; a tie counts half. 0.5 for equals.
        p_value: how probable wins so far from half would be among equals, by the ``sign_test``;
            None if not paired.
        verdict: what may be said of a.
    """

    a: str
    b: str
    ratio: float
    low: float
    high: float
    confidence: float
    samples: int
    paired: bool
    verdict: Verdict
    wins: float
    p_value: float | None

    def __str__(self) -> str:
        interval = f"{self.confidence:.0%} CI {self.low:.3g} to {self.high:.3g}"
        how = f"{self.samples} {'pairs' if self.paired else 'samples each, not paired'}"
        if self.verdict == "no difference found":
            few = fewest_samples(self.confidence)
            too_few = f"; at least {few} are needed" if self.samples < few else ""
            return (
                f"no difference found between {self.a} and {self.b} "
                f"(ratio {self.ratio:.3g}, {interval}, {how}{too_few})"
            )
        wins = f"faster in {self.wins:.0%} of {how}"
        return f"{self.a} is {self.ratio:.3g}× as fast as {self.b} ({interval}, {wins})"


def compare_seconds(
    a: Sequence[float],
    b: Sequence[float],
    *,
    names: tuple[str, str] = ("a", "b"),
    paired: bool = True,
    confidence: float = CONFIDENCE,
    smallest_difference: float = 0.01,
    seed: int = 0,
) -> Comparison:
    """Compare the times a and b, in seconds; see ``compare``.

    >>> quick = [1.00, 1.02, 0.99, 1.01, 1.00, 1.03, 0.98, 1.00]
    >>> print(compare_seconds(quick, [1.3 * t for t in quick], names=("new", "old")))
    new is 1.3× as fast as old (99% CI 1.3 to 1.3, faster in 100% of 8 pairs)
    >>> compare_seconds(quick, quick[::-1]).verdict
    'no difference found'
    """
    ratio, (low, high) = bootstrap_ratio(a, b, paired, confidence, seed=seed)
    samples = min(len(a), len(b))
    verdict: Verdict = "no difference found"
    if samples >= fewest_samples(confidence):
        if low > 1 and ratio > 1 + smallest_difference:
            verdict = "faster"
        elif high < 1 and ratio < 1 / (1 + smallest_difference):
            verdict = "slower"
    return Comparison(
        a=names[0],
        b=names[1],
        ratio=ratio,
        low=low,
        high=high,
        confidence=confidence,
        samples=samples,
        paired=paired,
        verdict=verdict,
        wins=superiority(a, b, paired),
        p_value=sign_test(a, b) if paired else None,
    )


def compare(
    a: BenchmarkResult,
    b: BenchmarkResult,
    *,
    confidence: float = CONFIDENCE,
    smallest_difference: float = 0.01,
    seed: int = 0,
) -> Comparison:
    """Is a faster than b?

    The ratio is b's time / a's time, by ``bootstrap_ratio``: over pairs if both come from one run,
    otherwise between medians. A winner is declared only if all of this holds:

    - the confidence interval of the ratio does not contain 1;
    - the ratio is further than ``smallest_difference`` from 1. Where code and data happen to lie in
      memory shifts a program's time by as much, again and again the same way, and no number of
      samples shows it (Mytkowicz et al. 2009, *Producing wrong data without doing anything
      obviously wrong!*);
    - there are enough samples for this confidence at all (``fewest_samples``).

    Otherwise the verdict is "no difference found", which does not mean that there is none.
    """
    return compare_seconds(
        a.samples_seconds,
        b.samples_seconds,
        names=(a.name, b.name),
        paired=a.run == b.run and len(a.samples_seconds) == len(b.samples_seconds),
        confidence=confidence,
        smallest_difference=smallest_difference,
        seed=seed,
    )

"""Verdicts: ties among equals, differences found, and no winner inside the noise."""

import numpy as np
import pytest

from tt_bench import Benchmark, compare, compare_seconds


def noisy(generator: np.random.Generator, count: int = 30, spread: float = 0.05) -> np.ndarray:
    """Times around 1, skewed, with every twentieth disturbed."""
    times = generator.lognormal(0, spread, count)
    return times * np.where(generator.random(count) < 0.05, generator.uniform(1, 4, count), 1)


def verdicts(difference: float, runs: int = 200) -> list[str]:
    """Of that many comparisons of b = (1 + difference) · a, both noisy in their own way."""
    generator = np.random.default_rng(0)
    found = []
    for _ in range(runs):
        a, b = noisy(generator), (1 + difference) * noisy(generator)
        found.append(compare_seconds(a.tolist(), b.tolist()).verdict)
    return found


def test_equals_are_a_tie() -> None:
    assert verdicts(0.0).count("no difference found") >= 0.95 * 200


def test_ten_percent_are_found() -> None:
    assert verdicts(0.10).count("faster") >= 0.95 * 200
    assert verdicts(-0.10).count("slower") >= 0.95 * 200


def test_the_ratio_is_turned_round_with_the_names() -> None:
    generator = np.random.default_rng(1)
    a, b = noisy(generator).tolist(), (1.5 * noisy(generator)).tolist()
    there, back = compare_seconds(a, b), compare_seconds(b, a)
    assert there.ratio == pytest.approx(1 / back.ratio, rel=0.02)
    assert (there.verdict, back.verdict) == ("faster", "slower")
    assert there.low < there.ratio < there.high


def test_less_than_the_smallest_difference_is_no_difference() -> None:
    a = [1.0] * 30
    assert compare_seconds(a, [1.005] * 30).verdict == "no difference found"
    assert compare_seconds(a, [1.005] * 30, smallest_difference=0.001).verdict == "faster"
    assert compare_seconds(a, [0.995] * 30, smallest_difference=0.001).verdict == "slower"


def test_too_few_samples_decide_nothing_and_say_so() -> None:
    found = compare_seconds([1.0] * 7, [2.0] * 7)
    assert found.verdict == "no difference found"
    assert "at least 8 are needed" in str(found)
    assert compare_seconds([1.0] * 8, [2.0] * 8).verdict == "faster"


def test_samples_of_one_run_are_compared_in_pairs(clock) -> None:
    contenders = {"a": clock.takes(1.0), "b": clock.takes(1.2)}
    benchmark = Benchmark(contenders, samples=8, clocks=(clock,))
    one, two = benchmark.run(), benchmark.run()
    assert compare(one["a"], one["b"]).paired
    assert not compare(one["a"], two["b"]).paired
    assert compare(one["a"], two["b"]).verdict == "faster"


def test_it_says_what_it_found() -> None:
    found = compare_seconds([1.0] * 8, [1.31] * 8, names=("ours", "theirs"))
    assert (
        str(found)
        == "ours is 1.31× as fast as theirs (99% CI 1.31 to 1.31, faster in 100% of 8 pairs)"
    )
    assert str(compare_seconds([1.0] * 8, [1.0] * 8)).startswith("no difference found between a")

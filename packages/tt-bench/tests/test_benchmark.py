"""The Benchmark: calibrated, in turns, with pinned threads."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tt_bench import LEAST, Benchmark, compare
from tt_bench.benchmark import clock_name, turns


def test_medians_are_seconds_per_call(clock) -> None:
    contenders = {"quick": clock.takes(0.001), "slow": clock.takes(0.004)}
    results = Benchmark(contenders, samples=8, sample_seconds=0.01, clocks=(clock,)).run()
    assert results["quick"].median_seconds == pytest.approx(0.001, rel=1e-3)
    assert results["slow"].median_seconds == pytest.approx(0.004, rel=1e-3)
    assert [results[n].calls_per_sample for n in ("quick", "slow")] == [16, 4]
    assert compare(results["quick"], results["slow"]).verdict == "faster"


def test_contenders_take_turns(clock) -> None:
    order: list[str] = []

    def contender(name: str):
        return lambda: (order.append(name), clock.work(1.0))

    names = "ABC"
    benchmark = Benchmark(
        {n: contender(n) for n in names}, samples=6, warmup_calls=1, clocks=(clock,)
    )
    benchmark.run()
    warm_up_and_calibration = 3 * (1 + 2)
    samples = order[warm_up_and_calibration:]
    assert "".join(samples) == "ABCBCACAB" * 2 or "".join(samples) == "ABCBCACAB" * 2


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_name_takes_every_place_equally_often(count: int) -> None:
    names = [str(i) for i in range(count)]
    rounds = turns(names, 5 * count)
    assert all(sorted(order) == names for order in rounds)
    for place in range(count):
        assert all([order[place] for order in rounds].count(name) == 5 for name in names)


def test_samples_are_longer_than_the_clock_can_misread(clock) -> None:
    def coarse() -> float:
        clock.work(1e-5)
        return round(clock.now, 3)  # steps of a millisecond

    options = {"samples": 1, "sample_seconds": 0.0, "clocks": (coarse,)}
    result = Benchmark(clock.takes(0.1), "coarse", **options).run()["coarse"]
    assert result.resolution_seconds == pytest.approx(0.001)
    assert result.calls_per_sample * 0.1 >= 1000 * 0.001


def test_blas_threads_are_pinned_while_it_runs() -> None:
    seen = set()
    before = threadpool_info()

    def look() -> None:
        np.ones((2, 2)) @ np.ones((2, 2))
        seen.update(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")

    Benchmark(look, samples=1, sample_seconds=0).run()
    assert seen <= {1}
    assert threadpool_info() == before


def test_none_leaves_threads_alone(clock) -> None:
    result = Benchmark(clock.takes(1.0), "wait", threads=None, clocks=(clock,)).run()["wait"]
    assert result.threads is None
    assert "not set" in str(result)


def test_a_result_says_under_which_conditions(clock) -> None:
    def double() -> None:
        clock.work(1.0)

    result = Benchmark(double, samples=2, warmup_calls=5, clocks=(clock,)).run()["double"]
    assert (result.name, result.warmup_calls, result.threads) == ("double", 5, 1)
    assert result.clock == "fake_clock"
    assert result.machine.numpy == np.__version__
    assert clock_name(LEAST) == "min(perf_counter, process_time)"


def test_every_run_has_a_name_of_its_own(clock) -> None:
    benchmark = Benchmark({"a": clock.takes(1), "b": clock.takes(1)}, samples=1, clocks=(clock,))
    one, two = benchmark.run(), benchmark.run()
    assert one["a"].run == one["b"].run != two["a"].run


def test_errors_of_a_contender_come_through() -> None:
    with pytest.raises(threading.BrokenBarrierError):
        Benchmark(lambda: threading.Barrier(2).wait(0)).run()


@pytest.mark.parametrize("contenders", [{}, {"a": 1}, 3])
def test_contenders_are_functions(contenders: object) -> None:
    with pytest.raises(TypeError, match="expected functions"):
        Benchmark(contenders)


@pytest.mark.parametrize(
    "options",
    [{"samples": 0}, {"warmup_calls": -1}, {"sample_seconds": -1}, {"clocks": ()}, {"threads": 0}],
)
def test_impossible_settings_are_refused(options: dict[str, object], clock) -> None:
    with pytest.raises(ValueError, match="expected"):
        Benchmark(clock.takes(1), "x", **options).run()


class Unquiet:
    """A contender whose calls take 1 s, give or take, by a seeded generator."""

    def __init__(self, clock, spread: float, seed: int) -> None:
        self.clock, self.spread = clock, spread
        self.generator = np.random.default_rng(seed)

    def __call__(self) -> None:
        self.clock.work(1.0 + self.spread * self.generator.uniform(-1, 1))


@pytest.mark.parametrize(
    ("spread", "precision", "least", "most"),
    [(0.0, 0.02, 10, 10), (0.05, 0.02, 11, 99), (0.9, 0.001, 100, 100), (0.9, None, 10, 10)],
)
def test_samples_are_added_until_the_ratio_is_known(clock, spread, precision, least, most) -> None:
    contenders = {name: Unquiet(clock, spread, seed) for seed, name in enumerate("AB")}
    options = {"samples": 10, "precision": precision, "clocks": (clock,)}
    results = Benchmark(contenders, sample_seconds=0.5, **options).run()
    taken = {len(result.samples_seconds) for result in results.values()}
    assert len(taken) == 1 and least <= taken.pop() <= most
    found = compare(results["A"], results["B"])
    if least < 100 and precision:
        assert found.high / found.low <= (1 + precision) ** 2


def test_precision_must_be_positive() -> None:
    with pytest.raises(ValueError, match="precision > 0 or None, got 0"):
        Benchmark(lambda: None, precision=0)

"""The scenarios, on a clock that moves only when told to."""

import numpy as np
import pytest

from tt_bench.standard import offline, server, single_stream


def test_single_stream_times_every_query_after_warming_up(clock) -> None:
    asked = []

    def predict(query: float) -> float:
        asked.append(query)
        clock.work(query)
        return query

    result = single_stream(predict, [1.0, 2.0, 3.0, 4.0], clock)
    assert asked == [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 4.0]
    assert result.latencies_seconds == pytest.approx((1, 2, 3, 4))
    assert result.percentile(50) == pytest.approx(2.5)
    assert result.percentile(100) == pytest.approx(4)


def test_offline_counts_items_and_not_batches(clock) -> None:
    result = offline(lambda batch: clock.work(0.5), [np.zeros((3, 2)), np.zeros((1, 2))], clock)
    assert (result.items, result.throughput) == (4, pytest.approx(4.0))


def test_a_server_that_is_idle_answers_at_once(clock) -> None:
    result = server(lambda q: clock.work(0.001), [0] * 50, 1.0, clock=clock, sleep=clock.work)
    assert np.median(result.latencies_seconds) == pytest.approx(0.001, rel=1e-3)


def test_a_server_that_is_too_slow_gets_a_queue(clock) -> None:
    result = server(lambda q: clock.work(0.2), [0] * 50, 10.0, clock=clock, sleep=clock.work)
    assert result.latencies_seconds[-1] > 3  # 50 queries come within about 5 s, and need 10
    assert result.percentile(99) > 10 * 0.2


def test_arrivals_are_a_poisson_process_of_that_rate(clock) -> None:
    begun = []

    def predict(query: int) -> None:
        begun.append(clock.now)

    server(predict, [0] * 2000, 100.0, seed=3, clock=clock, sleep=clock.work)
    gaps = np.diff(begun[3:])
    assert gaps.mean() == pytest.approx(0.01, rel=0.1)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.1)  # as of an exponential distribution


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_rate_is_above_zero(rate: float) -> None:
    with pytest.raises(ValueError, match="a rate above 0"):
        server(len, ["a"], rate)

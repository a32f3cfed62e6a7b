"""The contest: values are compared before any time counts, and samples are taken in turns."""

import math
from typing import Any

import pytest

from tt_bench import peers
from tt_bench.benchmark import turns

TINY = peers.WORKLOADS[0]
TERMS = peers.Terms(samples=8)


class FakeProcess:
    """Answers like a contender's process, without one."""

    def __init__(self, name: str, seconds: float, values: Any, log: list[str], **options: Any):
        self.contender = peers.Contender(name, name, options)
        self.seconds, self.values, self.log = seconds, values, log

    def ask(self, do: str, workload: str, **order: Any) -> Any:
        assert workload == TINY.name
        if do == "watch":
            return self.values
        if do == "calibrate":
            return math.ceil(order["seconds"] / self.seconds)
        self.log.append(f"{self.contender.name} {order['steps']} {order['collecting']}")
        return self.seconds * order["steps"]


def test_ratio_of_pairs_in_turns() -> None:
    log: list[str] = []
    fakes = [FakeProcess("ours", 0.001, [[1.0]], log), FakeProcess("torch", 0.004, [[1.0]], log)]
    (row,) = peers.contest(TINY, fakes, TERMS)
    assert row.comparison.ratio == pytest.approx(4.0)
    assert row.comparison.verdict == "faster"
    assert (row.goal, row.reached) == (TINY.goals["torch"], True)
    assert (row.ours_steps, row.peers_steps) == (100, 25)  # as many as make a sample
    steps = {"ours": 100, "torch": 25}
    order = [name for names in turns(["ours", "torch"], 8) for name in names]
    assert log == [f"{name} {steps[name]} True" for name in order]


@pytest.mark.parametrize("values", [[[1.01]], [[float("nan")]], [[1.0, 1.0]]])
def test_no_time_counts_if_values_differ(values: Any) -> None:
    log: list[str] = []
    fakes = [FakeProcess("ours", 1e-3, [[1.0]], log), FakeProcess("torch", 3e-3, values, log)]
    (row,) = peers.contest(TINY, fakes)
    assert not row.agree and not row.reached
    assert (row.ours_seconds, row.peers_seconds, log) == ((), (), [])


def test_nothing_counts_if_ours_is_not_finite() -> None:
    nan = [[float("nan")]]
    fakes = [FakeProcess("ours", 1e-3, nan, []), FakeProcess("torch", 1e-3, nan, [])]
    assert [row.agree for row in peers.contest(TINY, fakes)] == [False]


def test_one_wrong_peer_does_not_stop_the_others() -> None:
    fakes = [
        FakeProcess("ours", 1e-3, [[1.0]], []),
        FakeProcess("torch", 1e-3, [[2.0]], []),
        FakeProcess("torch fused", 2e-3, [[1.0]], [], fused=True),
    ]
    wrong, right = peers.contest(TINY, fakes, TERMS)
    assert (wrong.agree, right.agree) == (False, True)
    assert right.comparison.ratio == pytest.approx(2.0)
    assert wrong.goal is not None and right.goal is None  # goals are set against the default


def test_a_slow_workload_gets_the_least_samples() -> None:
    fakes = [FakeProcess("ours", 1.0, [[1.0]], []), FakeProcess("torch", 2.0, [[1.0]], [])]
    terms = peers.Terms(samples=15, least_samples=9, enough_seconds=0.0, collecting=False)
    (row,) = peers.contest(TINY, fakes, terms)
    assert len(row.ours_seconds) == len(row.peers_seconds) == 9
    assert fakes[0].log[0] == "ours 1 False"


def test_it_says_what_it_is_doing() -> None:
    told: list[tuple[str, float]] = []
    fakes = [FakeProcess("ours", 1.0, [[1.0]], []), FakeProcess("torch", 2.0, [[1.0]], [])]
    terms = peers.Terms(samples=2)
    peers.contest(TINY, fakes, terms, lambda text, done: told.append((text, done)))
    assert told[:3] == [("ours computes", 0.0), ("torch computes", 0.0), ("ours warms up", 0.0)]
    assert told[-1] == ("ours, sample 2", 0.5)

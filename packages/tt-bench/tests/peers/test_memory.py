"""Memory of a fresh process: what importing takes, what the steps need, and whether it grows."""

from typing import Any

import numpy as np
import pytest

from tt_bench import peers
from tt_bench.peers import worker


def test_memory_of_our_own_process() -> None:
    workload = peers.find_workload("MLP 784-128-10 B64, Adam")
    assert workload.memory_steps > 1000
    (row,) = peers.measure_memory(workload, [peers.OURS], threads=1)
    assert (row.workload, row.framework) == (workload.name, "tt")
    assert row.peak_bytes > row.imported_bytes > 20e6
    parameters = 4 * (784 * 128 + 128 + 128 * 10 + 10)
    assert row.used_bytes > 3 * parameters  # the weights, and Adam's two moments of each
    assert row.flat


@pytest.mark.parametrize(("kept", "flat"), [(0, True), (10_000, False)])
def test_what_a_step_keeps_is_growth(kept: int, flat: bool) -> None:
    hoard: list[Any] = []

    def step() -> tuple[Any, ...]:
        hoard.append(np.ones(kept))
        return ()

    found = worker.remember(step, 1100)
    grown = found["grown_bytes"]
    assert grown is not None
    assert peers.MemoryRow("w", "tt", 1100, 0, 0, grown).flat == flat
    assert flat or grown > 990 * 8 * kept / 2  # some of it into memory freed before
    assert found["peak_bytes"] >= grown


def test_garbage_that_only_the_collector_finds_is_growth() -> None:
    def step() -> tuple[Any, ...]:
        cycle: list[Any] = [np.ones(100_000)]
        cycle.append(cycle)
        return ()

    grown = worker.remember(step, 110)["grown_bytes"]
    assert grown is not None and grown > 99 * 800_000 / 2


def test_few_steps_tell_nothing_of_growth() -> None:
    assert worker.remember(lambda: (), 3)["grown_bytes"] is None

"""The contest: one source on both sides, values compared before any time counts."""

import importlib.util
import json
import math
from typing import Any

import pytest

from tt_bench import peers
from tt_bench.benchmark import turns
from tt_bench.peers.worker import follow

TINY = peers.WORKLOADS[0]
QUICK = {"samples": 8, "sample_seconds": 0.001, "check_steps": 2}


class FakeProcess:
    """Answers like a contender's process, without one."""

    def __init__(self, name: str, seconds: float, values: Any, log: list[str], **options: Any):
        self.contender = peers.Contender(name, name, options)
        self.seconds, self.values, self.log = seconds, values, log

    def ask(self, do: str, workload: str, **order: Any) -> Any:
        if do == "watch":
            return self.values
        if do == "calibrate":
            return math.ceil(order["seconds"] / self.seconds)
        self.log.append(f"{self.contender.name} {order['steps']}")
        return self.seconds * order["steps"]


def test_ratio_of_pairs_in_turns_with_the_same_steps() -> None:
    log: list[str] = []
    fakes = [FakeProcess("ours", 0.001, [[1.0]], log), FakeProcess("peer", 0.003, [[1.0]], log)]
    (row,) = peers.contest(TINY, fakes, samples=8, sample_seconds=0.1)
    assert row.comparison.ratio == pytest.approx(3.0)
    assert row.comparison.verdict == "faster"
    assert row.steps == 100
    assert log == [f"{name} 100" for order in turns(["ours", "peer"], 8) for name in order]


@pytest.mark.parametrize("values", [[[1.01]], [[float("nan")]], [[1.0, 1.0]]])
def test_no_time_counts_if_values_differ(values: Any) -> None:
    log: list[str] = []
    fakes = [FakeProcess("ours", 1e-3, [[1.0]], log), FakeProcess("peer", 3e-3, values, log)]
    (row,) = peers.contest(TINY, fakes)
    assert not row.agree
    assert (row.ours_seconds, row.peers_seconds, log) == ((), (), [])
    machine = peers_machine()
    table = peers.peers_table([row], machine, {"torch": "1"}, 1)
    assert "not timed" in table.plain()
    assert "2×: missed" in table.plain()
    assert json.loads(peers.peers_json([row], machine, {}, 1))["rows"][0]["derived"] == {}


def test_nothing_counts_if_ours_is_not_finite() -> None:
    nan = [[float("nan")]]
    fakes = [FakeProcess("ours", 1e-3, nan, []), FakeProcess("peer", 1e-3, nan, [])]
    assert [row.agree for row in peers.contest(TINY, fakes)] == [False]


def test_one_wrong_peer_does_not_stop_the_others() -> None:
    fakes = [
        FakeProcess("ours", 1e-3, [[1.0]], []),
        FakeProcess("wrong", 1e-3, [[2.0]], []),
        FakeProcess("right", 2e-3, [[1.0]], [], fused=True),
    ]
    wrong, right = peers.contest(TINY, fakes, samples=8)
    assert (wrong.agree, right.agree) == (False, True)
    assert right.comparison.ratio == pytest.approx(2.0)
    assert (wrong.goal, right.goal) == (2.0, None)  # goals are set against the default


def peers_machine() -> Any:
    from tt_bench import Machine

    return Machine.here()


def test_table_and_document() -> None:
    rows = [
        peers.Row("w", "tt", "torch", 2.0, 1e-6, True, 5, (1e-3,) * 9, (2.5e-3,) * 9),
        peers.Row("w", "tt", "fused", None, 1e-6, True, 5, (1e-3,) * 9, (1e-3,) * 9),
    ]
    table = peers.peers_table(rows, peers_machine(), {"tt": "0.1", "torch": "2"}, threads=1)
    first, second = table.rows
    assert tuple(first[1:]) == (
        "torch", "1 ms", "2.5 ms", "2.50×", "2.50 to 2.50", "faster", "2×: reached",
    )  # fmt: skip
    assert second[6:] == ("no difference found", "")
    assert "min(wall time, processor time of the process)" in table.note
    assert "wall time" in peers.peers_table(rows, peers_machine(), {}, threads=2).note
    document = json.loads(peers.peers_json(rows, peers_machine(), {"torch": "2"}, 1))
    assert (document["schema"], document["version"]) == ("tt-bench/peers", 1)
    assert document["rows"][0]["derived"]["ratio"] == 2.5
    assert document["rows"][0]["peers_seconds"] == [2.5e-3] * 9


def test_a_worker_follows_orders() -> None:
    framework = peers.load_framework("tt")
    order = {"workload": TINY.name}
    assert follow({"do": "hello"}, framework, 1)["version"] == framework.version
    watched = follow({"do": "watch", "steps": 2, **order}, framework, 1)
    assert watched[0] == watched[1] and len(watched[0]) == 3
    assert follow({"do": "calibrate", "seconds": 1e-9, **order}, framework, 1) == 1
    assert follow({"do": "time", "steps": 3, **order}, framework, 2) > 0
    with pytest.raises(ValueError, match="expected hello"):
        follow({"do": "sing", **order}, framework, 1)
    with pytest.raises(ValueError, match="no workload 'x'"):
        follow({"do": "time", "workload": "x"}, framework, 1)


def test_processes_work_in_turns_and_agree_with_themselves(monkeypatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    ours, same = peers.Contender("one", "tt"), peers.Contender("two", "tt")
    with peers.Process(ours, threads=1) as one, peers.Process(same, threads=1) as two:
        assert one.ask(do="hello")["threads"] == 1  # whatever this process is allowed
        (row,) = peers.contest(TINY, [one, two], **QUICK)
    assert row.agree and row.disagreement == 0
    assert len(row.ours_seconds) == len(row.peers_seconds) == 8
    assert one.process.returncode == two.process.returncode == 0


def test_a_process_that_dies_is_an_error(capfd) -> None:
    with (
        pytest.raises(RuntimeError, match="the process of odd ended with code 1"),
        peers.Process(peers.Contender("odd", "no such framework"), threads=1) as process,
    ):
        process.ask(do="hello")
    assert "no such framework" in capfd.readouterr().err


def test_without_torch_it_says_what_to_install(monkeypatch) -> None:
    find = importlib.util.find_spec
    missing = lambda name, *rest: None if name == "torch" else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", missing)
    with pytest.raises(SystemExit) as stopped:
        peers.main([])
    assert "pip install torch" in str(stopped.value.code)


def test_workloads_can_be_listed_and_must_exist(capsys) -> None:
    assert peers.main(["--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [w.name for w in peers.WORKLOADS]
    assert peers.main(["--only", "no such workload"]) == 2

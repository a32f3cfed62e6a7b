"""A contender's process: nothing else is loaded, its threads are limited, its errors are seen."""

import subprocess
import sys

import pytest

from tt_bench import peers
from tt_bench.peers.worker import follow

TINY = peers.WORKLOADS[0]


def test_a_worker_follows_orders() -> None:
    framework = peers.load_framework("tt")
    order = {"workload": TINY.name}
    hello = follow({"do": "hello"}, framework, 1)
    assert hello["version"] == framework.version
    assert hello["resident_bytes"] > 10e6
    watched = follow({"do": "watch", "steps": 2, **order}, framework, 1)
    assert watched[0] == watched[1] and len(watched[0]) == 6  # two sums of three values
    assert follow({"do": "calibrate", "seconds": 1e-9, **order}, framework, 1) == 1
    for collecting in (True, False):
        timed = {"do": "time", "steps": 3, "collecting": collecting, **order}
        assert follow(timed, framework, threads=2) > 0
    with pytest.raises(ValueError, match="expected hello"):
        follow({"do": "sing", **order}, framework, 1)
    with pytest.raises(ValueError, match="no workload 'x'"):
        follow({"do": "time", "workload": "x"}, framework, 1)


def test_a_process_loads_none_of_our_layers_for_a_peer() -> None:
    code = (
        "from tt_bench.peers.worker import main\n"
        "print([name for name in sys.modules if name.startswith('tt_') and name[:8] != 'tt_bench'])"
    )
    command = [sys.executable, "-c", peers.BARE + code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_processes_work_in_turns_and_agree_with_themselves(monkeypatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    ours, same = peers.Contender("one", "tt"), peers.Contender("two", "tt")
    terms = peers.Terms(check_steps=2, sample_seconds=0.001, samples=8)
    with peers.Process(ours, threads=1) as one, peers.Process(same, threads=1) as two:
        assert one.ask(do="hello")["threads"] == 1  # whatever this process is allowed
        (row,) = peers.contest(TINY, [one, two], terms)
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


def test_who_can_take_part() -> None:
    build = TINY.programs["tt"]
    workload = peers.Workload("w", peers.both(build, autograd=build), options=("fused",))
    able = [peer.name for peer in peers.PEERS if peer.can(workload)]
    assert able == ["torch", "torch fused", "autograd"]
    assert not peers.PEERS[1].can(TINY)  # it has no optimizer that could be fused


def test_a_process_gets_its_environment_without_what_it_is_not_to_have(monkeypatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    ours = peers.Contender("one", "tt")
    with peers.Process(ours, 1) as kept, peers.Process(ours, 1, ["OPENBLAS_CORETYPE"]) as free:
        assert "Nehalem" in kept.ask(do="hello")["kernels"]
        assert "Nehalem" not in free.ask(do="hello")["kernels"]

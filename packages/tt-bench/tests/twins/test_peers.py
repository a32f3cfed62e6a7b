"""Every workload computes the same on its peers, so that times may be compared."""

import pytest

from tt_bench import peers

PAIRS = [(w, name) for w in peers.WORKLOADS for name in w.programs if name != "tt"]


@pytest.mark.parametrize(("workload", "name"), PAIRS, ids=lambda x: getattr(x, "name", x))
def test_a_peer_computes_the_same(workload: peers.Workload, name: str) -> None:
    pytest.importorskip(name)
    steps = 2 if "d384" in workload.name else 5
    ours, theirs = (
        peers.watch(workload.build(peers.load_framework(which)), steps) for which in ("tt", name)
    )
    assert peers.disagreement(ours, theirs) < 1e-4


@pytest.mark.parametrize(
    "workload", [w for w in peers.WORKLOADS if w.options], ids=lambda w: w.name
)
def test_its_options_compute_the_same(workload: peers.Workload) -> None:
    pytest.importorskip("torch")
    options = dict.fromkeys(workload.options, True)
    plain, tuned = (
        peers.watch(workload.build(peers.load_framework("torch", **given)), 2)
        for given in ({}, options)
    )
    assert peers.disagreement(plain, tuned) < 1e-4

"""Every workload computes the same on PyTorch, so that times may be compared."""

import pytest

from tt_bench import peers

pytest.importorskip("torch")


@pytest.mark.parametrize("workload", peers.WORKLOADS, ids=lambda w: w.name)
def test_both_frameworks_compute_the_same(workload: peers.Workload) -> None:
    ours, theirs = (
        peers.watch(workload.build(peers.load_framework(name)), 5) for name in ("tt", "torch")
    )
    assert peers.disagreement(ours, theirs) < 1e-4


def test_fused_adam_computes_the_same() -> None:
    (mlp,) = (w for w in peers.WORKLOADS if "MLP" in w.name)
    plain, fused = (
        peers.watch(mlp.build(peers.load_framework("torch", **options)), 5)
        for options in ({}, {"fused": True})
    )
    assert peers.disagreement(plain, fused) < 1e-4

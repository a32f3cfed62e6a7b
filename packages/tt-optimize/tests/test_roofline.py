"""The roofline: points computed by hand under ceilings made up here, and the measured ceilings."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest

import tt_nn as nn
from tt_optimize import Ceilings, OpStats, Profile, Profiler, measure_ceilings, roofline
from tt_optimize.roofline_plot import apart
from tt_tensor import ones, tensor

TOP = Ceilings(1e11, 1e10, 5e10, call_seconds=1e-6)  # the ridge is at 10 FLOP/B


def op(name: str, flops: int, moved: int, seconds: float = 1.0, calls: int = 1) -> Profile:
    stats = OpStats(name, "forward", calls, seconds, flops=flops, moved_bytes=moved)
    return Profile(seconds=seconds, ops={(name, "forward"): stats})


def test_the_roof() -> None:
    assert TOP.ridge == 10
    assert TOP.roof(5) == 5e10 and TOP.roof(10) == TOP.roof(1000) == 1e11


@pytest.mark.parametrize(
    ("flops", "moved", "bound", "share"),
    [
        (2 * 10**10, 10**9, "compute", 0.2),
        (10**9, 10**9, "memory", 0.1),
        (10**10, 10**9, "compute", 0.1),  # at the ridge both are the same
        (0, 2 * 10**9, "memory", 0.2),
        (10, 40, "call", 4e-9),
    ],
)
def test_points(flops: int, moved: int, bound: str, share: float) -> None:
    (point,) = roofline(op("it", flops, moved), TOP).points
    assert point.bound == bound
    assert point.share == pytest.approx(share)
    assert point.intensity == flops / moved and point.flops_per_second == flops
    if flops:
        assert point.share == pytest.approx(point.flops_per_second / TOP.roof(point.intensity))


def test_the_bytes_are_those_of_inputs_and_results() -> None:
    a, b, row = ones(100, 200), ones(200, 300), ones(1, 300).requires_grad_()
    with Profiler() as p:
        y = a @ b
        y.T  # noqa: B018  a view moves nothing
        (y + row.expand(100, 300)).sum().backward()
    ops = p.result.ops
    assert ops["matmul", "forward"].moved_bytes == 4 * (20_000 + 60_000 + 30_000)
    assert ops["add", "forward"].moved_bytes == 4 * (30_000 + 300 + 30_000), "stretched, read once"
    assert ops["sum", "forward"].moved_bytes == 4 * (30_000 + 1)
    assert ops["permute", "forward"].moved_bytes == 0
    assert ops["add", "backward"].moved_bytes == 0, "the gradient is passed on"
    assert ops["expand", "backward"].moved_bytes == 4 * (30_000 + 300)
    assert {point.name for point in roofline(p.result, TOP).points} == {
        "matmul",
        "add",
        "sum",
        "expand",
    }


def test_what_is_picked_is_read_not_all_it_was_picked_from() -> None:
    table = nn.Embedding(1000, 10).requires_grad_(False)
    with Profiler() as p:
        table(tensor([1, 2, 3]))
    assert p.result.ops["embedding", "forward"].moved_bytes == 2 * 4 * 30 + 8 * 3


def test_of_modules() -> None:
    model = nn.Sequential(nn.Linear(20, 30), nn.ReLU())
    with Profiler() as p:
        model(ones(10, 20)).sum().backward()
    points = {point.name: point for point in roofline(p.result, TOP, by="module").points}
    assert points.keys() == {"Sequential.0", "Sequential.1"}
    linear = points["Sequential.0"]
    both = [p.result.ops["linear", phase] for phase in ("forward", "backward")]
    assert linear.flops == sum(stats.flops for stats in both)
    assert linear.phase == "both" and linear.calls == 2
    with pytest.raises(ValueError, match="by must be 'op' or 'module', got 'layer'"):
        roofline(p.result, TOP, by="layer")


def test_unknown_counts_are_named_and_not_drawn() -> None:
    stats = OpStats("mystery", "forward", 1, 1.0, moved_bytes=100, uncounted=1)
    found = roofline(Profile(ops={("mystery", "forward"): stats}), TOP)
    assert found.points == [] and "FLOPs not counted: mystery" in found.table()


def test_the_table() -> None:
    lines = roofline(op("linear", 2 * 10**10, 10**9, 0.5), TOP).table().splitlines()
    assert lines[1].split() == [
        "linear",
        "forward",
        "500.00",
        "20.00",
        "40.0",
        "2.0",
        "40%",
        "compute",
    ]
    assert lines[2].startswith("measured ceilings: 100.0 GFLOP/s, 10.0 GB/s from memory")


def test_measured_ceilings() -> None:
    with pytest.raises(ValueError, match="expected a positive time"):
        measure_ceilings(0)
    top = measure_ceilings(seconds=0.02)
    assert 1e9 < top.flops_per_second < 1e14 and 1e8 < top.bytes_per_second < 1e13
    assert 1e-8 < top.call_seconds < 1e-3
    with Profiler() as p:  # the product that the ceiling is measured with cannot beat it by much
        for _ in range(3):
            ones(512, 512) @ ones(512, 512)
    (matmul,) = (point for point in roofline(p.result, top).points if point.name == "matmul")
    assert 0.02 < matmul.share < 2 and matmul.bound == "compute"


def test_names_are_moved_apart() -> None:
    assert apart([0.2, 0.5], 0.1) == [0.2, 0.5]
    assert apart([1.0, 1.0, 1.0], 0.25) == [0.5, 0.75, 1.0]
    placed = apart([0.0, 0.0, 0.05, 0.9, 0.95], 0.1, top=0.9)
    assert all(b - a >= 0.0999 for a, b in pairwise(placed))
    assert placed[0] >= 0 and placed[-1] <= 0.9


def test_the_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 30))
    with Profiler() as p:
        model(ones(10, 20)).sum().backward()
    for by in ("op", "module"):
        roofline(p.result, TOP, by=by).plot(tmp_path / f"{by}.svg")
        drawn = (tmp_path / f"{by}.svg").read_text(encoding="utf-8")
        assert "<svg" in drawn
    roofline(p.result, TOP).plot(tmp_path / "roof.png")
    assert (tmp_path / "roof.png").read_bytes()[1:4] == b"PNG"
    with pytest.raises(ValueError, match="expected operations with FLOPs, got none"):
        roofline(op("copy", 0, 100), TOP).plot(tmp_path / "none.png")


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        roofline(op("add", 1, 1), TOP).plot(tmp_path / "roof.png")

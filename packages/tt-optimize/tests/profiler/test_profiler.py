"""What the profiler counts, times and leaves behind."""

import tracemalloc
from time import sleep

import pytest

import tt_nn as nn
from tt_autograd import grad
from tt_optimize import Profiler, profile
from tt_tensor import Op, apply, door, ones


def calls(profiler: Profiler) -> dict[tuple[str, str], int]:
    return {key: stats.calls for key, stats in profiler.result.ops.items()}


def test_it_counts_every_operation() -> None:
    x, w = ones(10, 20), ones(20, 30)
    with Profiler() as p:
        y = (x @ w).relu() + 1
        y = y @ w.T
        y.sum()
    assert calls(p) == {
        ("matmul", "forward"): 2,
        ("relu", "forward"): 1,
        ("add", "forward"): 1,
        ("permute", "forward"): 1,
        ("sum", "forward"): 1,
    }
    stats = p.result.ops["matmul", "forward"]
    assert stats.flops == 2 * 20 * 300 + 2 * 30 * 200
    assert stats.bytes == 4 * (300 + 200)
    assert p.result.ops["permute", "forward"].bytes == 0, "a view has no memory of its own"
    assert p.result.flops == stats.flops + 300 + 300 + 200
    assert p.result.uncounted == []


def test_it_counts_every_rule() -> None:
    model, x = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)), ones(3, 4)
    with Profiler() as p:
        model(x).sum().backward()
    found = calls(p)
    assert found["linear", "forward"] == found["linear", "backward"] == 2
    assert found["tanh", "backward"] == found["sum", "backward"] == 1
    second = 3 * 5 + 2 * 5 + 2  # by its input, weight and bias
    first = 4 * 5 + 5  # the data needs no gradient
    assert p.result.ops["linear", "backward"].bytes == 4 * (second + first)
    assert p.result.ops["linear", "backward"].flops == 2 * 2 * 30 + 6 + 2 * 60 + 15
    assert p.result.backward_flops == p.result.ops["linear", "backward"].flops + 3 * 15  # and tanh
    assert p.result.flops == (2 * 60 + 15) + 15 + (2 * 30 + 6) + 6


def test_outside_the_block_nothing_is_counted() -> None:
    profiler = Profiler()
    ones(2) + 1
    with profiler as p:
        ones(2) + 1
    ones(2) + 1
    assert calls(p) == {("add", "forward"): 1}
    with profiler:
        ones(2) * 1
    assert calls(profiler) == {("mul", "forward"): 1}, "a new block starts from nothing"


def test_times_are_measured() -> None:
    slow = Op("test_slow", lambda x: (sleep(0.02), x)[1])
    with Profiler() as p:
        apply(slow, ones(2))
        apply(slow, ones(2))
        sleep(0.01)
    stats = p.result.ops["test_slow", "forward"]
    assert 0.035 <= stats.seconds <= p.result.seconds
    assert p.result.seconds >= 0.045
    assert p.result.sorted()[0] is stats


def test_operations_without_a_count_are_named() -> None:
    with Profiler() as p:
        apply(Op("test_unknown", lambda x: x + 1), ones(3))
        apply(Op("test_another", lambda x: x + 1), ones(3))
        ones(3) + 1
    assert p.result.uncounted == ["test_another", "test_unknown"]
    assert p.result.flops == 3
    assert p.result.ops["test_unknown", "forward"].uncounted == 1
    assert "FLOPs not counted: test_another, test_unknown" in p.result.table()


def test_operations_with_several_results() -> None:
    halves = Op("test_halves", lambda x: [x[:2] + 0, x[2:] + 0])
    with Profiler() as p:
        apply(halves, ones(6))
        ones(4).split(2)
    assert p.result.ops["test_halves", "forward"].bytes == 24
    assert p.result.ops["split", "forward"].bytes == 0


@pytest.mark.parametrize("megabytes", [1, 8])
def test_peak_memory(megabytes: int) -> None:
    size = megabytes * 250_000  # float32
    with Profiler(memory=True) as p:
        x = ones(size)
        for _ in range(3):
            x = x + 1  # old and new at once
        del x
        small = ones(10)
    peak = p.result.peak_bytes
    assert peak is not None
    assert peak == pytest.approx(2e6 * megabytes, rel=0.02, abs=40_000)
    assert f"peak memory {peak / 1e6:.2f} MB" in p.result.table()
    assert small.numel() == 10


def test_memory_from_before_does_not_count() -> None:
    held = ones(1_000_000)
    with Profiler(memory=True) as p:
        held.sum()
    assert p.result.peak_bytes is not None and p.result.peak_bytes < 100_000
    with Profiler() as without:
        held.sum()
    assert without.result.peak_bytes is None and "peak memory" not in without.result.table()


@pytest.mark.parametrize("memory", [False, True])
def test_nothing_listens_after_an_error(memory: bool) -> None:

    with pytest.raises(ZeroDivisionError), Profiler(memory=memory) as p:
        ones(2) + 1
        _fail()
    assert door._timers == () and not tracemalloc.is_tracing()
    assert calls(p) == {("add", "forward"): 1} and p.result.seconds > 0
    before = calls(p)
    x = ones(2, requires_grad=True)
    (x * x).sum().backward()
    assert calls(p) == before


def _fail() -> None:
    raise ZeroDivisionError


def test_profilers_inside_each_other() -> None:
    with Profiler() as outer:
        ones(2) + 1
        with Profiler() as inner:
            ones(2) * 1
        ones(2) - 1
    assert set(calls(inner)) == {("mul", "forward")}
    assert set(calls(outer)) == {("add", "forward"), ("mul", "forward"), ("sub", "forward")}


def test_differentiable_gradients_are_operations_too() -> None:
    x = ones(3, requires_grad=True)
    with Profiler() as p:
        (g,) = grad([(x**3).sum()], [x], create_graph=True)
        g.sum().backward()
    assert p.result.ops["pow", "backward"].calls == 2, "once for g, once for the gradient of g"
    assert p.result.ops["mul", "forward"].calls >= 1
    assert x.grad is not None


def test_profile_of_a_model() -> None:
    model, x = nn.Linear(100, 50), ones(20, 100)
    result, size = profile(model, x)
    assert size == {"parameters": 5050, "bytes": 20200}
    assert result.ops["linear", "forward"].calls == 1, "the call for memory is not counted"
    assert result.flops == 20 * (2 * 100 * 50 + 50)
    assert result.peak_bytes == pytest.approx(20 * 50 * 4, rel=0.2, abs=8_000)
    result, _ = profile(model, x, memory=False)
    assert result.peak_bytes is None

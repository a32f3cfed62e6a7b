"""Entering and leaving: twice, by an exception, one inside another, with threads."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import tt_nn as nn
from tt_autograd import time_rules, untime_rules
from tt_nn.hooks import after_all, before_all
from tt_optimize import Profiler
from tt_optimize.flops import COUNTS
from tt_tensor import Op, apply, door, ones, time_ops, untime_ops


@pytest.fixture(autouse=True)
def _nobody_listens_afterwards() -> Iterator[None]:
    yield
    assert door._timers == () and not before_all and not after_all
    assert sys.modules["tt_autograd.backward"]._timers == ()


def test_entering_twice() -> None:
    profiler = Profiler()
    with profiler, pytest.raises(RuntimeError, match="is running already; make another one"):
        profiler.__enter__()
    assert profiler.result.seconds > 0, "the first block went on"


def test_the_result_comes_at_the_end() -> None:
    profiler = Profiler()
    with pytest.raises(RuntimeError, match="when the block was left"):
        _ = profiler.result
    with profiler, pytest.raises(RuntimeError, match="when the block was left"):
        _ = profiler.result
    assert profiler.result.ops == {}


def test_an_exception_in_the_profiler_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(inputs: Any, params: Any, out: Any) -> int:
        raise LookupError("a count with a mistake in it")

    monkeypatch.setitem(COUNTS, "add", broken)
    model = nn.Sequential(nn.Linear(2, 2))
    profiler = Profiler()
    with pytest.raises(LookupError, match="a mistake"), profiler:
        model(ones(1, 2))
        ones(1) + 1
    assert ("linear", "forward") in profiler.result.ops


def test_an_exception_in_another_listener() -> None:
    def broken(*_: Any) -> None:
        raise LookupError

    model = nn.Linear(2, 2)
    time_ops(broken)
    try:
        with pytest.raises(LookupError), Profiler() as p:
            model(ones(1, 2))
    finally:
        untime_ops(broken)
    assert p.result.modules["Linear"].calls == 1
    with Profiler() as p:
        model(ones(1, 2))
    assert ("linear", "forward") in p.result.ops


def test_both_of_two_see_modules_and_rules() -> None:
    model = nn.Linear(2, 2)
    with Profiler() as outer:
        loss = model(ones(1, 2)).sum()
        with Profiler() as inner:
            loss.backward()
            model(ones(1, 2))
    assert outer.result.modules["Linear"].calls == 2
    assert inner.result.modules["Linear"].calls == 1
    assert ("linear", "backward") in outer.result.modules["Linear"].ops
    assert ("linear", "backward") in inner.result.outside, "recorded before the inner one began"


def test_the_inner_one_may_end_later() -> None:
    first, second = Profiler(memory=True), Profiler(memory=True)
    first.__enter__()
    second.__enter__()
    ones(1) + 1
    first.__exit__()
    ones(1) * 1
    second.__exit__()
    assert set(first.result.ops) == {("add", "forward")}
    assert set(second.result.ops) == {("add", "forward"), ("mul", "forward")}


def test_threads_are_told_apart() -> None:
    model, other = nn.Sequential(nn.Linear(3, 3)), nn.Linear(3, 3)
    inside = threading.Barrier(2, timeout=10)
    wait = Op("test_wait", lambda x: (inside.wait(), x + 1)[1])

    class Waiting(nn.Module):
        def forward(self, x: Any) -> Any:
            return apply(wait, x.detach())

    model.append(Waiting())

    def work() -> None:
        other(ones(1, 3))
        apply(wait, ones(1))  # both threads are inside an operation at the same time

    with Profiler(trace=True) as p:
        thread = threading.Thread(target=work, name="worker")
        thread.start()
        model(ones(1, 3))
        thread.join()
    result = p.result
    assert set(result.modules["Sequential.1"].ops) == {("test_wait", "forward")}
    assert set(result.modules["Linear"].ops) == {("linear", "forward")}
    assert result.ops["test_wait", "forward"].calls == 2
    assert result.outside["test_wait", "forward"].calls == 1, "no module was open in that thread"
    assert 0 < result.other_threads_seconds
    lines = sum(op.seconds for op in result.ops.values()) - result.other_threads_seconds
    rest = result.python_seconds + result.outside_seconds + result.profiler_seconds
    assert lines + rest == pytest.approx(result.seconds)
    assert "less: in other threads" in result.table()
    assert result.tracks is not None and [name for name, *_ in result.tracks][1] == "worker"


def test_a_backward_pass_in_another_thread_belongs_to_the_same_modules() -> None:
    model = nn.Linear(3, 3)
    with Profiler() as p:
        loss = model(ones(1, 3)).sum()
        thread = threading.Thread(target=loss.backward)
        thread.start()
        thread.join()
    assert p.result.modules["Linear"].ops["linear", "backward"].calls == 1


def test_the_profiler_tells_what_it_takes_itself() -> None:
    x = ones(1)
    with Profiler() as p:
        for _ in range(1000):
            x + 1
    each = p.result.profiler_seconds / 1000
    assert 0 < each < 1e-3 and p.result.profiler_seconds < p.result.seconds


def test_rules_are_timed_with_what_they_sum() -> None:
    seen: list[Any] = []
    x, bias = ones(5, 3, requires_grad=True), ones(3, requires_grad=True)
    time_rules(timer := lambda node, *rest: seen.append((node.name, *rest)))
    try:
        (x + bias).sum().backward()
    finally:
        untime_rules(timer)
    assert [name for name, *_ in seen] == ["sum", "add"]
    assert [gradient.shape for gradient in seen[1][2]] == [(5, 3), (3,)], "in the inputs' shapes"

"""The trace: what chrome://tracing and Perfetto ask of it."""

import json
import math
from collections import defaultdict
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import tt_nn as nn
from tt_autograd import grad
from tt_models import GPT, GPTConfig
from tt_optimize import Profiler
from tt_optimize.profiler.trace import nested
from tt_tensor import ones, randint

from .test_modules import Cube


def traced(tmp_path: Path, profiler: Profiler) -> list[dict[str, Any]]:
    path = tmp_path / "trace.json"
    profiler.result.chrome_trace(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["displayTimeUnit"] == "ms"
    return data["traceEvents"]


def check(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the format demands; returns the events that took time."""
    names = [e for e in events if e["ph"] == "M"]
    timed = [e for e in events if e["ph"] == "X"]
    assert len(names) + len(timed) == len(events)
    assert [e["name"] for e in names].count("process_name") == 1
    threads = {e["tid"] for e in names if e["name"] == "thread_name"}
    assert {e["tid"] for e in timed} <= threads and len({e["pid"] for e in events}) == 1
    for event in timed:
        assert event["name"] and event["cat"] in ("forward", "backward", "module")
        for number in (event["ts"], event["dur"]):
            assert math.isfinite(number) and number >= 0
    starts = [e["ts"] for e in timed]
    assert starts == sorted(starts)
    stacks: dict[int, list[int]] = defaultdict(list)
    for event in timed:  # in whole nanoseconds, in which nothing is rounded
        start, end = round(1e3 * event["ts"]), round(1e3 * (event["ts"] + event["dur"]))
        stack = stacks[event["tid"]]
        while stack and stack[-1] <= start:
            stack.pop()
        assert not stack or end <= stack[-1], f"{event['name']} ends after what it began in"
        stack.append(end)
    return timed


def test_a_training_step(tmp_path: Path) -> None:
    model = GPT(GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=16))
    idx = randint(0, 11, (2, 8))
    with Profiler(trace=True) as p:
        model(idx, targets=idx)[1].backward()
    timed = check(traced(tmp_path, p))
    ops = sum(op.calls for op in p.result.ops.values())
    assert len(timed) == ops + sum(m.calls for m in p.result.modules.values())
    (outer,) = (e for e in timed if e["name"] == "GPT")
    inside = [e for e in timed if e["args"]["module"].startswith("GPT") and e["cat"] != "backward"]
    end = outer["ts"] + outer["dur"]
    assert all(outer["ts"] <= e["ts"] <= e["ts"] + e["dur"] <= end + 1e-3 for e in inside)
    (head,) = (e for e in timed if e["args"]["module"] == "GPT.lm_head" and e["cat"] == "forward")
    assert head["name"] == "linear"
    assert head["args"] == {
        "inputs": [[2, 8, 16], [11, 16]],
        "output": [[2, 8, 11]],
        "flops": 2 * 16 * 16 * 11,
        "module": "GPT.lm_head",
    }
    rules = [e for e in timed if e["cat"] == "backward"]
    assert all(e["name"].endswith(" backward") for e in rules)
    assert all(e["ts"] >= end for e in rules), "backward comes after"
    by_op = sum(e["dur"] for e in timed if e["name"] == "linear")
    assert by_op == pytest.approx(1e6 * p.result.ops["linear", "forward"].seconds, rel=1e-3)


def test_operations_inside_operations(tmp_path: Path) -> None:
    x = ones(100, requires_grad=True)
    with Profiler(trace=True) as p:
        Cube.apply(x).sum().backward()
        (g,) = grad([(x**3).sum()], [x], create_graph=True)
        g.sum().backward()
    timed = check(traced(tmp_path, p))
    (outer,) = (e for e in timed if e["name"] == "Cube")
    later = [e for e in timed[timed.index(outer) + 1 :] if e["ts"] < outer["ts"] + outer["dur"]]
    assert [e["name"] for e in later] == ["mul", "mul"]


def test_threads_have_names_and_lines_of_their_own(tmp_path: Path) -> None:
    with Profiler(trace=True) as p:
        thread = Thread(target=lambda: ones(2) + 1, name="loader")
        thread.start()
        thread.join()
        ones(2) * 2
    events = traced(tmp_path, p)
    check(events)
    named = {e["args"]["name"]: e["tid"] for e in events if e["name"] == "thread_name"}
    assert {e["name"]: e["tid"] for e in events if e["ph"] == "X"} == {
        "add": named["loader"], "mul": named["MainThread"]
    }  # fmt: skip


def test_without_a_trace_there_is_none(tmp_path: Path) -> None:
    with Profiler() as p:
        nn.Linear(2, 2)(ones(1, 2))
    with pytest.raises(RuntimeError, match=r"use Profiler\(trace=True\)"):
        p.result.chrome_trace(tmp_path / "trace.json")


def test_an_empty_trace(tmp_path: Path) -> None:
    with Profiler(trace=True) as p:
        pass
    assert check(traced(tmp_path, p)) == []


def test_ends_are_moved_to_within_what_they_began_in() -> None:
    spans = [(0, 100, "a"), (10, 50, "b"), (40, 60, "c"), (60, 120, "d"), (100, 101, "e")]
    assert nested(spans) == [
        (0, 100, "a"), (10, 50, "b"), (40, 50, "c"), (60, 100, "d"), (100, 101, "e")
    ]  # fmt: skip

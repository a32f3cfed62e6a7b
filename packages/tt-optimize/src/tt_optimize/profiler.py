"""Where time and memory go: every operation is timed at the door, every gradient rule beside it."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tt_autograd import time_rules, untime_rules
from tt_nn import Module
from tt_tensor import Tensor, time_ops, untime_ops
from tt_tensor.ledger import owner

from .flops import count_flops
from .size import size_of

__all__ = ["OpStats", "Profile", "Profiler", "profile"]


@dataclass(slots=True)
class OpStats:
    """What all calls of one operation, forward or backward, took together."""

    name: str
    phase: str  # "forward" or "backward"
    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0  # of results in memory of their own; views and passed-on gradients are not
    flops: int = 0  # counted from the shapes
    uncounted: int = 0  # calls whose FLOPs nobody counts; they are not in ``flops``


@dataclass(slots=True)
class Profile:
    """The result of a Profiler.

    Attributes:
        seconds: wall time from start to end.
        ops: statistics per operation and phase.
        peak_bytes: the most memory in use above the start, None if not measured.
    """

    seconds: float = 0.0
    ops: dict[tuple[str, str], OpStats] = field(default_factory=dict)
    peak_bytes: int | None = None

    def sorted(self) -> list[OpStats]:
        """The operations, the slowest first."""
        return sorted(self.ops.values(), key=lambda s: s.seconds, reverse=True)

    @property
    def flops(self) -> int:
        """The counted operations of the forward ops."""
        return sum(stats.flops for stats in self.ops.values())

    @property
    def uncounted(self) -> list[str]:
        """The forward ops whose FLOPs are not counted."""
        return sorted({stats.name for stats in self.ops.values() if stats.uncounted})

    def table(self, rows: int = 12) -> str:
        """The slowest operations as lines of text."""
        whole = self.seconds or float("inf")  # of an empty profile: all shares are 0
        lines = [
            f"{'operation':<30}{'phase':<10}{'calls':>7}{'ms':>10}{'share':>8}{'MB':>9}{'GFLOP/s':>9}"
        ]
        for s in self.sorted()[:rows]:
            rate = f"{s.flops / s.seconds / 1e9:.1f}" if s.flops and s.seconds else "-"
            lines.append(
                f"{s.name:<30}{s.phase:<10}{s.calls:>7}{1e3 * s.seconds:>10.2f}"
                f"{s.seconds / whole:>8.1%}{s.bytes / 1e6:>9.2f}{rate:>9}"
            )
        inside = sum(s.seconds for s in self.ops.values())
        lines.append(
            f"{'outside operations':<47}{1e3 * (self.seconds - inside):>10.2f}"
            f"{(self.seconds - inside) / whole:>8.1%}"
        )
        if self.peak_bytes is not None:
            lines.append(f"peak memory {self.peak_bytes / 1e6:.2f} MB above the start")
        if self.uncounted:
            lines.append(f"FLOPs not counted: {', '.join(self.uncounted)}")
        return "\n".join(lines)

    def to_json(self, path: str | Path) -> None:
        """Write everything as JSON."""
        data = {
            "seconds": self.seconds,
            "peak_bytes": self.peak_bytes,
            "ops": [asdict(stats) for stats in self.sorted()],
        }
        Path(path).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


class Profiler:
    """Measures the operations inside a ``with`` block.

    Args:
        memory: also measure the peak memory, by tracemalloc, to which NumPy reports its arrays.
            This slows every allocation; measure times without it.

    >>> from tt_tensor import ones
    >>> with Profiler() as p:
    ...     y = ones(100, 100) @ ones(100, 100)
    >>> p.result.ops["matmul", "forward"].flops
    2000000
    """

    def __init__(self, memory: bool = False) -> None:
        self.memory = memory
        self.result = Profile()
        self._start = 0.0
        self._own_tracing = False
        self._base = 0

    def __enter__(self) -> Profiler:
        self.result = Profile()
        if self.memory:
            self._own_tracing = not tracemalloc.is_tracing()
            if self._own_tracing:
                tracemalloc.start()
            tracemalloc.reset_peak()
            self._base = tracemalloc.get_traced_memory()[0]
        time_ops(self._forward)
        time_rules(self._backward)
        self._start = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.result.seconds = perf_counter() - self._start
        untime_ops(self._forward)
        untime_rules(self._backward)
        if self.memory:
            self.result.peak_bytes = tracemalloc.get_traced_memory()[1] - self._base
            if self._own_tracing:
                tracemalloc.stop()

    def _stats(self, name: str, phase: str) -> OpStats:
        found = self.result.ops.get((name, phase))
        if found is None:
            found = self.result.ops[name, phase] = OpStats(name, phase)
        return found

    def _forward(
        self, op: Any, inputs: Any, params: dict[str, Any], result: Any, seconds: float
    ) -> None:
        stats = self._stats(op.name, "forward")
        stats.calls += 1
        stats.seconds += seconds
        if not op.view:
            stats.bytes += _nbytes(result)
        counted = count_flops(op.name, inputs, params, result)
        if counted is None:
            stats.uncounted += 1
        else:
            stats.flops += counted

    def _backward(self, op: Any, g: Any, gradients: Any, seconds: float) -> None:
        stats = self._stats(op.name, "backward")
        stats.calls += 1
        stats.seconds += seconds
        known = {id(owner(_array(g)))} if not isinstance(g, dict) else set()
        for gradient in gradients:
            if gradient is not None and id(owner(_array(gradient))) not in known:
                stats.bytes += _array(gradient).nbytes


def _nbytes(result: Any) -> int:
    return sum(t.nbytes for t in (result if isinstance(result, tuple) else (result,)))


def _array(value: Any) -> Any:
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def profile(model: Module, *inputs: Any, memory: bool = True) -> tuple[Profile, dict[str, int]]:
    """One timed call of a model, and its size.

    Returns:
        The profile, and {"parameters": count, "bytes": size in memory}. With ``memory`` the model
        is called a second time to measure the peak, so that tracing does not disturb the times.
    """
    with Profiler() as timed:
        model(*inputs)
    if memory:
        with Profiler(memory=True) as traced:
            model(*inputs)
        timed.result.peak_bytes = traced.result.peak_bytes
    size = {"parameters": sum(p.numel() for p in model.parameters()), "bytes": size_of(model)}
    return timed.result, size

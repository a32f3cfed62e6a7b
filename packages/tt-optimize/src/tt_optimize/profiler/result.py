"""What a Profiler found: rows for operations and for modules, and what to make of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from ..tables import Table
from .amdahl import speedup
from .stats import ModuleStats, OpStats
from .trace import write_trace
from .views import amdahl_table, memory_table, module_table, op_table

__all__ = ["Profile"]


@dataclass(slots=True)
class Profile:
    """The result of a Profiler.

    Attributes:
        seconds: wall time from start to end.
        ops: statistics per operation and phase.
        modules: per module, those inside another after it.
        outside: statistics per operation and phase of what ran in no module.
        python_seconds: of modules' forwards, but not of operations.
        profiler_seconds: what the profiler itself took inside the block.
        other_threads_seconds: of operations in other threads than the block's own. They are in
            ``ops`` too, but not in ``seconds``.
        peak_bytes: the most memory in use above the start, None if not measured.
        tracks: each thread's name, number and events, if a trace was asked for.
    """

    seconds: float = 0.0
    ops: dict[tuple[str, str], OpStats] = field(default_factory=dict)
    modules: dict[str, ModuleStats] = field(default_factory=dict)
    outside: dict[tuple[str, str], OpStats] = field(default_factory=dict)
    python_seconds: float = 0.0
    profiler_seconds: float = 0.0
    other_threads_seconds: float = 0.0
    peak_bytes: int | None = None
    tracks: list[tuple[str, int, list[Any]]] | None = None

    def sorted(self) -> list[OpStats]:
        """The operations, the slowest first."""
        return sorted(self.ops.values(), key=lambda s: s.seconds, reverse=True)

    @property
    def flops(self) -> int:
        """The counted operations of the forward ops."""
        return sum(stats.flops for stats in self.ops.values() if stats.phase == "forward")

    @property
    def backward_flops(self) -> int:
        """The counted operations of the gradient rules."""
        return sum(stats.flops for stats in self.ops.values() if stats.phase == "backward")

    @property
    def uncounted(self) -> list[str]:
        """The ops, forward or backward, of whose calls some have no count of FLOPs."""
        return sorted({stats.name for stats in self.ops.values() if stats.uncounted})

    @property
    def forward_seconds(self) -> float:
        """Of the forward ops."""
        return sum(stats.seconds for stats in self.ops.values() if stats.phase == "forward")

    @property
    def backward_seconds(self) -> float:
        """Of the gradient rules."""
        return sum(stats.seconds for stats in self.ops.values() if stats.phase == "backward")

    @property
    def outside_seconds(self) -> float:
        """Of all else: the optimizer, autograd's own work, the program around the model."""
        inside = self.forward_seconds + self.backward_seconds - self.other_threads_seconds
        return self.seconds - inside - self.python_seconds - self.profiler_seconds

    # ---- what a faster part would buy ----------------------------------------------------------

    def share(self, name: str, phase: str | None = None) -> float:
        """The share of an operation, or of a module with all inside it, of the time that the block
        would have taken without the profiler.

        Args:
            phase: "forward" or "backward" only; both if None.

        Raises:
            KeyError: nothing of this name was seen.
        """
        found = [
            stats.seconds
            for (op, when), stats in self.ops.items()
            if op == name and phase in (None, when)
        ]
        if name in self.modules:
            stats = self.modules[name]
            found += [stats.seconds] if phase in (None, "forward") else []
            found += [stats.backward_seconds] if phase in (None, "backward") else []
        if not found:
            known = ", ".join([*sorted({op for op, _ in self.ops}), *self.modules])
            raise KeyError(f"no {phase or ''} operation or module {name!r}; there are: {known}")
        whole = self.seconds - self.profiler_seconds + self.other_threads_seconds
        return min(sum(found) / whole, 1.0) if whole > 0 else 0.0

    def amdahl(self, name: str, factor: float = 2.0, phase: str | None = None) -> float:
        """How many times faster the whole would be if one operation or module were: an estimate.

        1 / ((1 - f) + f / s) with f its share of the time measured here, s the factor.

        >>> stats = OpStats("linear", "forward", calls=1, seconds=0.5)
        >>> found = Profile(seconds=1.0, ops={("linear", "forward"): stats})
        >>> round(found.amdahl("linear", factor=2), 2)
        1.33
        """
        return speedup(self.share(name, phase), factor)

    def amdahl_table(self, rows: int = 8, factors: tuple[float, ...] = (2.0, 10.0)) -> str:
        """What faster operations would buy, the largest first, and the limit; an estimate."""
        return amdahl_table(self, rows, factors).plain()

    # ---- to look at, and to keep ---------------------------------------------------------------

    def table(self, rows: int = 12) -> str:
        """The slowest operations as lines of text; all lines together are the wall time."""
        return op_table(self, rows).plain()

    def module_table(self, depth: int | None = 2) -> str:
        """The modules as lines of text, those inside others indented.

        Args:
            depth: how deep to go; None shows all.
        """
        return module_table(self, depth).plain()

    def memory_table(self, depth: int | None = 2) -> str:
        """What each module keeps and needs, as lines of text; "-" where it was not measured."""
        return memory_table(self, depth).plain()

    def print(self, rows: int = 12, depth: int | None = 2, console: Console | None = None) -> None:
        """All tables: drawn by rich in a terminal, plain text otherwise or if NO_COLOR is set."""
        tables: list[Table] = [op_table(self, rows)]
        if self.modules:
            tables.append(module_table(self, depth))
        if any(stats.peak_bytes is not None for stats in self.modules.values()):
            tables.append(memory_table(self, depth))
        tables.append(amdahl_table(self, min(rows, 5), (2.0, 10.0)))
        for table in tables:
            table.print(console)

    def chrome_trace(self, path: str | Path) -> None:
        """Write the events as Chrome trace JSON, for https://ui.perfetto.dev or chrome://tracing.

        Raises:
            RuntimeError: the profiler did not record them.
        """
        if self.tracks is None:
            raise RuntimeError(
                "chrome_trace: expected recorded events, got none; use Profiler(trace=True)"
            )
        write_trace(self.tracks, path)

    def to_json(self, path: str | Path) -> None:
        """Write everything but the trace as JSON."""
        data = {
            "seconds": self.seconds,
            "python_seconds": self.python_seconds,
            "profiler_seconds": self.profiler_seconds,
            "other_threads_seconds": self.other_threads_seconds,
            "outside_seconds": self.outside_seconds,
            "peak_bytes": self.peak_bytes,
            "ops": [asdict(stats) for stats in self.sorted()],
            "modules": [
                {**asdict(stats), "ops": [asdict(op) for op in stats.ops.values()]}
                for stats in self.modules.values()
            ],
        }
        text = json.dumps(data, indent=1, allow_nan=False)
        Path(path).write_text(text + "\n", encoding="utf-8")

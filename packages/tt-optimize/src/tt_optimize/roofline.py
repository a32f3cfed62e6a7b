"""The roofline: how fast could each operation be on this machine, and how fast is it?

An operation of F FLOPs that moves B bytes has the intensity F / B. It can go no faster than the
arithmetic allows, and no faster than its bytes arrive: min(peak, F / B · bandwidth). On a double
logarithmic plot that is a roof: a slope, then a level. Left of the ridge more arithmetic would cost
nothing, right of it more bytes would.

B is the compulsory traffic: inputs and results, once each, from the shapes. Where the data are in a
cache an operation may well lie above the roof of the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from .ceilings import Ceilings, measure_ceilings
from .profiler import OpStats, Profile
from .tables import Table

__all__ = ["Roofline", "RooflinePoint", "roofline"]


@dataclass(frozen=True)
class RooflinePoint:
    """All calls of one operation, or in one module, under the roof.

    Attributes:
        phase: "forward", "backward", or "both" of a module.
        moved_bytes: the compulsory traffic.
    """

    name: str
    phase: str
    calls: int
    seconds: float
    flops: int
    moved_bytes: int
    ceilings: Ceilings

    @property
    def intensity(self) -> float:
        """FLOPs a byte."""
        return self.flops / self.moved_bytes if self.moved_bytes else 0.0

    @property
    def flops_per_second(self) -> float:
        """What was reached."""
        return self.flops / self.seconds if self.seconds else 0.0

    @property
    def least_seconds(self) -> float:
        """What all calls would take under the roof."""
        top = self.ceilings
        return max(self.flops / top.flops_per_second, self.moved_bytes / top.bytes_per_second)

    @property
    def share(self) -> float:
        """Of the ceiling, reached: above 1 where data came from a cache, not from memory."""
        return self.least_seconds / self.seconds if self.seconds else 0.0

    @property
    def bound(self) -> str:
        """What limits it: "compute", "memory", or "call" if it is so small that under the roof it
        would take less time than calling any operation does."""
        if self.least_seconds < self.calls * self.ceilings.call_seconds:
            return "call"
        return "compute" if self.intensity >= self.ceilings.ridge else "memory"


@dataclass(frozen=True)
class Roofline:
    """The ceilings, and the operations below them, those that take the most time first.

    ``uncounted`` names the operations whose FLOPs nobody counts: they are not among the points.
    """

    ceilings: Ceilings
    points: Sequence[RooflinePoint]
    uncounted: Sequence[str] = ()

    def table(self, rows: int = 12) -> str:
        """The operations as lines of text."""
        return self._table(rows).plain()

    def print(self, rows: int = 12, console: Console | None = None) -> None:
        """The table: drawn by rich in a terminal, plain otherwise or if NO_COLOR is set."""
        self._table(rows).print(console)

    def plot(self, path: str | Path, rows: int = 12) -> None:
        """Draw the roof and the points into a file; its suffix says which kind (svg, png, pdf).

        Raises:
            ImportError: matplotlib is not installed.
        """
        from .roofline_plot import plot_roofline

        plot_roofline(self, path, rows)

    def _table(self, rows: int) -> Table:
        lines = [
            [
                p.name,
                p.phase,
                f"{1e3 * p.seconds:.2f}",
                f"{p.intensity:.2f}" if p.flops else "-",
                f"{p.flops_per_second / 1e9:.1f}" if p.flops else "-",
                f"{p.moved_bytes / p.seconds / 1e9:.1f}" if p.seconds else "-",
                f"{p.share:.0%}",
                p.bound,
            ]
            for p in self.points[:rows]
        ]
        top = self.ceilings
        notes = [
            f"measured ceilings: {top.flops_per_second / 1e9:.1f} GFLOP/s, "
            f"{top.bytes_per_second / 1e9:.1f} GB/s from memory "
            f"({top.cache_bytes_per_second / 1e9:.0f} from cache),",
            f"ridge at {top.ridge:.1f} FLOP/B; a call takes {1e6 * top.call_seconds:.1f} µs. "
            "Bytes: inputs and results, once each;",
            "over 100 %: from a cache, not from memory",
        ]
        if self.uncounted:
            notes.append(f"FLOPs not counted: {', '.join(self.uncounted)}")
        columns = ("operation", "phase", "ms", "FLOP/B", "GFLOP/s", "GB/s", "of roof", "bound")
        return Table("roofline", columns, lines, notes, texts=2)


def roofline(profile: Profile, ceilings: Ceilings | None = None, by: str = "op") -> Roofline:
    """Place each operation of a profile under this machine's roof.

    Args:
        ceilings: those of ``measure_ceilings()``, which is called now if None.
        by: "op", or "module" for the operations that each module runs itself.

    Views, which move nothing, are left out.

    >>> from tt_optimize import Profiler
    >>> from tt_tensor import ones
    >>> with Profiler() as p:
    ...     y = ones(100, 100) @ ones(100, 100)
    >>> (point,) = roofline(p.result, Ceilings(1e11, 1e10, 1e11, 1e-6)).points
    >>> point.name, round(point.intensity, 2), point.bound  # 2 · 100³ FLOP, 3 · 40 kB
    ('matmul', 16.67, 'compute')

    Source: Williams, Waterman and Patterson 2009.
    """
    if by not in ("op", "module"):
        raise ValueError(f"roofline: by must be 'op' or 'module', got {by!r}")
    ceilings = ceilings or measure_ceilings()
    if by == "op":
        groups = [(op.name, op.phase, [op]) for op in profile.sorted()]
    else:
        groups = [(name, "both", [*m.ops.values()]) for name, m in profile.modules.items()]
    points = [_point(name, phase, ops, ceilings) for name, phase, ops in groups]
    points = [p for p in points if p.moved_bytes and p.seconds]
    points.sort(key=lambda p: p.seconds, reverse=True)
    return Roofline(ceilings, points, profile.uncounted)


def _point(name: str, phase: str, ops: list[OpStats], ceilings: Ceilings) -> RooflinePoint:
    """The sum of all operations that have a count."""
    counted = [op for op in ops if not op.uncounted]
    return RooflinePoint(
        name,
        phase,
        sum(op.calls for op in counted),
        sum(op.seconds for op in counted),
        sum(op.flops for op in counted),
        sum(op.moved_bytes for op in counted),
        ceilings,
    )

"""What was found, for people: a table of times and a table of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..machine import Machine
from ..resampling import fewest_samples
from ..tables import Table
from ..units import show_bytes, show_seconds
from .contest import Row
from .memory import FLAT_BYTES, MemoryRow

__all__ = ["Circumstances", "memory_table", "peers_table"]


@dataclass(frozen=True)
class Circumstances:
    """What times mean nothing without.

    Attributes:
        versions: each framework's, by name.
        kernels: what multiplies matrices for it, and for which processor that was chosen.
        threads: how many each contender may use.
        settings: the environment variables that choose kernels, as they were found.
        keeping: were they left in place? If not, each library chose for this processor itself.
        collecting: was Python's cyclic garbage collector on?
    """

    machine: Machine
    versions: Mapping[str, str]
    kernels: Mapping[str, str]
    threads: int
    settings: Mapping[str, str]
    collecting: bool = True
    keeping: bool = True

    @property
    def sample_rule(self) -> str:
        """What a sample is, in words."""
        clock = (
            "min(wall time, processor time of the process), which leaves out the time in which "
            "others were running"
            if self.threads == 1
            else "wall time"
        )
        return f"{clock}, with the garbage collector {'on' if self.collecting else 'off'}"

    def __str__(self) -> str:
        numpys = {"", ", ".join(self.machine.blas)}  # which the machine shows already
        own = {name: f" ({k})" for name, k in self.kernels.items() if k not in numpys}
        shown = [f"{name} {version}{own.get(name, '')}" for name, version in self.versions.items()]
        chosen = " ".join(f"{name}={value}" for name, value in self.settings.items())
        what = "set in" if self.keeping else "taken out of"
        return (
            f"{self.machine}. {', '.join(shown)}; {self.threads} thread(s) each"
            f"{f'; {what} the environment: {chosen}' if chosen else ''}"
        )


def peers_table(rows: Sequence[Row], circumstances: Circumstances) -> Table:
    """A line for each workload and peer. The ratio is peer's time / our time: above 1, ours
    wins."""
    worst = max((row.disagreement for row in rows if row.agree), default=0.0)
    note = (
        "ratio: peer's time / ours, above 1 ours is faster; median over pairs taken in turns, each "
        "contender in a process of its own, with the 99 % interval. What was timed computes the "
        f"same values, to {worst:.1e} or better. A sample is {circumstances.sample_rule}. "
        f"{circumstances}"
    )
    columns = ("workload", "peer", "ours", "peer's", "ratio", "goal")
    names = _once([row.workload for row in rows])
    lines = tuple((name, *_line(row)) for name, row in zip(names, rows, strict=True))
    return Table("Side by side", columns, lines, note)


def _line(row: Row) -> tuple[str, ...]:
    if not row.agree:
        return (row.peer, "–", "–", f"values differ by {row.disagreement:.0e}", _goal(row))
    found = row.comparison
    few = found.samples < fewest_samples(found.confidence)
    low, high = _ratio(found.low), _ratio(found.high)
    interval = f"({found.samples} pairs)" if few else f"({low}–{high})"
    return (
        row.peer,
        show_seconds(float(np.median(row.ours_seconds))),
        show_seconds(float(np.median(row.peers_seconds))),
        f"{_ratio(found.ratio)} {interval}",
        _goal(row),
    )


def _ratio(value: float) -> str:
    """Three digits, two of them after the point at most."""
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def _goal(row: Row) -> str:
    if row.goal is None:
        return ""
    return f"{row.goal:g} {'reached' if row.reached else 'missed'}"


def memory_table(rows: Sequence[MemoryRow], ours: str, peer: str) -> Table:
    """A line for each workload and framework; the goal is to need no more than ``peer``."""
    steps = {row.workload: row.steps for row in rows}
    peaks = {(row.workload, row.framework): row.peak_bytes for row in rows}
    note = (
        "resident memory of a fresh process with nothing loaded but the framework: once that is "
        "imported, and at most until the steps were taken. growth: from a tenth of the steps to "
        f"the last, with the garbage collector off; below {show_bytes(FLAT_BYTES)} it is none. "
        f"Steps taken: {'; '.join(f'{k} of {name}' for name, k in steps.items())}"
    )
    goal = f"of {peer}'s"
    columns = ("workload", "framework", "import", "peak", "above", "growth", goal)
    names = _once([row.workload for row in rows])
    lines = []
    for name, row in zip(names, rows, strict=True):
        theirs = peaks.get((row.workload, peer))
        cells = (
            row.framework,
            show_bytes(row.imported_bytes),
            show_bytes(row.peak_bytes),
            show_bytes(row.used_bytes),
            "" if row.grown_bytes is None else show_bytes(row.grown_bytes),
            _memory_goal(row, theirs) if row.framework == ours and theirs else "",
        )
        lines.append((name, *cells))
    return Table("Memory", columns, tuple(lines), note)


def _memory_goal(row: MemoryRow, theirs: int) -> str:
    """No more than theirs, and no growth."""
    share = row.peak_bytes / theirs
    return f"{share:.2f} {'reached' if share <= 1 and row.flat else 'missed'}"


def _once(names: Sequence[str]) -> list[str]:
    """Each name where it begins, and nothing where it goes on."""
    return ["" if i and names[i - 1] == name else name for i, name in enumerate(names)]

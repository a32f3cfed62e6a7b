"""Memory side by side: what a step needs at the most, each framework in a fresh process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .processes import Contender, Process
from .workloads import Workload

__all__ = ["FLAT_BYTES", "MemoryRow", "measure_memory"]

FLAT_BYTES = 1_000_000
"""Resident memory counts in pages, and allocators keep some back: less than this is not growth."""


@dataclass(frozen=True)
class MemoryRow:
    """The resident memory of one framework on one workload.

    Attributes:
        imported_bytes: with the framework imported, and nothing done yet.
        peak_bytes: the most until all steps were taken.
        grown_bytes: from a tenth of the steps to their end; None if they are too few to tell.
    """

    workload: str
    framework: str
    steps: int
    imported_bytes: int
    peak_bytes: int
    grown_bytes: int | None

    @property
    def used_bytes(self) -> int:
        """The peak above what importing took."""
        return self.peak_bytes - self.imported_bytes

    @property
    def flat(self) -> bool:
        """No growth was found."""
        return self.grown_bytes is None or self.grown_bytes < FLAT_BYTES


def measure_memory(
    workload: Workload, contenders: Sequence[Contender], threads: int
) -> list[MemoryRow]:
    """``workload.memory_steps`` steps on each contender, in a process that does nothing else."""
    rows = []
    for contender in contenders:
        with Process(contender, threads) as process:
            imported = process.ask(do="hello")["resident_bytes"]
            order = {"workload": workload.name, "steps": workload.memory_steps}
            found = process.ask(do="memory", **order)
        rows.append(
            MemoryRow(
                workload=workload.name,
                framework=contender.name,
                steps=workload.memory_steps,
                imported_bytes=imported,
                peak_bytes=found["peak_bytes"],
                grown_bytes=found["grown_bytes"],
            )
        )
    return rows

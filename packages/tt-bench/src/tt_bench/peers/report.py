"""What the contest with peers found: a table, and a document with every sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..documents import write_document
from ..machine import Machine
from ..tables import Table
from ..units import show_seconds
from .contest import Row

__all__ = ["peers_json", "peers_table", "sample_rule"]

SCHEMA, VERSION = "tt-bench/peers", 1


def sample_rule(threads: int) -> str:
    """What a sample is, in words."""
    clock = (
        "min(wall time, processor time of the process), which leaves out the time in which others "
        "were running"
        if threads == 1
        else "wall time"
    )
    return f"{threads} thread(s) each; a sample is {clock}"


def peers_table(
    rows: Sequence[Row], machine: Machine, versions: Mapping[str, str], threads: int
) -> Table:
    """A line for each workload and peer. The ratio is peer's time / our time: above 1, ours
    wins."""
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    worst = max((row.disagreement for row in rows if row.agree), default=0.0)
    note = (
        "ratio: peer's time / ours, median over pairs taken in turns, each contender in a process "
        f"of its own. What was timed computes the same values, to {worst:.1e} or better. "
        f"{sample_rule(threads)}. {shown}. {machine}"
    )
    columns = ("workload", "peer", "ours", "peer's", "ratio", "99 % CI", "ours is", "goal")
    return Table("Side by side", columns, tuple(_line(row) for row in rows), note)


def _line(row: Row) -> tuple[str, ...]:
    if not row.agree:
        why = f"values differ by {row.disagreement:.1e}: not timed"
        return (row.workload, row.peer, "–", "–", "–", "–", why, _goal(row))
    found = row.comparison
    return (
        row.workload,
        row.peer,
        show_seconds(_median(row.ours_seconds)),
        show_seconds(_median(row.peers_seconds)),
        f"{found.ratio:.2f}×",
        f"{found.low:.2f} to {found.high:.2f}",
        found.verdict,
        _goal(row),
    )


def _goal(row: Row) -> str:
    if row.goal is None:
        return ""
    reached = row.agree and row.comparison.ratio >= row.goal
    return f"{row.goal:g}×: {'reached' if reached else 'missed'}"


def _median(seconds: Sequence[float]) -> float:
    ordered = sorted(seconds)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2


def peers_json(
    rows: Sequence[Row], machine: Machine, versions: Mapping[str, str], threads: int
) -> str:
    """All rows with all samples, and on what they were taken."""
    content: dict[str, Any] = {
        "machine": machine.to_dict(),
        "versions": dict(versions),
        "threads": threads,
        "sample": sample_rule(threads),
        "rows": [_document(row) for row in rows],
    }
    return write_document(SCHEMA, VERSION, content)


def _document(row: Row) -> dict[str, Any]:
    derived: dict[str, Any] = {}
    if row.agree:
        found = row.comparison
        derived = {
            "ours_median_seconds": _median(row.ours_seconds),
            "peers_median_seconds": _median(row.peers_seconds),
            "ratio": found.ratio,
            "ratio_low": found.low,
            "ratio_high": found.high,
            "verdict": found.verdict,
        }
    plain = asdict(row)
    if plain["disagreement"] == float("inf"):
        plain["disagreement"] = None  # JSON has no infinity: some value was not finite
    return {**plain, "derived": derived}

"""What was found, for programs: a document with every sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ..documents import write_document
from .contest import Row
from .memory import MemoryRow
from .report import Circumstances

__all__ = ["peers_json"]

SCHEMA, VERSION = "tt-bench/peers", 2


def peers_json(
    rows: Sequence[Row], memory: Sequence[MemoryRow], circumstances: Circumstances
) -> str:
    """All rows with all samples, and on what they were taken."""
    content: dict[str, Any] = {
        "machine": circumstances.machine.to_dict(),
        "versions": dict(circumstances.versions),
        "kernels": dict(circumstances.kernels),
        "settings": dict(circumstances.settings),
        "settings_kept": circumstances.keeping,
        "threads": circumstances.threads,
        "sample": circumstances.sample_rule,
        "rows": [_time(row) for row in rows],
        "memory": [{**asdict(row), "derived": {"used_bytes": row.used_bytes}} for row in memory],
    }
    return write_document(SCHEMA, VERSION, content)


def _time(row: Row) -> dict[str, Any]:
    derived: dict[str, Any] = {}
    if row.agree:
        found = row.comparison
        pairs = zip(row.ours_seconds, row.peers_seconds, strict=True)
        derived = {
            "ours_median_seconds": float(np.median(row.ours_seconds)),
            "peers_median_seconds": float(np.median(row.peers_seconds)),
            "pair_ratios": [theirs / ours for ours, theirs in pairs],
            "ratio": found.ratio,
            "ratio_low": found.low,
            "ratio_high": found.high,
            "verdict": found.verdict,
            "reached": row.reached,
        }
    plain = asdict(row)
    if plain["disagreement"] == float("inf"):
        plain["disagreement"] = None  # JSON has no infinity: some value was not finite
    return {**plain, "derived": derived}

"""Which technique buys what: alone, together, and what is lost when one of them is left out.

The techniques are tt_optimize's. Each is a switch of an entry: a cache for keys and values, weights
in 8 or 4 bits, a faster backend, and other weights altogether (pruned, distilled). ``combinations``
says which entries an ablation needs, ``write_gpt_entry`` makes them, the judge measures them, and
``ablation_table`` reads the answer off.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from tt_models import GPT
from tt_nn import save
from tt_optimize import quantize as quantized
from tt_text import BPETokenizer

from .entries import EntryFolder, keep_compiled, write_entry
from .measured import Measured
from .olympic_results import OlympicResults
from .tables import Table
from .units import show_percent

__all__ = ["ablation_table", "combinations", "write_gpt_entry"]


def combinations(techniques: Sequence[str]) -> list[tuple[str, ...]]:
    """What an ablation measures: none, each one alone, all but one, and all.

    2n + 2 entries for n techniques, where every combination would take 2ⁿ.

    >>> for chosen in combinations(["cache", "int8", "compiled"]):
    ...     print(" + ".join(chosen) or "none")
    none
    cache
    int8
    compiled
    int8 + compiled
    cache + compiled
    cache + int8
    cache + int8 + compiled
    """
    names = tuple(techniques)
    if len(set(names)) < len(names):
        raise ValueError(f"combinations: every technique once, got {list(names)}")
    alone = [(name,) for name in names]
    without = [tuple(n for n in names if n != left_out) for left_out in names]
    found: list[tuple[str, ...]] = []
    for chosen in ((), *alone, *without, names):
        if chosen not in found:
            found.append(chosen)
    return found


def write_gpt_entry(
    path: str | Path,
    name: str,
    model: GPT,
    tokenizer: BPETokenizer,
    techniques: Sequence[str] = (),
    *,
    quantize: Mapping[str, Any] | None = None,
    backend: str | None = None,
    cache: bool = False,
    compiled: str | Path | None = None,
) -> EntryFolder:
    """An entry that answers questions with a GPT, optimised in the ways that are named.

    Args:
        model: its float weights, pruned or distilled if it is meant to be.
        techniques: what the tables call the optimisations.
        quantize: options for ``tt_optimize.quantize``; the weights are stored quantized.
        backend: for ``tt_optimize.accelerate``.
        cache: keep keys and values.
        compiled: what numba has compiled for another entry, see ``keep_compiled``; so that it need
            not be compiled again.
    """
    code = files(__package__) / "standard" / "references" / "tinytalks_optimised.py"
    entry = write_entry(path, name, code.read_text(encoding="utf-8"), techniques)
    settings = {
        "config": asdict(model.config),
        "quantize": dict(quantize) if quantize else None,
        "backend": backend,
        "cache": cache,
    }
    (entry.path / "settings.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    tokenizer.save(entry.path)
    stored = quantized(model, **quantize) if quantize else model
    save(stored.state_dict(), entry.path / "weights.safetensors")
    if compiled is not None:
        shutil.copytree(compiled, entry.path / "compiled", dirs_exist_ok=True)
    if backend == "numba":
        keep_compiled(entry, "Q: Hello!\nA:")
    return entry


def ablation_table(results: OlympicResults) -> Table:
    """What each technique bought alone, and what all together lose without it.

    Speed is how many times as fast, memory how many times as much, accuracy a difference in
    percentage points. Alone: against the entry with no technique. Without: all but this one,
    against all. A technique whose entries are not among those measured has a dash.
    """
    by_techniques = {frozenset(one.techniques): one for one in results.measured}
    everything = frozenset[str]().union(*by_techniques)
    none, full = by_techniques.get(frozenset()), by_techniques.get(everything)
    order = dict.fromkeys(name for one in results.measured for name in one.techniques)
    rows = []
    for name in order:
        alone = by_techniques.get(frozenset([name]))
        without = by_techniques.get(everything - {name})
        rows.append((name, *_change(alone, none), *_change(without, full)))
    if len(everything) > 1:
        rows.append(("all together", *_change(full, none), *_change(None, None)))
    columns = (
        *("technique", "alone: speed", "memory", "accuracy"),
        *("without it: speed", "memory ", "accuracy "),
    )
    note = (
        "alone: against the entry with no technique; without it: all but this one, against all. "
        "speed: times as fast, by medians; memory: times as much; accuracy: in points"
    )
    return Table("What each technique buys", columns, tuple(rows), note)


def _change(one: Measured | None, other: Measured | None) -> tuple[str, str, str]:
    """Speed, memory and accuracy of one beside another."""
    if one is None or other is None:
        return ("–", "–", "–")
    points = 100 * (one.accuracy - other.accuracy)
    tie = one is not other and one.against(other).verdict == "no difference found"
    speed = other.latency_seconds / one.latency_seconds
    return (
        f"{speed:.3g}×" + (" (no difference found)" if tie else ""),
        f"{one.memory_bytes / other.memory_bytes:.3g}×",
        f"{points:+.1f} ({show_percent(one.accuracy)})",
    )

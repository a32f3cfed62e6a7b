"""The command: python -m tt_optimize.report"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from ..tables import Table
from .outcome import Outcome, Row
from .rows import ROWS
from .worker import environment, find_row

__all__ = ["main"]

COLUMNS = ("what", "measured", "verdict", "goal", "aim", "figure", "spread")
VERSIONS = ("numpy", "torch", "numba")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows, each in a process of its own; print the table and write JSON.

    Returns 0, or 1 if a figure that could be measured misses its goal, or 2 if a row failed.
    """
    options = _parser().parse_args(arguments)
    try:
        rows = [find_row(name) for name in options.only] if options.only else list(ROWS)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    outcomes: list[Outcome] = []
    failed: list[str] = []
    kept = options.models is not None
    place = nullcontext(options.models) if kept else tempfile.TemporaryDirectory()
    with place as folder:
        for i, row in enumerate(rows):
            begun = time.perf_counter()
            _tell(f"[{i + 1}/{len(rows)}] {row.name} ...")
            measured = _measure(row, folder, options)
            if measured is None:
                failed.append(row.name)
            else:
                outcomes += measured
                _tell(f"  {time.perf_counter() - begun:.0f} s")
    facts = _machine()
    if outcomes:
        _table(outcomes, facts, options).print()
    if options.json:
        written = {
            "machine": facts,
            "seed": options.seed,
            "quick": options.quick,
            "failed": failed,
            "outcomes": [outcome.to_dict() for outcome in outcomes],
        }
        Path(options.json).write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(_verdict(outcomes, failed, options.quick))
    return 2 if failed else int(any(outcome.missed for outcome in outcomes))


def _measure(row: Row, folder: str, options: argparse.Namespace) -> list[Outcome] | None:
    """The outcomes of a row; None if its process failed, whose error is on stderr."""
    order = {"row": row.name, "folder": folder, "seed": options.seed, "quick": options.quick}
    done = subprocess.run(
        [sys.executable, "-m", "tt_optimize.report.worker", json.dumps(order)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env=environment(row, os.environ, options.keep_kernels),
    )
    if done.returncode:
        _tell(f"  {row.name} failed with code {done.returncode}; its error stands above")
        return None
    return [Outcome.from_dict(facts) for facts in json.loads(done.stdout.splitlines()[-1])]


def _table(outcomes: list[Outcome], facts: dict[str, str], options: argparse.Namespace) -> Table:
    quick = "QUICK, CLAIMS NOTHING: " if options.quick else ""
    return Table(
        f"{quick}what the techniques reach (seed {options.seed})",
        COLUMNS,
        [outcome.cells() for outcome in outcomes],
        [
            "Ratios of times: medians over turns, with their quartiles, on one thread.",
            ", ".join(f"{name} {text}" for name, text in facts.items()),
        ],
        texts=3,
    )


def _verdict(outcomes: list[Outcome], failed: list[str], quick: bool) -> str:
    """The last line."""
    if failed:
        return f"failed: {', '.join(failed)}"
    if quick:
        return f"{len(outcomes)} figures measured in haste: everything runs, nothing is claimed"
    judged = [o for o in outcomes if o.goal is not None and o.figure is not None]
    absent = sum(outcome.figure is None for outcome in outcomes)
    missed = [outcome.what for outcome in judged if outcome.missed]
    text = f"{len(judged) - len(missed)} of {len(judged)} goals reached"
    text += f", {absent} figures not measured" if absent else ""
    return "; missed: ".join([text, *missed])


def _machine() -> dict[str, str]:
    """What ran it."""
    facts = {"processor": _processor(), "Python": platform.python_version()}
    for package in VERSIONS:
        try:
            facts[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            facts[package] = "not installed"
    return facts


def _processor() -> str:
    """Its name, where the system tells."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tt_optimize.report",
        description="What the techniques of tt-optimize reach on this machine.",
    )
    add = parser.add_argument
    names = ", ".join(row.name for row in ROWS)
    add("--only", nargs="+", metavar="NAME", help=f"rows to measure: {names}")
    add("--quick", action="store_true", help="tiny models, few samples: claims nothing")
    add("--seed", type=int, default=0, help="of weights, data and training (0)")
    add(
        "--models",
        metavar="FOLDER",
        help="keep trained models there, and use those there",
    )
    add("--json", metavar="FILE", help="write every figure there")
    add(
        "--keep-kernels",
        action="store_true",
        help="leave variables such as OPENBLAS_CORETYPE in the environment; otherwise each library "
        "chooses the kernels for this processor itself",
    )
    return parser

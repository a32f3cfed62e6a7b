"""The command: python benchmarks/peers.py"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ..machine import Machine
from .contest import Contender, Process, Row, contest
from .report import peers_json, peers_table
from .workloads import WORKLOADS, Workload

__all__ = ["PEERS", "main"]

OURS = Contender("tt", "tt")
PEERS = (Contender("torch", "torch"), Contender("torch, fused Adam", "torch", {"fused": True}))


def main(arguments: Sequence[str] | None = None) -> int:
    """Time the workloads on TinyTorch and on PyTorch in turns; print a table and write JSON.

    Returns 0, or 1 if a peer computed other values than we did, so that no time counts.

    Raises:
        SystemExit: PyTorch is not installed.
    """
    options = _parser().parse_args(arguments)
    workloads = [w for w in WORKLOADS if options.only.lower() in w.name.lower()]
    if options.list or not workloads:
        print("\n".join(w.name for w in WORKLOADS))
        return 0 if options.list else 2
    for framework in {peer.framework for peer in PEERS}:
        if importlib.util.find_spec(framework) is None:
            raise SystemExit(
                f"this compares with PyTorch, and the package {framework} is not installed: "
                f"pip install {framework}"
            )
    rows, machine, versions = _run(workloads, options)
    peers_table(rows, machine, versions, options.threads).print()
    text = peers_json(rows, machine, versions, options.threads)
    Path(options.json).write_text(text + "\n", encoding="utf-8")
    print(f"every sample is in {options.json}")
    return 0 if all(row.agree for row in rows) else 1


def _run(
    workloads: Sequence[Workload], options: argparse.Namespace
) -> tuple[list[Row], Machine, dict[str, str]]:
    """Start all processes, then one workload after another."""
    rows: list[Row] = []
    machine = Machine.here()
    with ExitStack() as stack:
        processes = [
            stack.enter_context(Process(contender, options.threads)) for contender in (OURS, *PEERS)
        ]
        versions = {}
        for process in processes:
            hello = process.ask(do="hello")
            versions[process.contender.framework] = str(hello["version"])
            if hello["threads"] > options.threads:
                raise RuntimeError(
                    f"{process.contender.name} runs {hello['threads']} threads where "
                    f"{options.threads} were asked for: its times would not be comparable"
                )
        for workload in workloads:
            print(f"{workload.name} ...", flush=True)
            competing = [p for p in processes if workload.trains or not p.contender.options]
            rows += contest(
                workload,
                competing,
                samples=options.samples,
                sample_seconds=options.seconds,
                tolerance=options.tolerance,
            )
    return rows, machine, versions


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="TinyTorch side by side with PyTorch, in the same run."
    )
    add = parser.add_argument
    add("--only", default="", metavar="TEXT", help="workloads whose name contains TEXT")
    add("--threads", type=int, default=1, help="threads for each contender (1)")
    add("--samples", type=int, default=15, help="samples of each contender (15)")
    add("--seconds", type=float, default=0.1, help="the least length of a sample (0.1)")
    add("--tolerance", type=float, default=1e-3, help="how far values may differ (1e-3)")
    add("--json", default="peers.json", metavar="PATH", help="where every sample is written")
    add("--list", action="store_true", help="name the workloads and stop")
    return parser

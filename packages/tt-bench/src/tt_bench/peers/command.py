"""The command: python benchmarks/peers.py"""

from __future__ import annotations

import argparse
import importlib.util
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ..machine import Machine
from .contest import Row, Terms, contest
from .memory import MemoryRow, measure_memory
from .processes import THREAD_VARIABLES, Contender, Process
from .progress import Announcer
from .record import peers_json
from .report import Circumstances, memory_table, peers_table
from .workloads import WORKLOADS, Workload

__all__ = ["OURS", "PEERS", "main"]

OURS = Contender("tt", "tt")
TORCH = Contender("torch", "torch")
PEERS = (
    TORCH,
    Contender("torch fused", "torch", {"fused": True}),
    Contender("torch channels-last", "torch", {"channels_last": True}),
    Contender("torch both", "torch", {"fused": True, "channels_last": True}),
    Contender("autograd", "autograd"),
    Contender("micrograd", "micrograd"),
    Contender("tokenizers", "tokenizers"),
    Contender("tiktoken", "tiktoken"),
)
QUICK = Terms(check_steps=3, sample_seconds=0.02, samples=3, least_samples=3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the workloads on TinyTorch and its peers in turns; print tables and write JSON.

    Returns 0, or 1 if a peer computed other values than we did, so that no time counts, or 2 if no
    workload has that name.

    Raises:
        SystemExit: PyTorch is not installed.
    """
    options = _parser().parse_args(arguments)
    wanted = [text.lower() for text in options.only]
    workloads = [w for w in WORKLOADS if any(text in w.name.lower() for text in wanted)]
    if options.list or not workloads:
        print("\n".join(map(_entry, WORKLOADS)))
        return 0 if options.list else 2
    peers = _installed(PEERS)
    terms = QUICK if options.quick else Terms(samples=options.samples)
    terms = replace(terms, collecting=not options.no_gc)
    rows, memory, circumstances = _run(
        workloads, peers, terms, options.threads, options.keep_kernels
    )
    peers_table(rows, circumstances).print()
    if memory:
        memory_table(memory, OURS.name, TORCH.name).print()
    text = peers_json(rows, memory, circumstances)
    Path(options.json).write_text(text + "\n", encoding="utf-8")
    print(_verdict(rows, options.json))
    return 0 if all(row.agree for row in rows) else 1


def _installed(peers: Sequence[Contender]) -> list[Contender]:
    """The peers that are installed; which are not is printed, and how to get them."""
    missing = {p.framework for p in peers if importlib.util.find_spec(p.framework) is None}
    if "torch" in missing:
        raise SystemExit(
            "this compares with PyTorch, and the package torch is not installed: pip install torch"
        )
    for name in sorted(missing):
        print(f"{name} is not installed, so it is left out; to have it: pip install {name}")
    return [peer for peer in peers if peer.framework not in missing]


def _entry(workload: Workload) -> str:
    """A line of the list: the workload, its contenders, and the goals."""
    peers = [peer.name for peer in PEERS if peer.can(workload)]
    shown = [f"{p} (goal {workload.goals[p]:g})" if p in workload.goals else p for p in peers]
    return f"{workload.name:32} against {', '.join(shown)}"


def _run(
    workloads: Sequence[Workload],
    peers: Sequence[Contender],
    terms: Terms,
    threads: int,
    keep_kernels: bool,
) -> tuple[list[Row], list[MemoryRow], Circumstances]:
    """Time one workload after another, then take the memory of those that have it.

    Every library is to choose its kernels for this processor itself, unless ``keep_kernels``.
    """
    settings = _kernel_settings()
    without = () if keep_kernels else tuple(settings)
    rows: list[Row] = []
    memory: list[MemoryRow] = []
    remembered = [w for w in workloads if w.memory_steps]
    machine = Machine.here()
    with Announcer(len(workloads) + len(remembered)) as announcer:
        with ExitStack() as stack:
            taking_part = [OURS, *(p for p in peers if any(p.can(w) for w in workloads))]
            processes = [stack.enter_context(Process(c, threads, without)) for c in taking_part]
            versions, kernels = _introduced(processes, threads)
            for workload in workloads:
                announcer.begin(workload.name)
                competing = [p for p in processes if p.contender.can(workload)]
                rows += contest(workload, competing, terms, announcer.tell)
        for workload in remembered:
            announcer.begin(f"memory of {workload.name}")
            announcer.tell("in fresh processes", 0.0)
            memory += measure_memory(workload, (OURS, TORCH), threads)
    circumstances = Circumstances(
        machine, versions, kernels, threads, settings, terms.collecting, keep_kernels
    )
    return rows, memory, circumstances


def _introduced(
    processes: Sequence[Process], threads: int
) -> tuple[dict[str, str], dict[str, str]]:
    """What each process says of itself: each framework's version, and its kernels.

    Raises:
        RuntimeError: one has more threads than it was given.
    """
    versions, kernels = {}, {}
    for process in processes:
        hello, name = process.ask(do="hello"), process.contender.framework
        versions[name], kernels[name] = hello["version"], hello["kernels"]
        if hello["threads"] > threads:
            raise RuntimeError(
                f"{process.contender.name} runs {hello['threads']} threads where {threads} were "
                "asked for: its times would not be comparable"
            )
    return versions, kernels


def _kernel_settings() -> dict[str, str]:
    """The environment variables that choose a library's kernels."""
    prefixes = ("OPENBLAS_", "MKL_", "BLIS_", "ONEDNN_", "ATEN_", "NPY_")
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith(prefixes) and name not in THREAD_VARIABLES
    }


def _verdict(rows: Sequence[Row], path: str) -> str:
    """The last line: how many goals were reached, and where everything is."""
    goals = [row for row in rows if row.goal is not None]
    reached = sum(row.reached for row in goals)
    return f"{reached} of {len(goals)} goals of speed reached; every sample is in {path}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="TinyTorch side by side with its peers, in the same run."
    )
    add = parser.add_argument
    add(
        "--only",
        nargs="+",
        default=[""],
        metavar="TEXT",
        help="workloads whose name contains one of these",
    )
    add("--list", action="store_true", help="name the workloads and stop")
    add("--samples", type=int, default=Terms.samples, help="of each contender, at most (15)")
    add("--quick", action="store_true", help="3 short samples: a look, too few to tell")
    add("--no-gc", action="store_true", help="time with Python's cyclic garbage collector off")
    add(
        "--keep-kernels",
        action="store_true",
        help="leave variables such as OPENBLAS_CORETYPE in the environment; otherwise each "
        "library chooses the kernels for this processor itself",
    )
    add("--threads", type=int, default=1, help="for each contender (1)")
    add("--json", default="peers.json", metavar="PATH", help="where every sample is written")
    return parser

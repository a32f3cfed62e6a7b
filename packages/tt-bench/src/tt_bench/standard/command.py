"""The suite's command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ..arguments import at_least, new_file, read_entries
from .run import DIVISIONS, SuiteResults, run_suite
from .tasks import TASKS, Task, find_task

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run tasks; 0 if every reference is as good as it must be and every entry keeps the quality.

    References are trained when they are first needed, and kept in ``--references``.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    console = Console()
    if options.list:
        for task in TASKS:
            print(f"{task.name:14} {task.title}; the reference reaches {task.least_accuracy:.1%}")
        return 0
    known = [task.name for task in TASKS]
    if unknown := [name for name in options.tasks if name not in known]:
        parser.error(f"no task {unknown[0]!r}; there are {', '.join(known)}")
    tasks = [find_task(name) for name in options.tasks] or list(TASKS)
    entries = read_entries(parser, options.entry)
    if entries and len(tasks) != 1:
        raise SystemExit("name the one task that the entries are for, such as: digits-cnn")
    chosen = []
    for task in tasks:
        console.print(f"{task.name}: the reference", highlight=False)
        reference = task.reference(options.references, options.quick)
        chosen.append((task, reference, dict.fromkeys(entries, options.division)))
    results = run_suite(
        chosen,
        queries=20 if options.quick else options.queries,
        quick=options.quick,
        tell=lambda text: console.print(f"measuring {text}", highlight=False),
    )
    console.print()
    results.table().print(console)
    if options.json:
        options.json.write_text(results.to_json() + "\n", encoding="utf-8")
        console.print(f"every latency is in {options.json}", highlight=False, soft_wrap=True)
    return verdict(console, results, tasks)


def verdict(console: Console, results: SuiteResults, tasks: Sequence[Task]) -> int:
    """Say what is not as good as it must be; the exit code."""
    if results.quick:
        console.print("Quick run: it claims nothing of the models.")
        return 0
    least = {task.name: task.least_accuracy for task in tasks}
    bad = [
        f"{result.task}, {result.entry}: {result.reason or f'{result.accuracy:.1%}'}"
        for result in results.results
        if not result.keeps_quality
        or (result.entry == result.task and result.accuracy < least[result.task])
    ]
    for line in bad:
        console.print(f"NOT good enough: {line}", highlight=False, markup=False)
    return 1 if bad else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tt_bench.standard",
        description="The standard suite: fixed tasks, each with a quality to hold.",
    )
    add = parser.add_argument
    add("tasks", nargs="*", help="which tasks (all)")
    add("--list", action="store_true", help="name the tasks and stop")
    add(
        "--entry", action="append", default=[], metavar="FOLDER", help="enters beside the reference"
    )
    add("--division", choices=list(DIVISIONS), default="closed", help="of the entries (closed)")
    add(
        "--references",
        type=Path,
        default=Path("suite-references"),
        metavar="FOLDER",
        help="where trained references are kept (suite-references)",
    )
    add("--queries", type=at_least(3), default=200, help="that a task asks, at most (200)")
    add("--quick", action="store_true", help="hardly trained references, 20 queries each")
    add("--json", type=new_file, metavar="FILE", help="write every latency")
    return parser

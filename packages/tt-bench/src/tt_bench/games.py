"""The Olympics from the command line: `python -m tt_bench.games ENTRY...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from .arguments import above_zero, at_least, new_file, read_entries
from .entries import Limits
from .judge import Olympics
from .olympic_results import OlympicResults
from .records import keep_records, records_table
from .reports import olympics_page
from .standard import TASKS, find_task

__all__ = ["main", "tell_tenths"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge entries on a task of the standard suite; 0 unless one of them was sent off."""
    parser = _parser()
    options = parser.parse_args(arguments)
    console = Console()
    task = find_task(options.task)
    entries = read_entries(parser, options.entries, [task.name])
    console.print(f"{task.name}: {task.title}. The baseline is the reference.", highlight=False)
    baseline = task.reference(options.references, options.quick)
    queries = 12 if options.quick else options.queries
    games = Olympics(
        *task.queries(queries),
        fresh=task.fresh(max(8, queries // 4)),
        limits=Limits(options.load_seconds, options.query_seconds, options.memory_bytes),
        progress=tell_tenths(console),
    )
    results = games.run(baseline, entries)
    results.print(console)
    _write(results, options, console)
    return 1 if results.disqualified else 0


def tell_tenths(console: Console) -> Callable[[int, int], None]:
    """A line for every fifth that the judge has asked; nothing more, so as not to disturb."""
    shown = -1

    def report(done: int, total: int) -> None:
        nonlocal shown
        fifth = 5 * done // total
        if fifth > shown:
            shown = fifth
            console.print(f"  {20 * fifth} % of the questions asked", highlight=False)

    return report


def _write(results: OlympicResults, options: argparse.Namespace, console: Console) -> None:
    if options.bests:
        records_table(keep_records(results, options.bests)).print(console)
    for path, text in (
        (options.json, results.to_json),
        (options.markdown, results.to_markdown),
        (options.html, lambda: olympics_page(results).html()),
    ):
        if path:
            path.write_text(text() + "\n", encoding="utf-8")
            console.print(f"written: {path}", highlight=False, soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tt_bench.games",
        description="The TorchPerf Olympics: five events, one judge.",
    )
    add = parser.add_argument
    add("entries", nargs="*", metavar="ENTRY", help="folders with an entry.toml")
    add("--task", choices=[task.name for task in TASKS], default="digits-cnn", help="(digits-cnn)")
    add("--queries", type=at_least(4), default=120, help="that the judge asks, at most (120)")
    add(
        "--references",
        type=Path,
        default=Path("suite-references"),
        metavar="FOLDER",
        help="where trained references are kept (suite-references)",
    )
    add("--quick", action="store_true", help="a reference that has hardly learned, 12 queries")
    add(
        "--load-seconds", type=above_zero, default=Limits.load_seconds, help="to load an entry (60)"
    )
    add("--query-seconds", type=above_zero, default=Limits.query_seconds, help="for one query (10)")
    add(
        "--memory-bytes",
        type=at_least(1),
        default=Limits.memory_bytes,
        help="of an entry (2000000000)",
    )
    add(
        "--bests", type=new_file, metavar="FILE", help="where personal bests are kept between games"
    )
    add("--json", type=new_file, metavar="FILE", help="write everything that was measured")
    add("--markdown", type=new_file, metavar="FILE", help="write the tables")
    add("--html", type=new_file, metavar="FILE", help="write a page with tables, plots and data")
    return parser


if __name__ == "__main__":
    sys.exit(main())

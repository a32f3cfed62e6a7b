"""Running the suite: each task's reference, and whoever enters beside it, in all scenarios."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from ..documents import write_document
from ..entries import EntryFolder, EntryProcess, Foul, Limits
from ..entry import exact_match
from ..machine import Machine
from ..tables import Table
from ..units import show_bytes, show_percent, show_seconds
from .scenarios import WARMUP, Offline, Server, SingleStream, offline, server, single_stream
from .tasks import BATCH, KEPT, Task

__all__ = ["DIVISIONS", "SuiteResults", "TaskResult", "run_suite"]

SCHEMA, VERSION = "tt-bench/standard-suite", 1
DIVISIONS = {
    "closed": "the reference's model, optimised in any way",
    "open": "any model",
}
LOAD = 0.5  # of what the single stream could do, in the server scenario
Tell = Callable[[str], None]
Found = TypeVar("Found")


@dataclass(frozen=True)
class TaskResult:
    """What was measured of one entry on one task.

    Attributes:
        correct, asked: right answers, of so many, in the scenario in which they are the fewest.
        quality_target: the accuracy that counts as keeping the quality: 99 % of the reference's.
        held_bytes, working_bytes: what it holds, and allocates on top while it answers.
        reason: why it was sent off; then nothing else counts.
    """

    task: str
    entry: str
    division: str
    correct: int = 0
    asked: int = 0
    quality_target: float = 0.0
    single: SingleStream | None = None
    offline: Offline | None = None
    server: Server | None = None
    held_bytes: int = 0
    working_bytes: int = 0
    reason: str = ""

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return self.correct / max(self.asked, 1)

    @property
    def keeps_quality(self) -> bool:
        """Is it as good as its division asks? (The open division asks for the same quality.)"""
        return not self.reason and self.accuracy >= self.quality_target


@dataclass(frozen=True)
class SuiteResults:
    """All results; the reference of a task comes before those who entered beside it."""

    results: tuple[TaskResult, ...]
    machine: Machine
    quick: bool = False

    def table(self) -> Table:
        """A line for each entry and task."""
        columns = (
            *("task", "entry", "division", "accuracy", "p50", "p90", "p99"),
            *("items/s", "server p99", "memory", "quality"),
        )
        quick = "A quick run: the models have hardly learned. " if self.quick else ""
        note = (
            f"{quick}p50 to p99: latency of one query at a time. items/s: everything at once, in "
            f"batches of {BATCH}. server p99: Poisson arrivals at {LOAD:.0%} of what the single "
            f"stream could do, waiting included. memory: held and working. quality: {KEPT:.0%} of "
            f"the reference's accuracy. {self.machine}"
        )
        return Table("Standard suite", columns, tuple(map(_row, self.results)), note)

    def to_json(self) -> str:
        """Everything, with every latency, as a document with schema and version."""
        content = {
            "machine": self.machine.to_dict(),
            "quick": self.quick,
            "results": [_to_dict(result) for result in self.results],
        }
        return write_document(SCHEMA, VERSION, content)


def run_suite(
    tasks: Sequence[tuple[Task, EntryFolder, Mapping[EntryFolder, str]]],
    *,
    queries: int = 200,
    limits: Limits | None = None,
    quick: bool = False,
    tell: Tell = lambda text: None,
) -> SuiteResults:
    """Measure references and entries on their tasks.

    Args:
        tasks: each with its reference, and the entries beside it with their divisions.
        queries: how many a task asks, at most.
        tell: is told what is being measured.
    """
    machine = Machine.here()
    limits = limits or Limits()
    results = []
    for task, reference, entries in tasks:
        tell(f"{task.name}: {reference.name}")
        first = _measure(task, reference, "closed", queries, limits, 0.0)
        target = KEPT * first.accuracy
        results.append(replace(first, quality_target=target))
        for entry, division in entries.items():
            tell(f"{task.name}: {entry.name}")
            results.append(_measure(task, entry, division, queries, limits, target))
    return SuiteResults(tuple(results), machine, quick)


def _measure(
    task: Task, entry: EntryFolder, division: str, most: int, limits: Limits, target: float
) -> TaskResult:
    """One entry on one task: a process for each scenario; another weighs it."""
    if division not in DIVISIONS:
        raise ValueError(f"division: expected one of {', '.join(DIVISIONS)}; got {division!r}")
    asked = task.queries(most)
    batches, fresh = _batches(asked.inputs), task.fresh(BATCH).inputs

    def scenario(
        run: Callable[[Callable[[Any], Any]], Found], warmup: Sequence[Any]
    ) -> tuple[Found, list[Any]]:
        """What a scenario finds, and the answers that were timed. It meets a process that was never
        asked its queries, and was warmed up with others: there is nothing to remember."""
        answers: list[Any] = []

        def ask(query: Any) -> Any:
            answers.append(process.predict(query))

        with EntryProcess(entry, limits) as process:
            for query in warmup:
                process.predict(query)
            return run(ask), answers

    try:
        single, alone = scenario(
            lambda ask: single_stream(ask, asked.inputs, warmup=()), fresh[:WARMUP]
        )
        rate = LOAD / float(np.mean(single.latencies_seconds))
        all_at_once, together = scenario(
            lambda ask: offline(ask, batches, warmup=()), _batches(fresh)
        )
        served, waiting = scenario(
            lambda ask: server(ask, asked.inputs, rate, warmup=()), fresh[:WARMUP]
        )
        with EntryProcess(entry, limits, traced=True) as process:
            held, working = process.weigh(asked.inputs[:3], alone[:3])
    except Foul as foul:
        return TaskResult(task.name, entry.name, division, reason=str(foul))
    together = [answer for batch in together for answer in _items(batch)]
    graded = [_graded(answers, asked.targets) for answers in (alone, together, waiting)]
    right = min(graded, key=sum)
    return TaskResult(
        task=task.name,
        entry=entry.name,
        division=division,
        correct=sum(right),
        asked=len(right),
        quality_target=target,
        single=single,
        offline=all_at_once,
        server=served,
        held_bytes=held,
        working_bytes=working,
    )


def _items(answer: Any) -> list[Any]:
    """The answers to a batch, one for each of its items."""
    if isinstance(answer, list):
        return answer
    items = np.asarray(answer)
    return [items[i : i + 1] for i in range(len(items))] if items.ndim else []


def _graded(answers: Sequence[Any], targets: Sequence[Any]) -> list[bool]:
    """Which answers are right; one that is missing is wrong."""
    given = [*answers, *[""] * (len(targets) - len(answers))]
    return [
        verdict
        for answer, wanted in zip(given, targets, strict=False)
        for verdict in exact_match(answer, wanted)
    ]


def _batches(inputs: Sequence[Any]) -> list[Any]:
    """The queries in batches: lists of texts, or arrays put together."""
    parts = [inputs[i : i + BATCH] for i in range(0, len(inputs), BATCH)]
    if isinstance(inputs[0], str):
        return [list(part) for part in parts]
    return [np.concatenate(part) for part in parts]


def _row(result: TaskResult) -> tuple[str, ...]:
    single, all_at_once, served = result.single, result.offline, result.server
    if single is None or all_at_once is None or served is None:
        names = (result.task, result.entry, result.division)
        return (*names, *("–",) * 7, f"sent off: {result.reason}")
    return (
        result.task,
        result.entry,
        result.division,
        f"{show_percent(result.accuracy)} ({result.correct}/{result.asked})",
        *(show_seconds(single.percentile(percent)) for percent in (50, 90, 99)),
        f"{all_at_once.throughput:,.0f}",
        show_seconds(served.percentile(99)),
        show_bytes(result.held_bytes + result.working_bytes),
        "kept" if result.keeps_quality else f"below {show_percent(result.quality_target)}",
    )


def _to_dict(result: TaskResult) -> dict[str, Any]:
    """All fields; scenarios as dicts of their own, and what is derived beside them."""
    parts = {
        name: None if part is None else dict(vars(part))
        for name, part in (
            ("single", result.single),
            ("offline", result.offline),
            ("server", result.server),
        )
    }
    derived = {"accuracy": result.accuracy, "keeps_quality": result.keeps_quality}
    return {**vars(result), **parts, "derived": derived}

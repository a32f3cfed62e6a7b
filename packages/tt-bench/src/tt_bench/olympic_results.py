"""The Olympics' results: measurements, medals, disqualifications; as tables, Markdown and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from rich.console import Console

from .documents import write_document
from .events import OlympicEvent
from .machine import Machine
from .measured import Disqualification, Measured
from .standings import MEDALS, Standing, rank
from .tables import Table
from .units import show_bytes, show_percent, show_seconds

__all__ = ["OlympicResults"]

SCHEMA, VERSION = "tt-bench/olympics", 1


@dataclass(frozen=True)
class OlympicResults:
    """All that was measured; the baseline comes first.

    Attributes:
        measured: of each entry that was not disqualified.
        disqualified: the others, with reasons.
        machine: what it ran on.
        queries: how many each entry was asked.
        warmup_queries: the first so many count for accuracy, and not for latency.
        threads: the limit for BLAS threads.
    """

    measured: tuple[Measured, ...]
    disqualified: tuple[Disqualification, ...]
    machine: Machine
    queries: int
    warmup_queries: int
    threads: int | None

    @property
    def baseline(self) -> Measured:
        """What the scores are relative to."""
        return self.measured[0]

    def __getitem__(self, entry: str) -> Measured:
        """What was measured of an entry."""
        for one in self.measured:
            if one.entry == entry:
                return one
        reasons = {off.entry: off.reason for off in self.disqualified}
        if entry in reasons:
            raise KeyError(f"{entry!r} is disqualified: {reasons[entry]}")
        raise KeyError(f"no entry {entry!r}; there are {[one.entry for one in self.measured]}")

    def standings(self, event: OlympicEvent) -> tuple[Standing, ...]:
        """The places in one event, best first."""
        return rank(event, self.measured, self.baseline)

    def medals(self) -> dict[str, list[str]]:
        """For each entry its medals, in the order of the events: ["gold", "", ...]."""
        won: dict[str, list[str]] = {one.entry: [] for one in self.measured}
        for event in OlympicEvent:
            for standing in self.standings(event):
                won[standing.entry].append(standing.medal)
        return won

    # --- as tables --------------------------------------------------------------------------------

    def measurements_table(self) -> Table:
        """What was measured of each entry, beside the baseline: what each technique bought."""
        rows = []
        for one in self.measured:
            tie = one.against(self.baseline).verdict == "no difference found"
            low, high = one.latency_interval_seconds
            rows.append(
                (
                    one.entry,
                    " + ".join(one.techniques) or "none",
                    f"{show_percent(one.accuracy)} ({one.correct}/{one.graded})",
                    show_seconds(one.latency_seconds),
                    f"{show_seconds(low)} to {show_seconds(high)}",
                    show_seconds(one.latency_p95_seconds),
                    f"{self.baseline.latency_seconds / one.latency_seconds:.3g}×"
                    + (" (no difference found)" if tie and one is not self.baseline else ""),
                    show_bytes(one.held_bytes),
                    show_bytes(one.working_bytes),
                    f"{one.memory_bytes / self.baseline.memory_bytes:.3g}×",
                )
            )
        columns = (
            *("entry", "techniques", "accuracy", "latency", "95 % CI", "p95", "speed-up"),
            *("held", "working", "memory"),
        )
        timed = self.queries - self.warmup_queries
        threads = f"{self.threads} BLAS thread(s)" if self.threads else "BLAS threads not set"
        note = (
            f"Measured on {self.queries} held-out queries. Latency: median per query over {timed} "
            f"of them, wall time, {threads}. Held: arrays of the model; working: allocated on top "
            f"while answering. Speed-up and memory: relative to {self.baseline.entry}. "
            f"{self.machine}"
        )
        return Table("Measurements", columns, tuple(rows), note)

    def event_table(self, event: OlympicEvent) -> Table:
        """The standings of one event."""
        rows = [
            (
                standing.entry,
                "–" if standing.place is None else str(standing.place),
                standing.medal,
                "–" if standing.score is None else f"{standing.score:.3g}",
                self._quantity(event, standing),
            )
            for standing in self.standings(event)
        ]
        rules = event.rules
        title = f"{rules.title}: {rules.goal}"
        return Table(title, ("entry", "place", "medal", "score", "because"), tuple(rows))

    def disqualifications_table(self) -> Table:
        """Who is not ranked, and why."""
        rows = tuple((off.entry, off.reason) for off in self.disqualified)
        return Table("Disqualified", ("entry", "reason"), rows)

    def _quantity(self, event: OlympicEvent, standing: Standing) -> str:
        """What decided: the quantities that the event's score is made of, or the objection."""
        one, rules = self[standing.entry], event.rules
        parts = [
            show_seconds(one.latency_seconds) if rules.speed else "",
            show_bytes(one.memory_bytes) if rules.memory else "",
            show_percent(one.accuracy) if rules.accuracy else "",
        ]
        return standing.objection or ", ".join(part for part in parts if part)

    def podium(self) -> Table:
        """Who stands where, event by event; those who share a place stand together."""
        rows = []
        for event in OlympicEvent:
            standings = self.standings(event)
            places = [[s.entry for s in standings if s.medal == medal] for medal in MEDALS]
            rows.append((event.rules.title, *(", ".join(names) or "–" for names in places)))
        return Table("Podium", ("event", *MEDALS), tuple(rows))

    def tables(self) -> list[Table]:
        """Measurements, all events, the podium, and disqualifications if there are any."""
        events = [self.event_table(event) for event in OlympicEvent]
        off = [self.disqualifications_table()] if self.disqualified else []
        return [self.measurements_table(), *events, self.podium(), *off]

    def print(self, console: Console | None = None) -> None:
        """Print all tables."""
        for table in self.tables():
            table.print(console)

    # --- as documents -----------------------------------------------------------------------------

    def to_markdown(self) -> str:
        """All tables as Markdown."""
        return "\n\n".join(table.markdown() for table in self.tables()) + "\n"

    def to_json(self) -> str:
        """Everything, every latency included, as a document with schema and version."""
        events = {
            event.name: {
                "rules": event.rules.to_dict(),
                "standings": [
                    {
                        "entry": standing.entry,
                        "place": standing.place,
                        "medal": standing.medal,
                        "score": standing.score,
                        "objection": standing.objection,
                    }
                    for standing in self.standings(event)
                ],
            }
            for event in OlympicEvent
        }
        content = {
            "machine": self.machine.to_dict(),
            "queries": self.queries,
            "warmup_queries": self.warmup_queries,
            "threads": self.threads,
            "baseline": self.baseline.entry,
            "entries": [one.to_dict() for one in self.measured],
            "disqualified": [asdict(off) for off in self.disqualified],
            "events": events,
        }
        return write_document(SCHEMA, VERSION, content)

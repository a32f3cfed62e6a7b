"""Personal bests: each competitor's best score in each event, kept in a file between games."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .documents import read_document, write_document
from .events import OlympicEvent
from .olympic_results import OlympicResults
from .tables import Table

__all__ = ["PersonalBest", "keep_records", "read_records", "records_table"]

SCHEMA, VERSION = "tt-bench/personal-bests", 1


@dataclass(frozen=True)
class PersonalBest:
    """One competitor in one event.

    Attributes:
        score: relative to the baseline of those games, by the event's ``Rules``.
        date: when it was reached, in UTC.
        before: what it had been, None if there was none.
    """

    entry: str
    event: OlympicEvent
    score: float
    date: str
    before: float | None = None


def read_records(path: str | Path) -> dict[tuple[str, OlympicEvent], PersonalBest]:
    """The bests in a file; none if there is no such file.

    Raises:
        ValueError: the file is something else.
    """
    file = Path(path)
    if not file.exists():
        return {}
    content = read_document(file.read_text(encoding="utf-8"), SCHEMA, VERSION)
    bests = [
        PersonalBest(best["entry"], OlympicEvent[best["event"]], best["score"], best["date"])
        for best in content["bests"]
    ]
    return {(best.entry, best.event): best for best in bests}


def keep_records(results: OlympicResults, path: str | Path) -> list[PersonalBest]:
    """Write new bests into the file; returns them, the largest gains first.

    A score is relative to the baseline of its own games, so games on other machines may be
    compared. The file is replaced as a whole: it is never half written.
    """
    bests = read_records(path)
    date = datetime.now(UTC).date().isoformat()
    new = []
    for event in OlympicEvent:
        for standing in results.standings(event):
            old = bests.get((standing.entry, event))
            if standing.score is None or (old is not None and old.score >= standing.score):
                continue
            before = None if old is None else old.score
            best = PersonalBest(standing.entry, event, standing.score, date, before)
            bests[standing.entry, event] = best
            new.append(best)
    content = [
        {"entry": best.entry, "event": best.event.name, "score": best.score, "date": best.date}
        for best in bests.values()
    ]
    text = write_document(SCHEMA, VERSION, {"bests": content})
    whole = Path(f"{path}.new")
    whole.write_text(text + "\n", encoding="utf-8")
    os.replace(whole, path)
    return sorted(new, key=lambda best: -best.score / (best.before or best.score))


def records_table(bests: list[PersonalBest]) -> Table:
    """New bests, for people."""
    rows = tuple(
        (
            best.entry,
            best.event.rules.title,
            f"{best.score:.3g}",
            "first" if best.before is None else f"{best.before:.3g}",
        )
        for best in bests
    )
    return Table("Personal bests", ("entry", "event", "score", "before"), rows)

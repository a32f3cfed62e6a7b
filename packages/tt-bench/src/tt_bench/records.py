"""Personal bests: each competitor's best score in each event, kept in a file between games."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .documents import field, read_document, write_document
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
    try:
        content = read_document(file.read_text(encoding="utf-8"), SCHEMA, VERSION)
        bests = [_best(best) for best in field(content, "bests", list)]
    except ValueError as error:
        raise ValueError(f"{file} has no personal bests: {error}") from None
    return {(best.entry, best.event): best for best in bests}


def _best(content: Any) -> PersonalBest:
    """One of the file's bests."""
    name = field(content, "event", str)
    if name not in OlympicEvent.__members__:
        raise ValueError(f"no event {name!r}")
    score = float(field(content, "score", int, float))
    return PersonalBest(
        field(content, "entry", str), OlympicEvent[name], score, field(content, "date", str)
    )


def keep_records(results: OlympicResults, path: str | Path) -> list[PersonalBest]:
    """Write new bests into the file; returns them, the largest gains first.

    A score is relative to the baseline of its own games, so games on other machines may be
    compared. The file is replaced as a whole: it is never half written. Games that end at the same
    time wait for one another, by a lock on ``path`` with ``.lock`` added.
    """
    file = Path(path)
    with _locked(file.with_name(file.name + ".lock")):
        bests = read_records(file)
        new = _new_bests(results, bests)
        if new:
            bests |= {(best.entry, best.event): best for best in new}
            _write(bests.values(), file)
    return sorted(new, key=lambda best: -best.score / (best.before or best.score))


def _new_bests(
    results: OlympicResults, bests: Mapping[tuple[str, OlympicEvent], PersonalBest]
) -> list[PersonalBest]:
    """The scores of these games that are better than any before."""
    date = datetime.now(UTC).date().isoformat()
    new = []
    for event in OlympicEvent:
        for standing in results.standings(event):
            old = bests.get((standing.entry, event))
            if standing.score is None or (old is not None and old.score >= standing.score):
                continue
            before = None if old is None else old.score
            new.append(PersonalBest(standing.entry, event, standing.score, date, before))
    return new


def _write(bests: Iterable[PersonalBest], file: Path) -> None:
    content = [
        {"entry": best.entry, "event": best.event.name, "score": best.score, "date": best.date}
        for best in bests
    ]
    text = write_document(SCHEMA, VERSION, {"bests": content})
    whole = file.with_name(file.name + ".new")
    whole.write_text(text + "\n", encoding="utf-8")
    os.replace(whole, file)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock inside the ``with``; it ends with the process, however that ends."""
    with path.open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


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

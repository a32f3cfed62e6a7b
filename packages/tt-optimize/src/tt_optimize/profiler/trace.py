"""The trace: what ran when, in the Trace Event Format of chrome://tracing and Perfetto.

Each event is "complete" (``"ph": "X"``): it has a start ``ts`` and a duration ``dur``, both in
microseconds. The viewers draw one below the other what lies within another, and demand that events
of one thread do so entirely or not at all.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["nested", "write_trace"]

Tracks = list[tuple[str, int, list[Any]]]
Span = tuple[int, int, Any]  # start and end in nanoseconds, and the event


def write_trace(tracks: Tracks, path: str | Path) -> None:
    """Write all threads' events, sorted by time, an outer one before those inside it."""
    pid = os.getpid()
    zero = min((event.start for _, _, events in tracks for event in events), default=0.0)
    written = [_meta("process_name", pid, 0, "tiny torch")]
    spans: list[tuple[int, int, int, Any]] = []
    for name, tid, events in tracks:
        written.append(_meta("thread_name", pid, tid, name))
        of_thread = [(_ns(e.start - zero), _ns(e.end - zero), e) for e in events]
        spans += [(start, end, tid, event) for start, end, event in nested(of_thread)]
    spans.sort(key=lambda span: (span[0], -span[1]))
    written += [_complete(start, end, pid, tid, event) for start, end, tid, event in spans]
    data = {"traceEvents": written, "displayTimeUnit": "ms"}
    Path(path).write_text(json.dumps(data, allow_nan=False), encoding="utf-8")


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def _meta(name: str, pid: int, tid: int, value: str) -> dict[str, Any]:
    return {"name": name, "ph": "M", "pid": pid, "tid": tid, "args": {"name": value}}


def _complete(start: int, end: int, pid: int, tid: int, event: Any) -> dict[str, Any]:
    args = {key: value for key, value in event.args.items() if value is not None}
    return {
        "name": event.name if event.kind != "backward" else f"{event.name} backward",
        "cat": event.kind,
        "ph": "X",
        "ts": start / 1000,
        "dur": (end - start) / 1000,
        "pid": pid,
        "tid": tid,
        "args": args,
    }


def nested(spans: list[Span]) -> list[Span]:
    """The spans of one thread, sorted, the end of each moved to within the one it began in.

    An operation's start is known to a microsecond or two only: it is told of at its end, with its
    duration. So what ran inside may seem to begin before it.
    """
    found: list[Span] = []
    open_until: list[int] = []
    for start, end, event in sorted(spans, key=lambda span: (span[0], -span[1])):
        while open_until and open_until[-1] <= start:
            open_until.pop()
        last = min(end, open_until[-1]) if open_until else end
        open_until.append(last)
        found.append((start, last, event))
    return found

"""Listening: to operations at the door, to gradient rules, and to modules as they are called.

Each thread writes into a ``Track`` of its own, so no lock is needed; they are put together when the
block is left. What the listening itself takes is timed too, and belongs to nobody else.
"""

from __future__ import annotations

import threading
import tracemalloc
from collections import deque
from time import perf_counter
from typing import Any, NamedTuple

from tt_nn import Module

from ..backward_flops import count_backward_flops
from ..flops import count_flops
from .stats import OpStats
from .traffic import array_of, backward_bytes, forward_bytes, own_bytes

__all__ = ["Event", "Place", "Recorder", "Track", "measuring", "note_peak"]

# An operation may run others inside itself (a ``Function`` does, and rules with create_graph).
# They end before it does, so it finds them among the last that ended; it looks back so far.
_REMEMBERED = 4096  # and so needs half a megabyte at most


class Event(NamedTuple):
    """Something that took time, for the trace."""

    name: str | None  # None: that of the place
    kind: str  # "forward", "backward" or "module"
    start: float
    end: float
    place: Place
    args: dict[str, Any]


class Place:
    """What happened in one module, or in a region, or outside all (owner None)."""

    __slots__ = ("backward", "calls", "forward", "kept", "owner", "peak", "seconds", "self_seconds")

    def __init__(self, owner: Module | str | None) -> None:
        self.owner = owner
        self.calls = 0
        self.seconds = 0.0  # from the first to the last line
        self.self_seconds = 0.0  # of its own Python and operations
        self.forward: dict[str, OpStats] = {}
        self.backward: dict[str, OpStats] = {}
        self.peak: int | None = None
        self.kept: int | None = None


class Frame:
    """One call of a module that has not returned."""

    __slots__ = ("base", "inside", "overhead", "peak", "place", "start")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.start = self.overhead = 0.0  # when it began, and the profiler's own time until then
        self.inside = 0.0  # seconds of what belongs to others: modules, and gradient rules
        self.base = self.peak = 0  # bytes in use at its start, and at most


class Track:
    """What one thread did."""

    def __init__(self, trace: bool) -> None:
        thread = threading.current_thread()
        self.name, self.ident = thread.name, thread.ident or 0
        self.outside = Place(None)
        self.places: dict[int, Place] = {0: self.outside}  # by the owner's id
        self.open: list[Frame] = []
        self.overhead = 0.0
        # of the operations that ended last: their start, their end, and their seconds
        self.ended: deque[tuple[float, float, float]] = deque(maxlen=_REMEMBERED)
        self.events: list[Event] | None = [] if trace else None

    def place(self, owner: Module | str | None) -> Place:
        """The place of a module; a region's is known by its name."""
        key: Any = owner if owner is None or isinstance(owner, str) else id(owner)
        found = self.places.get(key or 0)
        if found is None:
            found = self.places[key] = Place(owner)
        return found

    def here(self) -> Place:
        """Where this thread is."""
        return self.open[-1].place if self.open else self.outside

    def own_part(self, now: float, seconds: float) -> tuple[float, float]:
        """When an operation that ends now began, and its seconds without those of operations
        inside it."""
        start, own = now - seconds, seconds
        ended = self.ended
        while ended and ended[-1][1] > start:
            began, _, inside = ended.pop()
            own -= inside
            start = min(start, began)
        return start, max(own, 0.0)


class Recorder:
    """The listener."""

    def __init__(self, trace: bool, memory: bool) -> None:
        self.trace, self.memory = trace, memory
        self.tracks: list[Track] = []
        self.closed = False
        self.peak = 0  # bytes in use at most
        # in which module a call was recorded, by its node's id: where an id is used again, the
        # new node has taken the old one's entry
        self.recorded_in: dict[int, Module | str | None] = {}
        self._local = threading.local()

    def track(self) -> Track:
        """This thread's own."""
        found: Track | None = getattr(self._local, "track", None)
        if found is None:
            found = self._local.track = Track(self.trace)
            self.tracks.append(found)
        return found

    # ---- operations ----------------------------------------------------------------------------

    def forward(
        self, op: Any, inputs: Any, params: dict[str, Any], result: Any, seconds: float
    ) -> None:
        """An operation has run."""
        now = perf_counter()
        track = self.track()
        start, own = track.own_part(now, seconds)
        place = track.here()
        stats = place.forward.get(op.name)
        if stats is None:
            stats = place.forward[op.name] = OpStats(op.name, "forward")
        stats.calls += 1
        stats.seconds += own
        written = own_bytes(op, result)
        stats.bytes += written
        stats.moved_bytes += forward_bytes(op, inputs, written)
        flops = count_flops(op.name, inputs, params, result)
        if flops is None:
            stats.uncounted += 1
        else:
            stats.flops += flops
        first = result[0] if result.__class__ is tuple and result else result
        node = getattr(first, "_graph", None)
        if node is not None:
            self.recorded_in[id(getattr(node, "node", node))] = place.owner
        if track.events is not None:
            args = {"inputs": _shapes(inputs), "output": _shapes(result), "flops": flops}
            track.events.append(Event(op.name, "forward", start, now, place, args))
        self._done(track, now, start, seconds)

    def backward(self, node: Any, g: Any, gradients: Any, seconds: float) -> None:
        """The rules of a recorded call have run."""
        now = perf_counter()
        track = self.track()
        start, own = track.own_part(now, seconds)
        place = track.place(self.recorded_in.get(id(node)))
        stats = place.backward.get(node.name)
        if stats is None:
            stats = place.backward[node.name] = OpStats(node.name, "backward")
        stats.calls += 1
        stats.seconds += own
        if track.open:
            track.open[-1].inside += own
        written, moved = backward_bytes(node, g, gradients)
        stats.bytes += written
        stats.moved_bytes += moved
        flops = count_backward_flops(node, g, gradients)
        if flops is None:
            stats.uncounted += 1
        elif own == seconds:  # else its operations were counted one by one
            stats.flops += flops
        if track.events is not None:
            args = {"arrives": _shapes(g), "gradients": _shapes(gradients), "flops": flops}
            track.events.append(Event(node.name, "backward", start, now, place, args))
        self._done(track, now, start, seconds)

    def _done(self, track: Track, now: float, start: float, seconds: float) -> None:
        """Note an operation's end, and what it took to note it."""
        end = perf_counter()
        track.overhead += end - now
        track.ended.append((start, end, seconds + end - now))

    # ---- modules -------------------------------------------------------------------------------

    def enter(self, owner: Module | str, _: Any = None) -> None:
        """A module's forward begins."""
        now = perf_counter()
        track = self.track()
        place = track.place(owner)
        place.calls += 1
        frame = Frame(place)
        if self.memory:
            frame.base = frame.peak = note_peak()
        track.open.append(frame)
        frame.start = perf_counter()
        track.overhead += frame.start - now
        frame.overhead = track.overhead

    def leave(self, owner: Module | str, _: Any = None, __: Any = None) -> None:
        """A module's forward has ended, well or by an exception."""
        now = perf_counter()
        track = self.track()
        if self.closed or not any(frame.place.owner is owner for frame in track.open):
            return  # it was entered before the profiler was
        while self._close(track, now).place.owner is not owner:
            pass
        track.overhead += perf_counter() - now

    def finish(self, now: float) -> None:
        """The block ends: so do all calls that are still going on."""
        self.closed = True
        for track in self.tracks:
            while track.open:
                self._close(track, now)

    def _close(self, track: Track, now: float) -> Frame:
        in_use = note_peak() if self.memory else 0
        frame = track.open.pop()
        place = frame.place
        # the profiler's own work inside is nobody's
        seconds = max(now - frame.start - (track.overhead - frame.overhead), 0.0)
        place.self_seconds += max(seconds - frame.inside, 0.0)
        if all(outer.place is not place for outer in track.open):
            place.seconds += seconds
        if track.open:
            outer = track.open[-1]
            outer.inside += seconds
            outer.peak = max(outer.peak, frame.peak)
        if self.memory:
            place.peak = max(place.peak or 0, frame.peak - frame.base)
            place.kept = in_use - frame.base
        if track.events is not None:
            track.events.append(Event(None, "module", frame.start, now, place, {}))
        return frame


measuring: list[Recorder] = []  # all that measure memory: there is one peak for them all


def note_peak() -> int:
    """Tell all calls that are going on the peak since the last time, begin a new one, and return
    how many bytes are in use."""
    in_use, peak = tracemalloc.get_traced_memory()
    for recorder in measuring:
        recorder.peak = max(recorder.peak, peak)
        for track in recorder.tracks:
            if track.open:
                track.open[-1].peak = max(track.open[-1].peak, peak)
    tracemalloc.reset_peak()
    return in_use


def _shapes(values: Any) -> list[list[int]]:
    """The shapes of Tensors or arrays; of anything else, nothing."""
    if isinstance(values, dict):
        values = tuple(values.values())
    several = values if isinstance(values, (tuple, list)) else (values,)
    return [list(x.shape) for x in map(array_of, several) if hasattr(x, "shape")]

"""From what the threads recorded to the profile: modules get names, and sums."""

from __future__ import annotations

from collections.abc import Iterator

from tt_nn import Module

from .recorder import Event, Place, Recorder, Track
from .result import Profile
from .stats import ModuleStats, OpStats, merged

__all__ = ["summary"]

Owner = Module | str


def summary(recorder: Recorder, seconds: float, own: Track) -> Profile:
    """The profile of a block that took ``seconds`` in the thread of the track ``own``."""
    places = [place for track in recorder.tracks for place in track.places.values()]
    named = names([p.owner for p in places if p.owner is not None])
    modules = {name: _stats(name, owner, places) for name, owner in named}
    _add_what_is_inside(modules, dict(named))
    rows = [row for place in places for row in _rows(place)]
    elsewhere = sum(
        row.seconds
        for track in recorder.tracks
        if track is not own
        for place in track.places.values()
        for row in _rows(place)
    )
    python = sum(p.self_seconds - _seconds(p.forward) for p in own.places.values() if p.owner)
    shown = {id(owner): name for name, owner in named}
    return Profile(
        seconds=seconds,
        ops=merged(rows),
        modules=modules,
        outside=merged([row for place in places if place.owner is None for row in _rows(place)]),
        python_seconds=max(python, 0.0),
        profiler_seconds=own.overhead,
        other_threads_seconds=elsewhere,
        tracks=_tracks(recorder, shown) if recorder.trace else None,
    )


def _tracks(recorder: Recorder, shown: dict[int, str]) -> list[tuple[str, int, list[Event]]]:
    """Each thread's name, number and events."""
    return [
        (track.name, track.ident, [_named(event, shown) for event in track.events or ()])
        for track in recorder.tracks
    ]


def _named(event: Event, shown: dict[int, str]) -> Event:
    """An event that holds a name in the place of a module."""
    where = shown.get(id(event.place.owner), "")
    return event._replace(name=event.name or where, args={**event.args, "module": where})


def _rows(place: Place) -> Iterator[OpStats]:
    yield from place.forward.values()
    yield from place.backward.values()


def _seconds(rows: dict[str, OpStats]) -> float:
    return sum(row.seconds for row in rows.values())


def names(owners: list[Owner]) -> list[tuple[str, Owner]]:
    """A name for each module that was called, those inside another after it.

    A module that no other one contains goes by its class: "GPT", a second one "GPT-2". Those inside
    have its name and their dotted one: "GPT.lm_head".
    """
    called = {id(owner): owner for owner in owners}
    contained = {
        id(inner)
        for owner in called.values()
        if isinstance(owner, Module)
        for inner in owner.modules()
        if inner is not owner
    }
    found: dict[str, Owner] = {}
    seen: set[int] = set()
    for key, owner in called.items():
        if key in contained and not isinstance(owner, str):
            continue
        root = owner if isinstance(owner, str) else type(owner).__name__
        name, number = root, 1
        while name in found:
            number += 1
            name = f"{root}-{number}"
        found[name] = owner
        for path, inner in owner.named_modules() if isinstance(owner, Module) else ():
            if path and id(inner) in called and id(inner) not in seen:
                seen.add(id(inner))
                found[f"{name}.{path}"] = inner
    return list(found.items())


def _stats(name: str, owner: Owner, places: list[Place]) -> ModuleStats:
    """What one module did itself, in all threads."""
    region = isinstance(owner, str)
    stats = ModuleStats(name, "region" if region else type(owner).__name__)
    if isinstance(owner, Module):
        stats.parameters = sum(p.numel() for p in owner.parameters())
    here = [place for place in places if place.owner is owner or (region and place.owner == owner)]
    stats.calls = sum(place.calls for place in here)
    stats.seconds = stats.self_seconds = sum(place.self_seconds for place in here)
    if region:
        stats.seconds = sum(place.seconds for place in here)
    stats.ops = merged([row for place in here for row in _rows(place)])
    for row in stats.ops.values():
        stats.bytes += row.bytes
        if row.phase == "backward":
            stats.backward_seconds += row.seconds
            stats.backward_flops += row.flops
        else:
            stats.flops += row.flops
    peaks = [place.peak for place in here if place.peak is not None]
    kept = [place.kept for place in here if place.kept is not None]
    stats.peak_bytes = max(peaks, default=None)
    stats.kept_bytes = kept[-1] if kept else None
    return stats


def _add_what_is_inside(modules: dict[str, ModuleStats], owners: dict[str, Owner]) -> None:
    """To each module what those inside did."""
    for name, stats in reversed(modules.items()):  # the innermost first
        parts = name.split(".") if stats.kind != "region" else []
        above = [".".join(parts[:i]) for i in range(1, len(parts))]
        around = [modules[path] for path in above if path in modules and path != name]
        stats.depth = len(around)
        if around:
            outer = around[-1]
            outer.seconds += stats.seconds
            outer.backward_seconds += stats.backward_seconds
            outer.bytes += stats.bytes
            outer.flops += stats.flops
            outer.backward_flops += stats.backward_flops

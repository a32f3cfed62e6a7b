"""A profile as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..tables import Table
from .amdahl import speedup
from .stats import ModuleStats, OpStats

if TYPE_CHECKING:
    from .result import Profile

__all__ = ["amdahl_table", "memory_table", "module_table", "op_table"]


def op_table(profile: Profile, rows: int) -> Table:
    """The slowest operations, and all other time: the lines add up to the wall time."""
    whole = profile.seconds or float("inf")  # of an empty profile: all shares are 0
    ops = profile.sorted()
    lines = [_op_line(stats, whole) for stats in ops[:rows]]

    def add(what: str, seconds: float) -> None:
        lines.append([what, "", "", f"{1e3 * seconds:.2f}", f"{seconds / whole:.1%}", "", "", ""])

    if rest := ops[rows:]:
        add(f"{len(rest)} more", sum(stats.seconds for stats in rest))
    if profile.modules:
        add("Python in modules", profile.python_seconds)
    add("outside operations", profile.outside_seconds)
    add("the profiler itself", profile.profiler_seconds)
    if profile.other_threads_seconds:
        add("less: in other threads", -profile.other_threads_seconds)
    add("wall time", profile.seconds)
    columns = ("operation", "phase", "calls", "ms", "share", "MB", "MFLOP", "GFLOP/s")
    return Table("operations", columns, lines, _notes(profile), texts=2)


def _op_line(s: OpStats, whole: float) -> list[str]:
    rate = f"{s.flops / s.seconds / 1e9:.1f}" if s.flops and s.seconds else "-"
    return [
        s.name,
        s.phase,
        str(s.calls),
        f"{1e3 * s.seconds:.2f}",
        f"{s.seconds / whole:.1%}",
        f"{s.bytes / 1e6:.2f}",
        "?" if s.uncounted else _mega(s.flops),
        rate,
    ]


def _mega(number: int) -> str:
    return f"{number / 1e6:.2f}" if number else "-"


def _notes(profile: Profile) -> list[str]:
    notes = []
    if profile.peak_bytes is not None:
        notes.append(f"peak memory {profile.peak_bytes / 1e6:.2f} MB above the start")
    if profile.uncounted:
        notes.append(f"FLOPs not counted: {', '.join(profile.uncounted)}")
    return notes


def module_table(profile: Profile, depth: int | None) -> Table:
    """Each module with those inside it, indented; what ran in none; the self column adds up."""
    columns = ("module", "calls", "params", "fwd ms", "bwd ms", "self ms", "share", "MFLOP")
    shown = {n: m for n, m in profile.modules.items() if depth is None or m.depth <= depth}
    whole, own = profile.seconds or float("inf"), _own_seconds(profile, shown)
    lines = []
    for name, stats in shown.items():
        line = [
            _indented(name, stats, profile),
            str(stats.calls),
            f"{stats.parameters:,}" if stats.parameters else "-",
            f"{1e3 * stats.seconds:.2f}",
            f"{1e3 * stats.backward_seconds:.2f}",
            f"{1e3 * own[name]:.2f}",
            f"{(stats.seconds + stats.backward_seconds) / whole:.1%}",
            _mega(stats.flops + stats.backward_flops),
        ]
        lines.append(line)
    rows = profile.outside.values()
    forward = sum(row.seconds for row in rows if row.phase == "forward")
    backward = sum(row.seconds for row in rows if row.phase == "backward")
    times = [f"{1e3 * s:.2f}" for s in (forward, backward, forward + backward)]
    flops = _mega(sum(row.flops for row in rows))
    share = f"{(forward + backward) / whole:.1%}"
    lines.append(["(in no module)", "", "", *times, share, flops])
    hidden = len(profile.modules) - len(shown)
    notes = ["self: forward and backward without the lines indented below it"]
    notes += [f"{hidden} modules further inside are counted in those around them"] if hidden else []
    return Table("modules", columns, lines, notes)


def memory_table(profile: Profile, depth: int | None) -> Table:
    """What each module's forward leaves in memory, and the most it needs."""
    lines = [
        [
            _indented(name, stats, profile),
            f"{stats.bytes / 1e6:.2f}",
            _megabytes(stats.kept_bytes),
            _megabytes(stats.peak_bytes),
        ]
        for name, stats in profile.modules.items()
        if depth is None or stats.depth <= depth
    ]
    notes = [
        "allocated: results of all operations, forward and backward; kept: by the last call, for",
        "its result and for backward; peak: the most above what was in use when the call began",
    ]
    return Table("memory", ("module", "allocated MB", "kept MB", "peak MB"), lines, notes)


def _indented(name: str, stats: ModuleStats, profile: Profile) -> str:
    """The part of the name that the module around it does not have, and the class."""
    if stats.kind == "region":
        return f"[{name}]"
    if not stats.depth:
        return name
    around = name.rpartition(".")[0]
    while around not in profile.modules:
        around = around.rpartition(".")[0]
    return f"{'  ' * stats.depth}{name[len(around) + 1 :]} ({stats.kind})"


def _own_seconds(profile: Profile, shown: dict[str, ModuleStats]) -> dict[str, float]:
    """Forward and backward of each module shown, without those of the modules shown below it."""
    own = dict.fromkeys(shown, 0.0)
    for name, stats in profile.modules.items():
        line = name
        while line not in shown:
            line = line.rpartition(".")[0]
        own[line] += stats.self_seconds
        own[line] += sum(op.seconds for op in stats.ops.values() if op.phase == "backward")
    return own


def _megabytes(number: int | None) -> str:
    return "-" if number is None else f"{number / 1e6:.2f}"


def amdahl_table(profile: Profile, rows: int, factors: tuple[float, ...]) -> Table:
    """For the operations that take the most time, what a faster one would buy."""
    together: dict[str, float] = {}
    for op, _ in profile.ops:
        together.setdefault(op, profile.share(op))
    largest = sorted(together.items(), key=lambda item: item[1], reverse=True)[:rows]
    lines = [
        [name, f"{f:.1%}", *(f"{speedup(f, s):.2f}x" for s in (*factors, float("inf")))]
        for name, f in largest
    ]
    columns = ["operation", "share f", *(f"{s:g}x as fast" for s in factors), "limit"]
    notes = [
        "estimates by Amdahl's law: the whole becomes 1 / ((1 - f) + f / s) times as fast",
        "if the operation, forward and backward, becomes s times as fast",
    ]
    return Table("what a faster operation would buy", columns, lines, notes)

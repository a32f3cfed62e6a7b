"""What is counted: one row for each operation in each phase, one for each module."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["ModuleStats", "OpStats", "merged"]


@dataclass(slots=True)
class OpStats:
    """What all calls of one operation, forward or backward, took together.

    Attributes:
        name: of the operation.
        phase: "forward", or "backward" for its gradient rules.
        seconds: without those of operations inside it, as a ``Function`` may have.
        bytes: of results in memory of their own; views and passed-on gradients are not.
        flops: counted from the shapes.
        uncounted: calls whose FLOPs nobody counts; they are not in ``flops``.
        moved_bytes: of inputs and results: what must be read and written at least.
    """

    name: str
    phase: str
    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0
    flops: int = 0
    uncounted: int = 0
    moved_bytes: int = 0

    def add(self, other: OpStats) -> None:
        """Count what another one counted, too."""
        self.calls += other.calls
        self.seconds += other.seconds
        self.bytes += other.bytes
        self.flops += other.flops
        self.uncounted += other.uncounted
        self.moved_bytes += other.moved_bytes


@dataclass(slots=True)
class ModuleStats:
    """What all calls of one module took; with the modules inside it, where nothing else is said.

    Attributes:
        name: the class of the outermost module, then the dotted name: "GPT.lm_head".
        kind: its class; "region" for what ``Profiler.region`` named.
        depth: how many called modules it is inside of.
        calls: of its forward.
        parameters: how many numbers it learns, shared ones counted once.
        seconds: of its forward.
        self_seconds: of its forward without that of the modules inside: its own operations, and
            its own Python between them.
        backward_seconds: of the gradient rules of operations that ran in its forward.
        bytes, flops, backward_flops: of its operations, as in ``OpStats``.
        ops: its own operations by name and phase, without those of the modules inside.
        peak_bytes: the most memory in use above that at the start of a call; None if not measured.
        kept_bytes: what the last call left in memory: its result, and what backward will need.
    """

    name: str
    kind: str
    depth: int = 0
    calls: int = 0
    parameters: int = 0
    seconds: float = 0.0
    self_seconds: float = 0.0
    backward_seconds: float = 0.0
    bytes: int = 0
    flops: int = 0
    backward_flops: int = 0
    ops: dict[tuple[str, str], OpStats] = field(default_factory=dict)
    peak_bytes: int | None = None
    kept_bytes: int | None = None


def merged(rows: list[OpStats]) -> dict[tuple[str, str], OpStats]:
    """One row for each name and phase."""
    found: dict[tuple[str, str], OpStats] = {}
    for row in rows:
        key = row.name, row.phase
        if key not in found:
            found[key] = OpStats(row.name, row.phase)
        found[key].add(row)
    return found

"""Energy, where the processor counts it and the system lets us read: RAPL, Linux's powercap.

The counters are of whole processors: what else runs there is counted too, so leave the machine
alone. Where they cannot be read, energy is not measured. It is never estimated here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Energy", "measure_energy"]

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Energy:
    """What calls of a function cost.

    Attributes:
        joules: per call, of all processors together; None if it was not measured.
        calls: how many were measured together.
        seconds: how long all of them took.
        reason: why it was not measured.
    """

    joules: float | None
    calls: int = 0
    seconds: float = 0.0
    reason: str = ""

    @property
    def watts(self) -> float | None:
        """The mean power; None if it was not measured."""
        return None if self.joules is None else self.joules * self.calls / self.seconds

    def __str__(self) -> str:
        if self.joules is None:
            return f"not measured: {self.reason}"
        return f"{self.joules:.3g} J a call, {self.watts:.3g} W, of {self.calls} calls"


def measure_energy(
    function: Callable[[], object], at_least_seconds: float = 1.0, *, powercap: Path = POWERCAP
) -> Energy:
    """The energy of calling a function again and again for a while.

    The counters advance about every millisecond, so a second is known to about 0.1 %.

    Args:
        powercap: where the system shows the counters.

    >>> energy = measure_energy(lambda: sum(range(1000)), at_least_seconds=0.01)
    >>> energy.joules is None or energy.joules >= 0
    True
    """
    counters = sorted(powercap.glob("intel-rapl:[0-9]*"))  # AMD's processors are under this name
    counters = [folder for folder in counters if folder.name.count(":") == 1]  # whole packages
    if not counters:
        return Energy(None, reason="this system shows no RAPL counters")
    try:
        before = [_read(folder, "energy_uj") for folder in counters]
        ranges = [_read(folder, "max_energy_range_uj") for folder in counters]
    except (OSError, ValueError) as error:
        return Energy(None, reason=_why(error))
    calls, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < at_least_seconds or not calls:
        function()
        calls += 1
    try:
        after = [_read(folder, "energy_uj") for folder in counters]
    except (OSError, ValueError) as error:
        return Energy(None, reason=_why(error))
    # a counter that has reached its end begins at 0 again
    used = sum((b - a) % (end + 1) for a, b, end in zip(before, after, ranges, strict=True))
    return Energy(used * 1e-6 / calls, calls, seconds)


def _read(folder: Path, name: str) -> int:
    return int((folder / name).read_text(encoding="ascii"))


def _why(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "the RAPL counters may be read by the administrator only"
    return f"the RAPL counters cannot be read ({error})"

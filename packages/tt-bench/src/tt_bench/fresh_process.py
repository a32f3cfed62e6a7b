"""Peak memory as the system counts it, in a process that has done nothing else before."""

from __future__ import annotations

import contextlib
import importlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

__all__ = ["ResidentMemory", "measure_peak_rss"]


@dataclass(frozen=True)
class ResidentMemory:
    """Resident memory: what the system had really given to a process.

    Attributes:
        before_bytes: with Python running and the function's module imported.
        peak_bytes: the most from then on until the function had returned; except on Linux, a higher
            peak while importing counts too.
        kept_bytes: when it had returned, its result still held: the steady state of what it made.
    """

    before_bytes: int
    peak_bytes: int
    kept_bytes: int

    @property
    def grown_bytes(self) -> int:
        """How far the call drove the peak above what there was before."""
        return self.peak_bytes - self.before_bytes


def measure_peak_rss(
    target: str, *arguments: Any, timeout_seconds: float | None = None
) -> ResidentMemory:
    """Call a function in a fresh Python process and read the most memory that process had.

    Everything is counted that is resident: arrays, Python's objects, the work space of C libraries,
    and pages of code as they are used. It is counted in whole pages, and allocators keep some
    memory back, so differences below a megabyte mean nothing.

    Args:
        target: what to call, as ``"package.module:function"``; modules in the current folder are
            found too.
        arguments: numbers, strings, lists and dicts: they travel as JSON.

    Raises:
        RuntimeError: the function, or importing it, failed; the message ends with its error.
        subprocess.TimeoutExpired: it took longer than ``timeout_seconds``.

    >>> memory = measure_peak_rss("numpy:ones", 4_000_000)  # 32 MB of float64
    >>> 31e6 < memory.grown_bytes < 64e6
    True
    """
    code = "import sys; from tt_bench.fresh_process import run; run(*sys.argv[1:])"
    command = [sys.executable, "-c", code, target, json.dumps(arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout_seconds, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{target} failed in its own process:\n{done.stderr.strip()}")
    before, peak, kept = json.loads(done.stdout.splitlines()[-1])
    return ResidentMemory(before, peak, kept)


def peak_rss() -> int:
    """The most resident memory that this process has had, in bytes.

    On Linux this is VmHWM. The ru_maxrss of getrusage would not do: in a process made by fork or
    vfork it begins with the memory of the parent.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, others kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def run(target: str, arguments: str) -> None:
    """In the fresh process: import, note the memory, call, print [before, peak, kept] last."""
    module, _, name = target.partition(":")
    function: Any = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    given = json.loads(arguments)
    with contextlib.suppress(OSError):  # Linux: begin VmHWM anew, for importing may have had a peak
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = psutil.Process().memory_info().rss
    result = function(*given)
    peak, kept = peak_rss(), psutil.Process().memory_info().rss
    del result
    print(f"\n{json.dumps([before, max(before, peak), kept])}")

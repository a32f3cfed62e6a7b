"""One contender in a process of its own: reads orders from stdin, answers on stdout, as JSON lines.

Nothing is loaded here but the contender's framework and what measures it: see ``processes``.
"""

from __future__ import annotations

import contextlib
import gc
import json
import sys
from pathlib import Path
from typing import Any

import psutil
from threadpoolctl import threadpool_info

from ..clock import LEAST, WALL, calibrate, time_calls
from ..fresh_process import peak_rss
from .workloads import Framework, Step, find_workload, load_framework, watch

__all__ = ["follow", "main"]

WARMUP_STEPS = 2


def follow(order: dict[str, Any], framework: Framework, threads: int) -> Any:
    """Carry out one order.

    - ``{"do": "hello"}``: what was loaded, with how many threads, and the memory it takes.
    - ``{"do": "watch", "workload": name, "steps": k}``: the values of ``watch`` over k steps.
    - ``{"do": "calibrate", "workload": name, "seconds": s}``: how many steps take that long.
    - ``{"do": "time", "workload": name, "steps": k, "collecting": true}``: the seconds that k steps
      take, on a model built anew and after two steps to warm up.
    - ``{"do": "memory", "workload": name, "steps": k}``: see ``remember``.

    On one thread, seconds are the least of wall time and this process's processor time.
    """
    if order["do"] == "hello":
        return {
            "version": framework.version,
            "kernels": kernels(framework),
            "threads": max((pool["num_threads"] for pool in threadpool_info()), default=1),
            "resident_bytes": resident_bytes(),
        }
    step = find_workload(order["workload"]).build(framework)
    clocks = LEAST if threads == 1 else WALL
    match order["do"]:
        case "watch":
            return watch(step, order["steps"])
        case "calibrate":
            take(step, WARMUP_STEPS)
            return calibrate(step, order["seconds"], clocks)
        case "time":
            take(step, WARMUP_STEPS)
            return time_calls(step, order["steps"], clocks, collecting=order["collecting"])
        case "memory":
            return remember(step, order["steps"])
    raise ValueError(f"expected hello, watch, calibrate, time or memory, got {order['do']!r}")


def take(step: Step, steps: int) -> None:
    """Take so many steps."""
    for _ in range(steps):
        step()


def remember(step: Step, steps: int) -> dict[str, int | None]:
    """The peak of the resident memory over so many steps, and how much it has grown at the end.

    Growth is counted from when a tenth of the steps were taken, and only if that is any: in few
    steps allocators still find their size. The cyclic garbage collector is off, so memory that only
    it could give back counts as grown.
    """
    gc.collect()
    gc.disable()
    try:
        settling = steps // 10
        take(step, settling)
        settled = resident_bytes()
        take(step, steps - settling)
        grown = resident_bytes() - settled if settling else None
        return {"peak_bytes": peak_rss(), "grown_bytes": grown}
    finally:
        gc.enable()


def resident_bytes() -> int:
    """The memory that the system has given to this process."""
    return int(psutil.Process().memory_info().rss)


def kernels(framework: Framework) -> str:
    """What multiplies matrices for this framework, and for which processor it was chosen; empty if
    there are none."""
    if framework.name == "micrograd":
        return ""
    if framework.name == "torch":
        backends = framework.torch.backends
        library = "MKL" if backends.mkl.is_available() else "no MKL"
        return f"{library}, {backends.cpu.get_cpu_capability()}"
    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return ", ".join(f"{p['internal_api']} {p['version']} ({p.get('architecture')})" for p in found)


def main(settings: str) -> None:
    """Load the framework, then answer one order after another until stdin ends."""
    given = json.loads(settings)
    framework = load_framework(given["framework"], given["threads"], **given["options"])
    with contextlib.suppress(OSError):  # Linux: begin the peak anew, importing may have had one
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    for line in sys.stdin:
        print(json.dumps(follow(json.loads(line), framework, given["threads"])), flush=True)

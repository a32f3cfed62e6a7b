"""One contender in a process of its own: reads orders from stdin, answers on stdout, as JSON lines.

python -m tt_bench.peers.worker '{"framework": "torch", "threads": 1, "options": {}}'
"""

from __future__ import annotations

import json
import sys
from typing import Any

from threadpoolctl import threadpool_info

from ..clock import LEAST, WALL, calibrate, time_calls
from .frameworks import Framework, load_framework
from .workloads import WORKLOADS, Step, watch

__all__ = ["follow", "main"]

WARMUP_STEPS = 2


def follow(order: dict[str, Any], framework: Framework, threads: int) -> Any:
    """Carry out one order.

    - ``{"do": "hello"}``: the framework's version, and the most threads of any of its libraries.
    - ``{"do": "watch", "workload": name, "steps": k}``: the values of ``watch`` over k steps.
    - ``{"do": "calibrate", "workload": name, "seconds": s}``: how many steps take that long.
    - ``{"do": "time", "workload": name, "steps": k}``: the seconds that k steps take, on a model
      built anew and after two steps to warm up: so every sample does the same work.

    On one thread, seconds are the least of wall time and this process's processor time.
    """
    if order["do"] == "hello":
        most = max((pool["num_threads"] for pool in threadpool_info()), default=1)
        return {"version": framework.version, "threads": most}
    step = _build(order["workload"], framework)
    clocks = LEAST if threads == 1 else WALL
    match order["do"]:
        case "watch":
            return watch(step, order["steps"])
        case "calibrate":
            watch(step, WARMUP_STEPS)
            return calibrate(step, order["seconds"], clocks)
        case "time":
            watch(step, WARMUP_STEPS)
            return time_calls(step, order["steps"], clocks)
    raise ValueError(f"expected hello, watch, calibrate or time, got {order['do']!r}")


def _build(name: str, framework: Framework) -> Step:
    for workload in WORKLOADS:
        if workload.name == name:
            return workload.build(framework)
    raise ValueError(f"no workload {name!r}; there are {[w.name for w in WORKLOADS]}")


def main(settings: str) -> None:
    """Load the framework, then answer one order after another until stdin ends."""
    given = json.loads(settings)
    framework = load_framework(given["framework"], given["threads"], **given["options"])
    for line in sys.stdin:
        print(json.dumps(follow(json.loads(line), framework, given["threads"])), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

"""Contenders in separate processes, each with nothing loaded but what it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from ..threads import THREAD_VARIABLES
from .workloads import Workload

__all__ = ["BARE", "THREAD_VARIABLES", "Contender", "Process"]

# Enters the packages without running their __init__.py, which would load TinyTorch's layers into
# the process of every peer: 15 MB, and thousands of objects for its garbage collector to visit.
BARE = """
import sys
from importlib.util import find_spec, module_from_spec
for package in ("tt_bench", "tt_bench.peers"):
    sys.modules[package] = module_from_spec(find_spec(package))
"""
START = BARE + "from tt_bench.peers.worker import main; main(sys.argv[1])"


@dataclass(frozen=True)
class Contender:
    """A framework, and options for it that make it a contender of its own."""

    name: str
    framework: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def can(self, workload: Workload) -> bool:
        """Has the workload a program for this framework, and a use for each of the options?"""
        known = set(self.options) <= set(workload.options)
        return known and self.framework in workload.programs


class Process:
    """A contender's process, with every library in it limited to ``threads`` threads.

    Args:
        without: environment variables that it does not get.

    It is used in a ``with``, at whose end it is told to stop.
    """

    def __init__(self, contender: Contender, threads: int, without: Collection[str] = ()) -> None:
        self.contender = contender
        settings = {
            "framework": contender.framework,
            "threads": threads,
            "options": dict(contender.options),
        }
        environment = {name: text for name, text in os.environ.items() if name not in without}
        environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, **order: Any) -> Any:
        """Give an order and wait for the answer.

        Raises:
            RuntimeError: the process ended; why is on stderr.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(
                f"the process of {self.contender.name} ended with code {self.process.wait()} when "
                f"told to {order}; its error stands above"
            )
        return json.loads(answer)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.process.kill()
        assert self.process.stdin is not None and self.process.stdout is not None
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

"""The facts about a machine without which its times mean nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from threadpoolctl import threadpool_info

from .documents import field, only
from .units import show_bytes

__all__ = ["Machine"]


NONE = type(None)
TYPES: dict[str, tuple[type, ...]] = {
    "cpu": (str,),
    "physical_cores": (int, NONE),
    "logical_cores": (int, NONE),
    "memory_bytes": (int,),
    "system": (str,),
    "python": (str,),
    "numpy": (str,),
    "blas": (list, tuple),
    "load": (int, float),
}


@dataclass(frozen=True)
class Machine:
    """What ran a measurement.

    Attributes:
        cpu: the processor's name, as the system gives it.
        physical_cores, logical_cores: how many the system shows; None where it does not say.
        memory_bytes: the main memory.
        blas: the libraries that multiply matrices, with version and chosen kernels.
        load: how many processes wanted to run, on average over the last minute, when this was read.
            Above the number of cores, they were waiting for one another.
    """

    cpu: str
    physical_cores: int | None
    logical_cores: int | None
    memory_bytes: int
    system: str
    python: str
    numpy: str
    blas: tuple[str, ...]
    load: float

    @classmethod
    def here(cls) -> Machine:
        """The facts of this machine, now."""
        return cls(
            cpu=_cpu(),
            physical_cores=psutil.cpu_count(logical=False),
            logical_cores=psutil.cpu_count(),
            memory_bytes=psutil.virtual_memory().total,
            system=platform.platform(terse=True),
            python=platform.python_version(),
            numpy=np.__version__,
            blas=_blas(),
            load=psutil.getloadavg()[0],
        )

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Machine:
        """The machine that ``to_dict`` wrote down.

        Raises:
            ValueError: a fact is missing, unknown, or of another type.
        """
        only(facts, TYPES)
        found = {name: field(facts, name, *kinds) for name, kinds in TYPES.items()}
        if not all(isinstance(library, str) for library in found["blas"]):
            raise ValueError(f"blas: expected texts, got {found['blas']!r}")
        return cls(**{**found, "blas": tuple(found["blas"])})

    def to_dict(self) -> dict[str, Any]:
        """The facts as a dict for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.cpu}, {self.physical_cores or '?'} cores, {self.logical_cores or '?'} logical, "
            f"{show_bytes(self.memory_bytes)} memory, {self.system}; Python {self.python}, NumPy "
            f"{self.numpy}, {', '.join(self.blas) or 'no BLAS found'}; load {self.load:.1f}"
        )


def _cpu() -> str:
    """The processor's name: from /proc/cpuinfo, from sysctl on macOS, else what Python knows."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.strip():
            return done.stdout.strip()
    return platform.processor() or os.environ.get("PROCESSOR_IDENTIFIER", "") or platform.machine()


def _blas() -> tuple[str, ...]:
    """Each loaded library for linear algebra, as 'openblas 0.3.31 (SkylakeX)'."""
    found = []
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            kernels = pool.get("architecture")
            name = f"{pool['internal_api']} {pool['version']}"
            found.append(f"{name} ({kernels})" if kernels else name)
    return tuple(found)

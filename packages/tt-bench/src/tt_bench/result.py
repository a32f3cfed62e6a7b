"""What a benchmark found: every sample, and what follows from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .documents import field, only, read_document, write_document
from .machine import Machine
from .resampling import Interval, bootstrap_median, outliers, quartiles
from .units import show_seconds

__all__ = ["BenchmarkResult"]

SCHEMA, VERSION = "tt-bench/benchmark-result", 1
TYPES: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "samples_seconds": (list, tuple),
    "calls_per_sample": (int,),
    "warmup_calls": (int,),
    "threads": (int, type(None)),
    "clock": (str,),
    "resolution_seconds": (int, float),
    "run": (str,),
    "started": (str,),
    "machine": (dict,),
}


@dataclass(frozen=True)
class BenchmarkResult:
    """The samples of one contender.

    Attributes:
        name: the contender's name.
        samples_seconds: seconds per call, one number for each sample, in the order measured. None
            is left out.
        calls_per_sample: a sample is the time of so many calls in a row, divided by their number.
        warmup_calls: the calls before the first sample that counts, calibration not included.
        threads: the limit set for BLAS, or None if none was set.
        clock: what was read, such as "perf_counter" (wall time).
        resolution_seconds: the smallest step the clock was seen to make.
        run: which run the samples come from. The i-th samples of one run's contenders were taken
            right after one another, so they may be compared in pairs.
        started: when the run began, in UTC.
        machine: what it ran on.
    """

    name: str
    samples_seconds: tuple[float, ...]
    calls_per_sample: int
    warmup_calls: int
    threads: int | None
    clock: str
    resolution_seconds: float
    run: str
    started: str
    machine: Machine

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples_seconds, np.float64)
        if samples.ndim != 1 or not samples.size or not np.isfinite(samples).all():
            raise ValueError(f"{self.name}: expected at least one finite sample, got {samples}")

    @property
    def median_seconds(self) -> float:
        """Half of the samples took less."""
        return float(np.median(self.samples_seconds))

    @property
    def interval_seconds(self) -> Interval:
        """The 95 % confidence interval of the median, by ``bootstrap_median``."""
        return bootstrap_median(self.samples_seconds)

    @property
    def low_seconds(self) -> float:
        """The lower end of the 95 % confidence interval of the median."""
        return self.interval_seconds.low

    @property
    def high_seconds(self) -> float:
        """The upper end of the 95 % confidence interval of the median."""
        return self.interval_seconds.high

    @property
    def quartiles_seconds(self) -> Interval:
        """Half of the samples lie between these two."""
        return quartiles(self.samples_seconds)

    @property
    def iqr_seconds(self) -> float:
        """The interquartile range: how far apart the quartiles are."""
        low, high = self.quartiles_seconds
        return high - low

    @property
    def outliers_seconds(self) -> tuple[float, ...]:
        """The samples far outside the quartiles (Tukey's rule). They count like all others."""
        return outliers(self.samples_seconds)

    def to_dict(self) -> dict[str, Any]:
        """All fields, and what was derived from the samples under "derived"."""
        derived = {
            "median_seconds": self.median_seconds,
            "low_seconds": self.low_seconds,
            "high_seconds": self.high_seconds,
            "iqr_seconds": self.iqr_seconds,
            "outliers_seconds": list(self.outliers_seconds),
        }
        return {**asdict(self), "samples_seconds": list(self.samples_seconds), "derived": derived}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> BenchmarkResult:
        """The result that ``to_dict`` wrote. What is derived is derived again from the samples.

        Raises:
            ValueError: a field is missing, unknown, or of another type.
        """
        only(content, {*TYPES, "derived"})
        found = {name: field(content, name, *kinds) for name, kinds in TYPES.items()}
        for sample in found["samples_seconds"]:
            if type(sample) not in (int, float):
                raise ValueError(f"samples_seconds: expected numbers, got {sample!r}")
        found["samples_seconds"] = tuple(map(float, found["samples_seconds"]))
        return cls(**{**found, "machine": Machine.from_dict(found["machine"])})

    def to_json(self) -> str:
        """The result as a document with the name and version of its schema."""
        return write_document(SCHEMA, VERSION, self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> BenchmarkResult:
        """The result that ``to_json`` wrote.

        Raises:
            ValueError: the text is something else, or of another version.
        """
        return cls.from_dict(read_document(text, SCHEMA, VERSION))

    def __str__(self) -> str:
        low, high = self.interval_seconds
        far = self.outliers_seconds
        return (
            f"{self.name}: {show_seconds(self.median_seconds)} median, 95 % CI "
            f"{show_seconds(low)} to {show_seconds(high)}, IQR {show_seconds(self.iqr_seconds)}; "
            f"{len(self.samples_seconds)} samples × {self.calls_per_sample} calls, "
            + (f"{len(far)} outliers up to {show_seconds(max(far))}, " if far else "no outliers, ")
            + (f"{self.threads} BLAS thread(s), " if self.threads else "BLAS threads not set, ")
            + f"clock {self.clock}"
        )

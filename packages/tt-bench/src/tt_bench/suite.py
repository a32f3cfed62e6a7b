"""The BenchmarkSuite: benchmarks that belong together, run and shown together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from .benchmark import Benchmark
from .comparison import compare
from .documents import field, only, read_document, write_document
from .result import BenchmarkResult
from .tables import Table
from .units import show_seconds

__all__ = ["BenchmarkSuite"]

SCHEMA, VERSION = "tt-bench/benchmark-suite", 1


class BenchmarkSuite:
    """A named list of benchmarks and, after ``run``, their results.

    Attributes:
        results: for each benchmark's name the result of each contender.

    >>> suite = BenchmarkSuite("lists")
    >>> suite.add(Benchmark({"sorted": lambda: sorted([3, 1, 2]), "sum": lambda: sum([3, 1, 2])},
    ...                     "three numbers", samples=6))
    >>> results = suite.run()
    >>> list(results["three numbers"])
    ['sorted', 'sum']
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.benchmarks: dict[str, Benchmark] = {}
        self.results: dict[str, dict[str, BenchmarkResult]] = {}

    def add(self, benchmark: Benchmark) -> None:
        """Add a benchmark.

        Raises:
            ValueError: there is one of that name.
        """
        if benchmark.name in self.benchmarks:
            raise ValueError(f"{self.name} has a benchmark {benchmark.name!r} already; rename one")
        self.benchmarks[benchmark.name] = benchmark

    def run(self) -> dict[str, dict[str, BenchmarkResult]]:
        """Run all benchmarks, one after another."""
        self.results = {name: benchmark.run() for name, benchmark in self.benchmarks.items()}
        return self.results

    def table(self) -> Table:
        """A row for each contender, compared with the first contender of its benchmark."""
        columns = ("benchmark", "contender", "median", "95 % CI", "IQR", "outliers", "speed")
        machines = [next(iter(group.values())).machine for group in self.results.values()]
        return Table(
            self.name,
            columns,
            tuple(self._rows()),
            note="speed: times as fast as the first of its benchmark, and its 99 % confidence "
            f"interval. {machines[0]}"
            if machines
            else "nothing has been run",
        )

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for name, group in self.results.items():
            first = next(iter(group.values()))
            for result in group.values():
                against = compare(result, first)
                tie = against.verdict == "no difference found"
                speed = f"{against.ratio:.3g}× ({against.low:.3g} to {against.high:.3g})"
                yield (
                    name,
                    result.name,
                    show_seconds(result.median_seconds),
                    f"{show_seconds(result.low_seconds)} to {show_seconds(result.high_seconds)}",
                    show_seconds(result.iqr_seconds),
                    str(len(result.outliers_seconds)),
                    "" if result is first else f"{speed}, {against.verdict}" if tie else speed,
                )

    def print(self, console: Console | None = None) -> None:
        """Print the table."""
        self.table().print(console)

    def to_json(self) -> str:
        """All results, with every sample, as a document with schema and version."""
        groups = {
            name: [result.to_dict() for result in group.values()]
            for name, group in self.results.items()
        }
        return write_document(SCHEMA, VERSION, {"name": self.name, "benchmarks": groups})

    @classmethod
    def from_json(cls, text: str) -> BenchmarkSuite:
        """The suite with the results that ``to_json`` wrote; what was measured is not in it.

        Raises:
            ValueError: the text is something else, or of another version.
        """
        content = read_document(text, SCHEMA, VERSION)
        only(content, ("name", "benchmarks"))
        suite = cls(field(content, "name", str))
        for name in field(content, "benchmarks", dict):
            group = field(content["benchmarks"], name, list)
            results = [BenchmarkResult.from_dict(result) for result in group]
            if not results:
                raise ValueError(f"the benchmark {name!r} has no results")
            suite.results[name] = {result.name: result for result in results}
        return suite

    def save(self, path: str | Path) -> None:
        """Write ``to_json`` into a file."""
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

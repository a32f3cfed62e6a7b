"""BenchmarkSuite: runs, shows and writes what belongs together."""

import io
import json

import pytest
from rich.console import Console

from tt_bench import Benchmark, BenchmarkSuite


@pytest.fixture
def suite(clock) -> BenchmarkSuite:
    suite = BenchmarkSuite("demonstration")
    options = {"samples": 8, "clocks": (clock,)}
    pair = {"old": clock.takes(0.010), "new": clock.takes(0.005)}
    suite.add(Benchmark(pair, "pair", **options))
    suite.add(Benchmark(clock.takes(1.0), "alone", **options))
    return suite


def test_it_runs_everything(suite: BenchmarkSuite) -> None:
    results = suite.run()
    assert {name: list(group) for name, group in results.items()} == {
        "pair": ["old", "new"],
        "alone": ["alone"],
    }


def test_the_table_compares_with_the_first(suite: BenchmarkSuite) -> None:
    suite.run()
    rows = {row[1]: row for row in suite.table().rows}
    assert rows["old"][-1] == rows["alone"][-1] == ""
    assert rows["new"][2] == "5 ms"
    assert rows["new"][-1].startswith("2× (2 to 2)")


def test_it_is_plain_where_output_is_piped(suite: BenchmarkSuite) -> None:
    suite.run()
    file = io.StringIO()
    suite.print(Console(file=file))
    assert "\x1b" not in file.getvalue()
    assert file.getvalue().startswith("demonstration\nbenchmark")


def test_nothing_run_is_said() -> None:
    assert BenchmarkSuite("empty").table().note == "nothing has been run"


def test_names_are_given_once(suite: BenchmarkSuite, clock) -> None:
    with pytest.raises(ValueError, match="'pair' already"):
        suite.add(Benchmark(clock.takes(1), "pair"))


def test_json_there_and_back(suite: BenchmarkSuite, tmp_path) -> None:
    suite.run()
    path = tmp_path / "suite.json"
    suite.save(path)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text)["schema"] == "tt-bench/benchmark-suite"
    assert BenchmarkSuite.from_json(text).results == suite.results


@pytest.mark.parametrize(
    "content",
    [
        '"benchmarks": {}',
        '"name": "x", "benchmarks": []',
        '"name": "x", "benchmarks": {"y": []}',
        '"name": "x", "benchmarks": {"y": [7]}',
        '"name": "x", "benchmarks": {"y": [{}]}',
    ],
)
def test_documents_of_another_kind_are_refused(content: str) -> None:
    text = '{"schema": "tt-bench/benchmark-suite", "version": 1, ' + content + "}"
    with pytest.raises(ValueError, match=r"expected|no results"):
        BenchmarkSuite.from_json(text)

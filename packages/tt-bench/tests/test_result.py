"""BenchmarkResult: derived numbers, one honest line, and the way to JSON and back."""

import dataclasses
import json

import pytest

from tt_bench import BenchmarkResult, Machine


@pytest.fixture(scope="module")
def result() -> BenchmarkResult:
    return BenchmarkResult(
        name="softmax",
        samples_seconds=(1e-3, 1.1e-3, 0.9e-3, 1e-3, 1.05e-3, 1e-3, 5e-3),
        calls_per_sample=8,
        warmup_calls=2,
        threads=1,
        clock="perf_counter",
        resolution_seconds=3e-8,
        run="0123",
        started="2026-01-01T00:00:00+00:00",
        machine=Machine.here(),
    )


def test_what_is_derived(result: BenchmarkResult) -> None:
    assert result.median_seconds == 1e-3
    assert result.low_seconds <= 1e-3 <= result.high_seconds
    assert result.quartiles_seconds == pytest.approx((1e-3, 1.075e-3))
    assert result.iqr_seconds == pytest.approx(0.075e-3)


def test_outliers_are_shown_and_count(result: BenchmarkResult) -> None:
    assert result.outliers_seconds == (5e-3,)
    assert len(result.samples_seconds) == 7
    assert "1 outliers up to 5 ms" in str(result)


def test_one_line_says_it_all(result: BenchmarkResult) -> None:
    assert str(result).startswith("softmax: 1 ms median, 95 % CI ")
    assert "\n" not in str(result)
    assert "7 samples × 8 calls" in str(result)
    assert "1 BLAS thread(s), clock perf_counter" in str(result)


def test_json_there_and_back(result: BenchmarkResult) -> None:
    assert BenchmarkResult.from_json(result.to_json()) == result
    document = json.loads(result.to_json())
    assert (document["schema"], document["version"]) == ("tt-bench/benchmark-result", 1)
    assert document["derived"]["median_seconds"] == 1e-3


def test_derived_numbers_are_not_believed(result: BenchmarkResult) -> None:
    document = json.loads(result.to_json())
    document["derived"]["median_seconds"] = 1e-9
    assert BenchmarkResult.from_json(json.dumps(document)).median_seconds == 1e-3


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"schema": "tt-bench/benchmark-result", "version": 99}']
)
def test_other_documents_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        BenchmarkResult.from_json(text)


@pytest.mark.parametrize("samples", [(), (1.0, float("nan"))])
def test_there_are_samples_and_they_are_finite(result, samples: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="finite sample"):
        dataclasses.replace(result, samples_seconds=samples)


def test_it_cannot_be_changed(result: BenchmarkResult) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.name = "other"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("samples_seconds", []),
        ("samples_seconds", "123"),
        ("samples_seconds", [1.0, "2"]),
        ("samples_seconds", [True]),
        ("calls_per_sample", 1.5),
        ("resolution_seconds", None),
        ("name", 7),
        ("machine", {}),
        ("machine", []),
        ("surplus", 1),
    ],
)
def test_fields_of_another_kind_are_refused(
    result: BenchmarkResult, name: str, value: object
) -> None:
    document = json.loads(result.to_json())
    document[name] = value
    with pytest.raises(ValueError, match=r"expected|unknown"):
        BenchmarkResult.from_json(json.dumps(document))


@pytest.mark.parametrize("name", ["samples_seconds", "machine", "run", "clock"])
def test_fields_that_are_missing_are_named(result: BenchmarkResult, name: str) -> None:
    document = json.loads(result.to_json())
    del document[name]
    with pytest.raises(ValueError, match=f"expected a field '{name}'"):
        BenchmarkResult.from_json(json.dumps(document))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" + "0" * 400])
def test_numbers_that_are_none(result: BenchmarkResult, number: str) -> None:
    text = result.to_json().replace(
        '"resolution_seconds": 3e-08', f'"resolution_seconds": {number}'
    )
    assert number in text
    with pytest.raises(ValueError, match="expected"):
        BenchmarkResult.from_json(text)


@pytest.mark.parametrize("version", ["true", "1.0", '"1"'])
def test_a_version_is_a_whole_number(result: BenchmarkResult, version: str) -> None:
    text = result.to_json().replace('"version": 1,', f'"version": {version},')
    with pytest.raises(ValueError, match="expected a document of schema"):
        BenchmarkResult.from_json(text)


def test_nesting_without_end() -> None:
    with pytest.raises(ValueError, match="without end"):
        BenchmarkResult.from_json("[" * 100_000)

"""Every row runs in its quick form, and says so; without the packages it needs it says that."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tt_optimize.report import ROWS, Outcome, Row, Setting
from tt_optimize.report.gpts import installed
from tt_optimize.report.rows import (
    decode,
    distillation,
    int8_accuracy,
    int8_size,
    low_rank,
    pruning,
    train_step,
)

NEEDS = {"int8-accuracy", "pruning", "distillation", "low-rank"}
COUNTS = {
    "kv-cache": 2,
    "decode-d128": 4,
    "decode-d384": 6,
    "train-step": 2,
    "int8-size": 4,
    "int8-accuracy": 2,
    "pruning": 2,
    "distillation": 2,
    "low-rank": 2,
    "int8-product": 1,
}
by_name = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@by_name
def test_a_row_runs_quickly_and_claims_nothing(row: Row, folder: Path) -> None:
    outcomes = row.run(Setting(folder, quick=True, tell=lambda words: None))
    assert len(outcomes) == COUNTS[row.name]
    for outcome in outcomes:
        if outcome.figure is None:
            assert outcome.verdict.startswith("not measured: ")
        else:
            assert outcome.quick and outcome.verdict == "quick, claims nothing"
            assert outcome.on and outcome.what
    measured = [outcome for outcome in outcomes if outcome.figure is not None]
    if row.name != "distillation":
        assert all(o.low <= o.figure <= o.high for o in measured if o.low)  # type: ignore[operator]
    assert measured or not installed("tt_data") or not installed("torch") or not installed("numba")


@pytest.mark.parametrize("module", [decode, distillation, int8_accuracy, low_rank, pruning])
def test_without_their_packages_rows_say_what_to_install(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "installed", lambda package: False)
    run = module.run_large if module is decode else module.run
    outcomes: list[Outcome] = run(Setting(tmp_path, quick=True, tell=lambda words: None))
    assert outcomes
    for outcome in outcomes:
        assert (outcome.figure is None and outcome.goal is not None) or "bare" in outcome.what
        assert "is not installed" in outcome.verdict and outcome.on.startswith("pip install ")


def test_a_training_step_needs_both_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(train_step, "installed", lambda package: package != "torch")
    verdicts = {o.verdict for o in train_step.run(Setting(tmp_path))}
    assert verdicts == {"not measured: PyTorch is not installed"}


def test_int8_weights_are_a_quarter_as_large(tmp_path: Path) -> None:
    outcomes = int8_size.run(Setting(tmp_path))
    judged = [outcome for outcome in outcomes if outcome.goal is not None]
    assert len(judged) == 3 and not any(outcome.missed for outcome in judged)
    assert all(0.25 < (outcome.figure or 0) < 0.28 for outcome in outcomes)


@pytest.mark.slow
def test_a_taught_student_beats_one_trained_alone(tmp_path: Path) -> None:
    pytest.importorskip("tt_data")
    mean, worst = distillation.run(Setting(tmp_path, tell=lambda words: None))
    assert mean.verdict == "reached, and the aim", mean
    assert worst.verdict == "reached", worst

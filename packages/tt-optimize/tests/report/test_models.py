"""Models are trained once, kept by seed, and a quick one is never taken for a trained one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tt_optimize.report import Setting
from tt_optimize.report.models import digits_cnn

pytest.importorskip("tt_data")


def setting(folder: Path, told: list[str], seed: int = 0) -> Setting:
    return Setting(folder, seed, quick=True, tell=told.append)


def test_a_model_is_trained_once_and_kept(tmp_path: Path) -> None:
    told: list[str] = []
    first = digits_cnn(setting(tmp_path / "new", told))
    again = digits_cnn(setting(tmp_path / "new", told))
    assert told == ["training a CNN on the digits"]
    assert (first.model.head.weight == again.model.head.weight).all()
    assert first.accuracy(first.model) == again.accuracy(again.model) > 10
    assert [path.name for path in (tmp_path / "new").iterdir()] == [
        "quick-seed0-digits-smoothing0.1.safetensors"
    ]


def test_another_seed_is_another_model(tmp_path: Path) -> None:
    told: list[str] = []
    one, other = (digits_cnn(setting(tmp_path, told, seed)) for seed in (0, 1))
    assert len(told) == 2
    assert not (one.model.head.weight == other.model.head.weight).all()

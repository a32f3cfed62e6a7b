"""The capstone, on its quick way: it runs from end to end, tells the truth and repeats itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "capstone" / "capstone.py"


def run(folder: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """The quick capstone in a process of its own, and its report."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--out", str(folder), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder.parent,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done, json.loads((folder / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("capstone") / "first"
    return folder, *run(folder)


def test_it_learns_and_reports_what_it_printed(quick: Any) -> None:
    folder, done, report = quick
    losses = report["training"]["losses"]
    assert losses[-1] < losses[0] - 1
    for kind, result in report["exam"].items():
        share = result["right"] / result["asked"]
        assert f"{kind:<16} {share:6.1%}   {result['right']} of {result['asked']}" in done.stdout
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "This was a quick run" in text
    assert f"{len(losses)} steps" in text


def test_the_exam_keeps_the_kinds_apart(quick: Any) -> None:
    _, _, report = quick
    kinds = {"seen", "unseen-wording", "unseen-template", "unseen-sum", "unseen-instance"}
    assert set(report["exam"]) == kinds


def test_all_events_have_standings_of_all_entries(quick: Any) -> None:
    _, _, report = quick
    olympics = report["olympics"]
    entries = [entry["entry"] for entry in olympics["entries"]]
    assert entries == ["baseline", "kv cache", "int8", "int8 + kv cache"]
    assert len(olympics["events"]) == 5
    for event in olympics["events"].values():
        assert sorted(s["entry"] for s in event["standings"]) == sorted(entries)


def test_int8_is_smaller_and_the_cache_changes_no_answer(quick: Any) -> None:
    _, _, report = quick
    entries = {entry["entry"]: entry for entry in report["olympics"]["entries"]}
    assert entries["int8"]["held_bytes"] < 0.5 * entries["baseline"]["held_bytes"]
    assert entries["kv cache"]["correct"] == entries["baseline"]["correct"]
    assert report["olympics"]["disqualified"] == []


def test_piped_output_is_plain(quick: Any) -> None:
    _, done, _ = quick
    assert "\x1b" not in done.stdout


def test_the_same_seed_gives_the_same_model_and_another_does_not(
    quick: Any, tmp_path: Path
) -> None:
    _, _, first = quick
    _, again = run(tmp_path / "again")
    assert again["training"]["losses"] == first["training"]["losses"]
    assert again["exam"] == first["exam"]
    assert again["answers"] == first["answers"]
    _, other = run(tmp_path / "other", "--seed", "1")
    assert other["training"]["losses"] != first["training"]["losses"]

"""The capstone, on its quick way: it runs from end to end, tells the truth and repeats itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "capstone" / "capstone.py"
SWITCHES = ["kv cache", "int8", "numpy", "distilled"]
ABLATION = ["baseline", *SWITCHES, *(f"all but {name}" for name in SWITCHES), "all four"]
WITHOUT = """
import runpy, sys
sys.modules.update(dict.fromkeys(("numba", "matplotlib")))
import importlib.util
found = importlib.util.find_spec
def find_spec(name, *args):
    return None if name in ("numba", "matplotlib") else found(name, *args)
importlib.util.find_spec = find_spec
sys.argv = sys.argv[1:]
sys.path[0] = sys.argv[0].rpartition("/")[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

PRESSED = """
import runpy, sys
import tt_models.recipes.tinytalks as talks
def press(*_, **__):
    raise KeyboardInterrupt
talks.write_answers = press
sys.argv = sys.argv[1:]
sys.path[0] = sys.argv[0].rpartition("/")[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(
    folder: Path, *options: str, command: tuple[str, ...] = ()
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """The quick capstone in a process of its own, and its report."""
    done = subprocess.run(
        [sys.executable, *command, SCRIPT.as_posix(), "--quick", "--out", str(folder), *options],
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
    losses = report["training"]["teacher"]["losses"]
    assert losses[-1] < losses[0] - 1
    assert set(report["training"]) == {"teacher", "student", "pruned"}
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
    assert entries == [*ABLATION, "int4", "distilled, int4", "pruned", "lean loop"]
    assert len(olympics["events"]) == 5
    for event in olympics["events"].values():
        assert sorted(s["entry"] for s in event["standings"]) == sorted(entries)


def test_techniques_do_what_they_are_for_and_nobody_is_sent_off(quick: Any) -> None:
    _, _, report = quick
    entries = {entry["entry"]: entry for entry in report["olympics"]["entries"]}
    weights = {(row["model"], row["stored as"]): float(row["share"]) for row in report["weights"]}
    assert entries["int8"]["held_bytes"] < 0.5 * entries["baseline"]["held_bytes"]
    assert entries["kv cache"]["correct"] == entries["baseline"]["correct"]
    assert entries["lean loop"]["correct"] == entries["all four"]["correct"]
    assert report["olympics"]["disqualified"] == []
    assert weights["teacher", "float32"] == 1.0
    for model in ("teacher", "student", "pruned"):
        assert weights[model, "int4"] < weights[model, "int8"] < 0.4 * weights[model, "float32"]
    assert weights["student", "float32"] < weights["teacher", "float32"]
    assert weights["pruned", "float32"] < weights["teacher", "float32"]


def test_the_ablation_names_each_switch_once(quick: Any) -> None:
    _, _, report = quick
    assert [row["technique"] for row in report["bought"]] == [*SWITCHES, "all together"]
    for row in report["bought"][:4]:
        assert row["alone: speed"].partition("×")[0] and row["without it: speed"] != "–"


def test_the_page_has_everything_and_asks_nobody(quick: Any) -> None:
    folder, _, report = quick
    text = (folder / "report.html").read_text(encoding="utf-8")
    for heading in (
        *["What was claimed", "Training", "Asked again and again", "The exam"],
        *["Where a training step of the teacher spends its time", "What the weights take"],
        *["What each technique buys", "Podium", "Measurements", "Latency Sprint"],
    ):
        assert f"<h2>{heading}" in text
    assert "of roof" in text and "latencies_seconds" in text
    assert str(report["training"]["teacher"]["losses"][0]) in text  # the raw data
    assert "default-src 'none'" in text and "<script" not in text
    assert not re.search(r'(src|href)="(?!#|data:)', text)


def test_it_works_without_numba_and_matplotlib(tmp_path: Path) -> None:
    run(tmp_path / "bare", command=("-c", WITHOUT))
    text = (tmp_path / "bare" / "report.html").read_text(encoding="utf-8")
    assert "<svg" not in text
    assert "The loss of the teacher" in text
    assert "Drawings need the package matplotlib" in text


def test_another_run_may_take_the_teacher_of_this_one(quick: Any, tmp_path: Path) -> None:
    folder, _, first = quick
    done, second = run(tmp_path / "second", "--model", str(folder))
    assert "trained by an earlier run" in done.stdout
    assert second["exam"] == first["exam"]
    assert second["training"]["teacher"]["losses"] == []
    assert second["training"]["student"]["losses"] == first["training"]["student"]["losses"]


def test_a_folder_without_a_teacher_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--model", str(tmp_path / "empty")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "help: name the folder that an earlier run wrote" in done.stderr
    assert "Traceback" not in done.stderr


def test_piped_output_is_plain(quick: Any) -> None:
    _, done, _ = quick
    assert "\x1b" not in done.stdout


def test_the_same_seed_gives_the_same_model_and_another_does_not(
    quick: Any, tmp_path: Path
) -> None:
    _, _, first = quick
    _, again = run(tmp_path / "again")
    for name in ("teacher", "student", "pruned"):
        for what in ("losses", "answers"):
            assert again["training"][name][what] == first["training"][name][what]
    assert again["exam"] == first["exam"]
    _, other = run(tmp_path / "other", "--seed", "1")
    assert other["training"]["teacher"]["losses"] != first["training"]["teacher"]["losses"]


def test_ctrl_c_after_training_says_how_to_go_on(quick: Any, tmp_path: Path) -> None:
    """Pressed in the exam, whose first answer here is its signal."""
    folder, _, _ = quick
    command = [sys.executable, "-c", PRESSED, SCRIPT.as_posix(), "--quick", "--model", str(folder)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "")
    assert "Stopped. What has been learned" in done.stdout
    assert (tmp_path / "tinygpt.safetensors").exists()
    assert not (tmp_path / "report.html").exists()


def test_a_model_that_is_none_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT.as_posix(), "--model", str(tmp_path / "nowhere")]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "name the folder that an earlier run wrote" in done.stderr
    assert not (tmp_path / "out").exists()

"""The command measures rows in processes, prints a table, writes JSON, and exits as it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tt_optimize.report import ROWS, Goal, Outcome, command
from tt_optimize.report.command import main
from tt_optimize.report.worker import THREAD_VARIABLES, environment, find_row


def test_a_row_in_a_process_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.json"
    assert main(["--only", "int8-size", "--json", str(file), "--seed", "7"]) == 0
    out, err = capsys.readouterr()
    assert "[1/1] int8-size ..." in err
    assert "int8 / float32 bytes in memory, GPT d128 L4" in out
    assert out.splitlines()[-1] == "3 of 3 goals reached"
    facts = json.loads(file.read_text(encoding="utf-8"))
    assert facts["seed"] == 7 and not facts["quick"] and facts["machine"]["numpy"]
    assert facts["outcomes"][0]["verdict"].startswith("reached")


def test_quick_is_written_all_over_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "int8-product", "--quick"]) == 0
    out = capsys.readouterr().out
    assert "QUICK, CLAIMS NOTHING" in out and "nothing is claimed" in out


def outcome(figure: float | None) -> Outcome:
    return Outcome("speed", figure, "x", "somewhere", Goal(2), missing="torch is not installed")


@pytest.mark.parametrize(
    ("figures", "code", "last"),
    [
        ([2.0, 3.0], 0, "2 of 2 goals reached"),
        ([2.0, 1.0], 1, "1 of 2 goals reached; missed: speed"),
        ([2.0, None], 0, "1 of 1 goals reached, 1 figures not measured"),
    ],
)
def test_the_exit_code_says_whether_all_was_reached(
    figures: list[float | None],
    code: int,
    last: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "_measure", lambda *_: list(map(outcome, figures)))
    assert main(["--only", "int8-size"]) == code
    assert capsys.readouterr().out.splitlines()[-1] == last


def test_a_row_that_fails_is_not_left_out_silently(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "quick-seed0-digits-smoothing0.1.safetensors").write_bytes(b"not a model")
    pytest.importorskip("tt_data")
    assert main(["--only", "low-rank", "int8-product", "--quick", "--models", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert "low-rank failed with code 1; its error stands above" in err
    assert "int8 product" in out and out.splitlines()[-1] == "failed: low-rank"


def test_an_unknown_row_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "speed"]) == 2
    assert "expected a row among kv-cache, decode-d128" in capsys.readouterr().err


def test_timed_rows_have_one_thread_and_kernels_for_this_processor() -> None:
    variables = {"PATH": "p", "OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "4"}
    timed = environment(find_row("kv-cache"), variables)
    assert timed == {"PATH": "p", **dict.fromkeys(THREAD_VARIABLES, "1")}
    trained = environment(find_row("int8-accuracy"), variables)
    assert trained == {"PATH": "p", "OMP_NUM_THREADS": "4"}
    kept = environment(find_row("kv-cache"), variables, keep_kernels=True)
    assert kept["OPENBLAS_CORETYPE"] == "Haswell" and kept["OMP_NUM_THREADS"] == "1"


def test_names_are_different() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_help_names_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    out: Any = capsys.readouterr().out
    assert "distillation" in out and "--models" in out

"""The Olympics from the command line."""

import json

import pytest

from tt_bench import write_entry
from tt_bench.games import main

SUM = """
import numpy as np
table = np.zeros(5000, np.int8)
def load(folder):
    return lambda images: (images.sum(axis=(1, 2, 3)) % 10).astype(int)
"""


def test_entries_are_judged_and_everything_is_written(tmp_path, capsys) -> None:
    entry = write_entry(tmp_path / "sum", "sum of ink", SUM)
    files = {kind: tmp_path / f"games.{kind}" for kind in ("json", "html", "md")}
    code = main(
        [
            *(str(entry.path), "--task", "digits-mlp", "--quick"),
            *("--references", str(tmp_path), "--bests", str(tmp_path / "bests.json")),
            *("--json", str(files["json"]), "--html", str(files["html"])),
            *("--markdown", str(files["md"])),
        ]
    )
    out = capsys.readouterr().out
    assert code == 0 and "Podium" in out and "Personal bests" in out and "\x1b" not in out
    games = json.loads(files["json"].read_text(encoding="utf-8"))
    assert [one["entry"] for one in games["entries"]] == ["digits-mlp", "sum of ink"]
    assert files["html"].read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "### Measurements" in files["md"].read_text(encoding="utf-8")


def test_a_cheat_is_an_error(tmp_path, capsys) -> None:
    entry = write_entry(tmp_path / "x", "cheat", "import tt_data\ndef load(f): ...")
    arguments = ["--task", "digits-mlp", "--quick", "--references", str(tmp_path)]
    assert main([str(entry.path), *arguments]) == 1
    assert "it imports tt_data, which has the test data" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere has no entry.toml"),
        (["--queries", "3"], "expected at least 4, got 3"),
        (["--query-seconds", "nan"], "expected a number above 0, got nan"),
        (["--html", "nowhere/x.html"], "nowhere/x.html cannot be written"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_measured(
    capsys, arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert said in capsys.readouterr().err


def test_names_are_given_once(tmp_path, capsys) -> None:
    folder = write_entry(tmp_path / "a", "digits-mlp", "def load(f): ...").path
    with pytest.raises(SystemExit):
        main(["--task", "digits-mlp", str(folder)])
    assert "enters as 'digits-mlp', as another does; change the name" in capsys.readouterr().err

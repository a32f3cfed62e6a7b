"""2018: what does not depend on the machine is the same again, and each claim can fail."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tt_bench import write_entry

Run = Callable[..., CompletedProcess[str]]
Claims = Callable[[str], dict[str, float]]

SLOW_CACHE = """
import time, tt_optimize
advance = tt_optimize.KVCache.advance
def slow(self, count):
    end = time.perf_counter() + 0.005
    while time.perf_counter() < end:  # asleep it would cost no time of the processor
        pass
    advance(self, count)
tt_optimize.KVCache.advance = slow
"""
WRONG_CACHE = """
import tt_optimize
store = tt_optimize.KVCache._store
tt_optimize.KVCache._store = lambda self, layer, k, v: store(self, layer, k, v * 0.5)
"""
NO_INTEGERS = """
import tt_optimize
tt_optimize.quantize = lambda model=None, bits=8: model or (lambda model: model)
"""
NO_PRUNING = """
import copy, tt_optimize
whole = lambda model: copy.deepcopy(model)
tt_optimize.prune = lambda model=None, **options: whole(model) if model else whole
"""
WRONG_LAW = "import tt_optimize\ntt_optimize.speedup = lambda share, factor: 9 * factor\n"
UNTAUGHT = "import tt_optimize\ntt_optimize.distill = lambda student, *_, **__: student.eval()\n"
CHEAT = "def load(folder):\n    return lambda images: [3]\n"


@pytest.mark.parametrize(
    ("script", "broken", "claim"),
    [
        ("baseline_profile", WRONG_LAW, "what Amdahl foretold is off by"),
        ("compression", NO_INTEGERS, "bytes of int8 in memory, of the CNN's"),
        ("compression", NO_PRUNING, "half the channels, times as fast"),
        ("generation_speedup", SLOW_CACHE, "with the cache, times as fast"),
        ("generation_speedup", WRONG_CACHE, "tokens that are different with any help"),
        ("olympics", UNTAUGHT, "time of "),
    ],
)
def test_a_technique_that_does_not_work_fails_the_program(
    script: str, broken: str, claim: str, run: Run, claims: Claims, tmp_path: Path
) -> None:
    options = ["--out", str(tmp_path)] if script == "olympics" else []
    path = f"2018_mlperf/{script}.py"
    result = run(path, "--quick", *options, without=broken, error="None")
    assert result.returncode == 1, result.stdout + result.stderr
    claims(result.stdout)  # they are told in full
    failed = re.findall(r"^Claim: (.+): .+\.\n.+IT FAILS\.$", result.stdout, re.MULTILINE)
    assert any(what.startswith(claim) for what in failed)


def test_what_is_learned_and_weighed_is_the_same_again(run: Run, claims: Claims) -> None:
    """Accuracies and bytes; times are not."""
    first, again = (run("2018_mlperf/compression.py", "--quick") for _ in range(2))
    of_first, of_again = claims(first.stdout), claims(again.stdout)
    same = {what for what in of_first if "times" not in what}
    assert len(same) == 4
    assert {what: of_first[what] for what in same} == {what: of_again[what] for what in same}


@pytest.fixture(scope="module")
def games(run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Quick games with a stranger who cheats: what was printed, and the folder."""
    folder = tmp_path_factory.mktemp("olympics")
    cheat = write_entry(folder / "cheat", "always three", CHEAT)
    result = run("2018_mlperf/olympics.py", "--quick", "--out", str(folder), str(cheat.path))
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout, folder


def test_a_stranger_competes_and_one_who_cheats_is_sent_off(games: tuple[str, Path]) -> None:
    printed, folder = games
    results = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [one["entry"] for one in results["entries"]] == [
        *["digits-cnn", "int8", "accelerated", "pruned", "student"]
    ]
    assert [off["entry"] for off in results["disqualified"]] == ["always three"]
    assert "Sent off: always three." in printed


def test_the_second_games_know_the_bests_of_the_first(
    games: tuple[str, Path], run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "second"
    shutil.copytree(games[1], folder)
    before = json.loads((folder / "bests.json").read_text(encoding="utf-8"))["bests"]
    run("2018_mlperf/olympics.py", "--quick", "--out", str(folder))
    after = json.loads((folder / "bests.json").read_text(encoding="utf-8"))["bests"]
    old = {(best["entry"], best["event"]): best["score"] for best in before}
    assert old
    for best in after:
        assert best["score"] >= old.get((best["entry"], best["event"]), 0.0)


def test_the_page_has_all_events_and_asks_nobody(games: tuple[str, Path]) -> None:
    text = (games[1] / "report.html").read_text(encoding="utf-8")
    for heading in ("Podium", "Measurements", "Latency Sprint", "Memory Challenge", "Disqualified"):
        assert heading in text
    assert "default-src 'none'" in text
    assert not re.search(r'(src|href)="(?!#|data:)', text)

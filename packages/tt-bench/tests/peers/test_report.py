"""What is printed and written: two tables and a document."""

import io
import json
import math
from dataclasses import replace

from rich.console import Console

from tt_bench import Machine, peers

HERE = peers.Circumstances(
    machine=replace(Machine.here(), blas=("openblas 1 (Zen)",)),
    versions={"tt": "0.1", "torch": "2", "micrograd": "0"},
    kernels={"tt": "openblas 1 (Zen)", "torch": "MKL, AVX512", "micrograd": ""},
    threads=1,
    settings={"OPENBLAS_CORETYPE": "Zen"},
)
ROW = peers.Row("w", "tt", "torch", 2.0, 1e-6, True, 5, 2, (1e-3,) * 9, (2.5e-3,) * 9)
MEMORY = [
    peers.MemoryRow("w", "tt", 1100, 40_000_000, 60_000_000, 4096),
    peers.MemoryRow("w", "torch", 1100, 200_000_000, 240_000_000, 0),
]


def test_a_row_has_ratio_interval_and_goal() -> None:
    missed = replace(ROW, goal=3.0)
    without = replace(ROW, peer="torch fused", goal=None)
    other = replace(ROW, workload="v")
    table = peers.peers_table([ROW, missed, without, other], HERE)
    ratio = "2.50 (2.50–2.50)"
    assert [tuple(line) for line in table.rows] == [
        ("w", "torch", "1 ms", "2.5 ms", ratio, "2 reached"),
        ("", "torch", "1 ms", "2.5 ms", ratio, "3 missed"),
        ("", "torch fused", "1 ms", "2.5 ms", ratio, ""),
        ("v", "torch", "1 ms", "2.5 ms", ratio, "2 reached"),
    ]


def test_ratios_have_three_digits() -> None:
    seconds = [9.991e-3, 9.996e-3, 99.9e-3, 0.9999]
    rows = [replace(ROW, peers_seconds=(s,) * 9) for s in seconds]
    shown = [line[4] for line in peers.peers_table(rows, HERE).rows]
    assert [text.split()[0] for text in shown] == ["9.99", "10.0", "99.9", "1000"]
    assert shown[1] == "10.0 (10.0–10.0)"


def test_few_pairs_have_no_interval() -> None:
    few = replace(ROW, ours_seconds=(1e-3,) * 3, peers_seconds=(2.5e-3,) * 3)
    assert peers.peers_table([few], HERE).rows[0][4] == "2.50 (3 pairs)"


def test_a_row_that_disagrees_says_so_and_misses_its_goal() -> None:
    row = peers.Row("w", "tt", "torch", 2.0, 0.5, agree=False)
    text = peers.peers_table([row], HERE).plain()
    assert "values differ by 5e-01" in text and "2 missed" in text


def test_the_note_says_what_the_times_depend_on() -> None:
    note = peers.peers_table([ROW], HERE).note
    assert "min(wall time, processor time of the process)" in note
    assert "garbage collector on" in note
    assert note.count("openblas 1 (Zen)") == 1  # NumPy's is the machine's, and shown once
    assert "torch 2 (MKL, AVX512)" in note
    assert "set in the environment: OPENBLAS_CORETYPE=Zen" in note
    free = str(replace(HERE, keeping=False))
    assert "taken out of the environment: OPENBLAS_CORETYPE=Zen" in free
    other = peers.peers_table([ROW], replace(HERE, threads=2, collecting=False)).note
    assert "is wall time, with the garbage collector off" in other


def test_memory_is_compared_with_the_peer() -> None:
    ours, theirs = peers.memory_table(MEMORY, "tt", "torch").rows
    assert tuple(ours) == ("w", "tt", "40 MB", "60 MB", "20 MB", "4.1 kB", "0.25 reached")
    assert tuple(theirs) == ("", "torch", "200 MB", "240 MB", "40 MB", "0 B", "")
    more = [replace(MEMORY[0], peak_bytes=300_000_000), MEMORY[1]]
    assert peers.memory_table(more, "tt", "torch").rows[0][-1] == "1.25 missed"
    growing = [replace(MEMORY[0], grown_bytes=2_000_000), MEMORY[1]]
    assert peers.memory_table(growing, "tt", "torch").rows[0][-1] == "0.25 missed"


def test_the_tables_fit_into_a_hundred_columns() -> None:
    longest = max((w.name for w in peers.WORKLOADS), key=len)
    row = replace(
        ROW,
        workload=longest,
        peer="torch fused",
        goal=1.25,
        ours_seconds=(0.0123,) * 9,
        peers_seconds=(0.656,) * 9,
    )
    memory = [replace(m, workload=longest, peak_bytes=12_300_000) for m in MEMORY]
    for table in (peers.peers_table([row], HERE), peers.memory_table(memory, "tt", "torch")):
        file = io.StringIO()
        table.print(Console(file=file, force_terminal=True, width=100, color_system=None))
        lines = file.getvalue().splitlines()
        (line,) = (text for text in lines if text.startswith(f"│ {longest}"))
        assert line.count("│") == len(table.columns) + 1  # nothing was folded to a second line
        assert "reached" in line or "missed" in line


def test_the_document_has_every_sample() -> None:
    wrong = peers.Row("w", "tt", "micrograd", 2.0, math.inf, agree=False)
    document = json.loads(peers.peers_json([ROW, wrong], MEMORY, HERE))
    assert (document["schema"], document["version"]) == ("tt-bench/peers", 2)
    assert document["kernels"]["torch"] == "MKL, AVX512"
    assert document["settings"] == {"OPENBLAS_CORETYPE": "Zen"}
    row, other = document["rows"]
    assert row["peers_seconds"] == [2.5e-3] * 9
    assert row["derived"]["pair_ratios"] == [2.5] * 9
    assert (row["derived"]["ratio"], row["derived"]["reached"]) == (2.5, True)
    assert (other["derived"], other["disagreement"]) == ({}, None)
    assert document["memory"][0]["derived"] == {"used_bytes": 20_000_000}

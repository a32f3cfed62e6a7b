"""The command: what it lists, what it leaves out, and a whole run against ourselves."""

import importlib.util
import io
import json
import subprocess
import sys
from typing import Any

import pytest
from rich.console import Console

from tt_bench import peers
from tt_bench.peers import command


def pretend(monkeypatch, **installed: bool) -> None:
    """As if these packages were installed, or were not."""
    real = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> Any:
        if name not in installed:
            return real(name, package)
        return real("json") if installed[name] else None

    monkeypatch.setattr(importlib.util, "find_spec", find)


def test_without_torch_it_says_what_to_install(monkeypatch) -> None:
    pretend(monkeypatch, torch=False)
    with pytest.raises(SystemExit) as stopped:
        peers.main([])
    assert "pip install torch" in str(stopped.value.code)


def test_other_peers_are_left_out_by_name(monkeypatch, capsys) -> None:
    missing = ("autograd", "micrograd", "tiktoken", "tokenizers")
    pretend(monkeypatch, torch=True, **dict.fromkeys(missing, False))
    left = command._installed(peers.PEERS)
    assert {peer.framework for peer in left} == {"torch"}
    lines = capsys.readouterr().out.splitlines()
    for line, name in zip(lines, missing, strict=True):
        assert f"pip install {name}" in line


def test_workloads_can_be_listed_and_must_exist(capsys) -> None:
    assert peers.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line, workload in zip(lines, peers.WORKLOADS, strict=True):
        assert line.startswith(workload.name)
    assert "against torch (goal 3), autograd" in lines[0]
    assert peers.main(["--only", "no such workload"]) == 2


def test_a_run_prints_tables_and_writes_json(monkeypatch, tmp_path, capsys) -> None:
    ourselves = peers.Contender("torch", "tt")  # in the place of PyTorch, which may be missing
    monkeypatch.setattr(command, "PEERS", (ourselves,))
    monkeypatch.setattr(command, "TORCH", ourselves)
    pretend(monkeypatch, tt=True)
    path = tmp_path / "peers.json"
    options = ["--quick", "--no-gc", "--json", str(path)]
    assert peers.main(["--only", "32 ELEMENTS", "MLP 784", *options]) == 0
    text = capsys.readouterr().out
    assert "(x*y+x).sum(), 32 elements ...\n" in text  # in no terminal, a line each
    assert "(3 pairs)" in text and "of 2 goals of speed reached" in text
    assert "garbage collector off" in text
    document = json.loads(path.read_text(encoding="utf-8"))
    assert [row["workload"] for row in document["rows"]] == [
        "(x*y+x).sum(), 32 elements",
        "MLP 784-128-10 B64, Adam",
    ]
    assert {row["disagreement"] for row in document["rows"]} == {0.0}
    assert [len(row["ours_seconds"]) for row in document["rows"]] == [3, 3]
    assert [row["framework"] for row in document["memory"]] == ["tt", "torch"]


def test_a_bar_says_what_is_measured() -> None:
    file = io.StringIO()
    with peers.Announcer(2, Console(file=file, force_terminal=True, width=80)) as announcer:
        announcer.begin("an [odd] name")
        announcer.tell("torch, sample 3", 0.5)
    assert "an [odd] name: torch, sample 3" in file.getvalue()


def test_the_package_is_where_it_is_said_to_be() -> None:
    code = "import tt_bench, sys; tt_bench.peers.peers_json; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

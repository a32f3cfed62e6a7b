"""Tables, Amdahl's law, JSON."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import tt_nn as nn
from tt_optimize import OpStats, Profile, Profiler, speedup
from tt_tensor import Op, apply, ones


def profile_of_a_step() -> Profile:
    model = nn.Sequential(nn.Linear(20, 30), nn.Sequential(nn.ReLU(), nn.Linear(30, 1)))
    with Profiler() as p:
        model(ones(10, 20)).sum().backward()
    return p.result


def test_the_table() -> None:
    with Profiler() as p:
        (ones(200, 200) @ ones(200, 200)).exp().sum()
    lines = p.result.table().splitlines()
    head = ["operation", "phase", "calls", "ms", "share", "MB", "MFLOP", "GFLOP/s"]
    assert lines[0].split() == head
    assert {line.split()[0] for line in lines[1:4]} == {"matmul", "exp", "sum"}
    (matmul,) = (line.split() for line in lines if line.startswith("matmul"))
    assert matmul[1:3] == ["forward", "1"] and matmul[5:7] == ["0.16", "16.00"]
    assert [line.rsplit("  ", 6)[0].strip() for line in lines[4:]] == [
        "outside operations", "the profiler itself", "wall time"
    ]  # fmt: skip
    assert lines[-1].endswith("100.0%")
    short = p.result.table(rows=1).splitlines()
    assert short[2].startswith("2 more") and len(short) == 6


def test_the_lines_are_the_wall_time() -> None:
    result = profile_of_a_step()
    column = [line[: line.index("%")].split()[-2] for line in result.table(99).splitlines()[1:]]
    *parts, whole = map(float, column)
    assert sum(parts) == pytest.approx(whole, abs=0.005 * len(parts) + 0.01)


def test_the_module_table() -> None:
    result = profile_of_a_step()
    lines = result.module_table().splitlines()
    assert [line.split("  ")[0] or line.split()[0] for line in lines[1:6]] == [
        "Sequential", "0", "1", "0", "1"
    ]  # fmt: skip
    assert lines[2].startswith("  0 (Linear)") and lines[4].startswith("    0 (ReLU)")
    assert lines[1].split()[1:3] == ["1", "661"]
    assert "(in no module)" in lines[6]
    own = sum(float(line.split()[-3]) for line in lines[1:7])
    inside = sum(m.self_seconds for m in result.modules.values())
    outside = sum(op.seconds for op in result.outside.values() if op.phase == "forward")
    assert own == pytest.approx(1e3 * (inside + outside + result.backward_seconds), abs=0.04)


def test_a_module_table_of_less_depth_still_adds_up() -> None:
    result = profile_of_a_step()
    deep, flat = (result.module_table(depth).splitlines() for depth in (None, 0))
    assert [line.split()[0] for line in flat[1:3]] == ["Sequential", "(in"]
    assert flat[-1] == "4 modules further inside are counted in those around them"
    total = sum(float(line.split()[-3]) for line in deep[1:6])
    assert float(flat[1].split()[-3]) == pytest.approx(total, abs=0.04)


def test_unknown_counts_are_not_zero() -> None:
    with Profiler() as p:
        apply(Op("test_unknown", lambda x: x + 1), ones(3))
    (line,) = (row for row in p.result.table().splitlines() if row.startswith("test_unknown"))
    assert line.split()[-2:] == ["?", "-"]


def test_an_empty_profile() -> None:
    assert "outside operations" in Profile().table()
    assert Profile().flops == 0 and Profile().uncounted == [] and Profile().sorted() == []
    assert "(in no module)" in Profile().module_table()
    assert Profile().amdahl_table().splitlines()[0].split() == [
        "operation", "share", "f", "2x", "as", "fast", "10x", "as", "fast", "limit"
    ]  # fmt: skip


# --- Amdahl ---------------------------------------------------------------------------------------


def half_linear() -> Profile:
    forward = OpStats("linear", "forward", seconds=0.2)
    backward = OpStats("linear", "backward", seconds=0.3)
    ops = {("linear", "forward"): forward, ("linear", "backward"): backward}
    return Profile(seconds=1.1, ops=ops, profiler_seconds=0.1)


def test_amdahl() -> None:
    profile = half_linear()
    assert profile.share("linear") == pytest.approx(0.5), "of the time without the profiler"
    assert profile.amdahl("linear", factor=2) == pytest.approx(4 / 3)
    assert profile.amdahl("linear", factor=float("inf")) == pytest.approx(2)
    assert profile.amdahl("linear", factor=3, phase="backward") == pytest.approx(1 / (0.7 + 0.1))
    assert profile.amdahl_table().splitlines()[1].split() == [
        "linear", "50.0%", "1.33x", "1.82x", "2.00x"
    ]  # fmt: skip
    assert "estimates by Amdahl's law" in profile.amdahl_table()


def test_amdahl_of_a_module() -> None:
    result = profile_of_a_step()
    stats = result.modules["Sequential.1"]
    share = (stats.seconds + stats.backward_seconds) / (result.seconds - result.profiler_seconds)
    assert result.amdahl("Sequential.1", 4) == pytest.approx(1 / (1 - share + share / 4))


def test_amdahl_needs_something_known() -> None:
    with pytest.raises(KeyError, match=r"no  operation or module 'conv2d'; there are: linear"):
        half_linear().amdahl("conv2d")


@pytest.mark.parametrize(("share", "factor"), [(-0.1, 2), (1.1, 2), (0.5, 0), (0.5, -1)])
def test_speedup_refuses_what_cannot_be(share: float, factor: float) -> None:
    with pytest.raises(ValueError, match="speedup: expected"):
        speedup(share, factor)


def test_speedup_at_the_ends() -> None:
    assert speedup(0, 1000) == 1 and speedup(1, 1000) == pytest.approx(1000)
    assert speedup(1, float("inf")) == float("inf") and speedup(0.5, 0.5) == pytest.approx(2 / 3)


# --- output ---------------------------------------------------------------------------------------


def printed(terminal: bool, width: int = 100) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width, color_system=None)
    profile_of_a_step().print(console=console)
    return file.getvalue().splitlines()


def test_print_draws_in_a_terminal_and_is_plain_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert any("──" in line for line in printed(terminal=True))
    assert not any("──" in line for line in printed(terminal=False))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not any("──" in line for line in printed(terminal=True))


def test_in_a_narrow_terminal_names_give_way_not_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = printed(terminal=True, width=66)
    assert max(map(len, lines)) <= 66
    (row,) = (line for line in lines if line.startswith("Sequential"))
    assert "…" not in row.split(maxsplit=1)[1]


def test_json(tmp_path: Path) -> None:
    model = nn.Linear(4, 4)
    with Profiler(memory=True) as p:
        model(ones(4, 4))
    p.result.to_json(tmp_path / "profile.json")
    data = json.loads((tmp_path / "profile.json").read_text(encoding="utf-8"))
    assert data["seconds"] == p.result.seconds and data["peak_bytes"] == p.result.peak_bytes
    (op,) = data["ops"]
    assert (op["name"], op["phase"], op["calls"]) == ("linear", "forward", 1)
    assert op["flops"] == 2 * 64 + 16
    (module,) = data["modules"]
    assert module["name"] == "Linear" and module["ops"] == [op]

"""Energy is read from the system's counters, or not at all."""

from pathlib import Path

import pytest

from tt_bench import measure_energy


def counter(folder: Path, name: str, energy: int, end: int = 999_999) -> Path:
    package = folder / name
    package.mkdir()
    (package / "energy_uj").write_text(f"{energy}\n")
    (package / "max_energy_range_uj").write_text(f"{end}\n")
    return package / "energy_uj"


def test_packages_add_up_and_counters_wrap_around(tmp_path) -> None:
    first = counter(tmp_path, "intel-rapl:0", 100)
    second = counter(tmp_path, "intel-rapl:1", 999_000)
    part = counter(tmp_path, "intel-rapl:0:0", 0)  # cores, which the package contains

    def work() -> None:
        first.write_text("5100")
        second.write_text("1000")  # 2000 further on
        part.write_text("77777")

    energy = measure_energy(work, at_least_seconds=0, powercap=tmp_path)
    assert energy.calls == 1
    assert energy.joules == pytest.approx(7000e-6)
    assert energy.watts == pytest.approx(energy.joules / energy.seconds)
    assert "J a call" in str(energy)


def test_without_counters_nothing_is_claimed(tmp_path) -> None:
    called = []
    energy = measure_energy(lambda: called.append(1), powercap=tmp_path)
    assert (energy.joules, energy.watts, called) == (None, None, [])
    assert str(energy).startswith("not measured: this system shows no RAPL")


def test_counters_that_may_not_be_read(tmp_path, monkeypatch) -> None:
    counter(tmp_path, "intel-rapl:0", 100)

    def refuse(self: Path, **options: object) -> str:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert "administrator" in str(measure_energy(lambda: None, powercap=tmp_path))


def test_counters_that_are_broken(tmp_path) -> None:
    counter(tmp_path, "intel-rapl:0", 100).write_text("?")
    assert "cannot be read" in str(measure_energy(lambda: None, powercap=tmp_path))


def test_what_the_function_raises_is_its_own(tmp_path) -> None:
    counter(tmp_path, "intel-rapl:0", 100)

    def refuse() -> None:
        raise PermissionError(13, "mine")

    with pytest.raises(PermissionError, match="mine"):
        measure_energy(refuse, powercap=tmp_path)

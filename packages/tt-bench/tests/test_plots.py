"""The Pareto front, and its picture where matplotlib is installed."""

import html
import sys

import pytest

from tt_bench import (
    Machine,
    Measured,
    OlympicResults,
    draw_latencies,
    draw_pareto,
    olympics_page,
    pareto_front,
    plot_pareto,
)


def one(entry: str, latency: float, correct: int) -> Measured:
    return Measured(entry, (), correct, 100, (latency,) * 7, 1000, 0)


ENTRIES = (one("base", 0.1, 90), one("fast", 0.01, 80), one("worse", 0.05, 70), one("tie", 0.1, 85))
RESULTS = OlympicResults(ENTRIES, (), Machine.here(), 10, 3, 1)


def test_the_front_has_those_that_none_beats() -> None:
    assert [m.entry for m in pareto_front(ENTRIES)] == ["fast", "base"]
    assert pareto_front([]) == []


def test_equals_are_there_once() -> None:
    assert len(pareto_front([one("a", 0.1, 90), one("b", 0.1, 90)])) == 1


def test_without_matplotlib_it_says_what_to_install(monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        plot_pareto(RESULTS, tmp_path / "front.svg")


def test_the_picture_names_every_entry(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    plot_pareto(RESULTS, tmp_path / "front.svg")
    text = (tmp_path / "front.svg").read_text(encoding="utf-8")
    assert all(f"{entry.entry}, 1 kB" in text for entry in ENTRIES)


def test_many_entries_are_drawn_and_the_best_are_named() -> None:
    pytest.importorskip("matplotlib")
    crowd = [one(f"e{i:02}", 0.2 + i / 100, 50) for i in range(20)]
    results = OlympicResults((*ENTRIES, *crowd), (), Machine.here(), 10, 3, 1)
    text = draw_pareto(results)
    assert "fast, 1 kB" in text and "base, 1 kB" in text and "e07" not in text
    assert draw_pareto(results) == text  # no dates, no random names


def test_latencies_are_drawn_for_every_entry() -> None:
    pytest.importorskip("matplotlib")
    text = draw_latencies(RESULTS)
    assert all(entry.entry in text for entry in ENTRIES)
    assert text.count("<use ") >= 7 * len(ENTRIES)


def test_names_are_no_formulas_and_no_code() -> None:
    pytest.importorskip("matplotlib")
    names = ["$5 and $x^", "a onload=1 javascript:", 'say "#1" url(#2)', "<script>"]
    crowd = [one(name, 0.1 + i, 90) for i, name in enumerate(names)]
    results = OlympicResults((*ENTRIES, *crowd), (), Machine.here(), 10, 3, 1)
    page = olympics_page(results).html()
    assert "<script" not in page
    assert all(f"{html.escape(name, quote=False)}, 1 kB" in page for name in names)

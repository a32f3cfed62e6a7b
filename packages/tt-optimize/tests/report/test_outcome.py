"""A figure is judged by its goal, unless it is missing or was measured in haste."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tt_optimize.report import Goal, Outcome, Setting
from tt_optimize.report.outcome import missing


@pytest.mark.parametrize(
    ("goal", "figure", "verdict"),
    [
        (Goal(10, aim=15), 9.99, "MISSED"),
        (Goal(10, aim=15), 10.0, "reached"),
        (Goal(10, aim=15), 15.0, "reached, and the aim"),
        (Goal(10), 1e9, "reached"),
        (Goal(0.27, aim=0.26, kind="at most"), 0.271, "MISSED"),
        (Goal(0.27, aim=0.26, kind="at most"), 0.27, "reached"),
        (Goal(0.27, aim=0.26, kind="at most"), 0.26, "reached, and the aim"),
        (Goal(0, aim=1, kind="above"), 0.0, "MISSED"),
        (Goal(0, aim=1, kind="above"), 0.01, "reached"),
        (Goal(0, aim=1, kind="above"), 1.0, "reached, and the aim"),
        (Goal(10), math.nan, "MISSED"),
        (Goal(10, kind="at most"), math.nan, "MISSED"),
        (Goal(0, kind="above"), math.nan, "MISSED"),
    ],
)
def test_the_verdict(goal: Goal, figure: float, verdict: str) -> None:
    assert goal.verdict(figure) == verdict
    outcome = Outcome("speed", figure, "x", "somewhere", goal)
    assert outcome.verdict == verdict and outcome.missed == (verdict == "MISSED")


def test_what_is_missing_quick_or_without_a_goal_misses_nothing() -> None:
    bad = Outcome("speed", 0.1, "x", "somewhere", Goal(10))
    assert bad.missed
    quick = replace(bad, quick=True)
    assert quick.verdict == "quick, claims nothing" and not quick.missed
    free = replace(bad, goal=None)
    assert free.verdict == "no goal" and not free.missed
    absent = replace(bad, figure=None, missing="PyTorch is not installed")
    assert absent.verdict == "not measured: PyTorch is not installed" and not absent.missed


def test_a_missing_package_is_named_with_how_to_get_it() -> None:
    outcome = missing("speed", "x", Goal(2), "torch", Setting(Path()))
    assert outcome.verdict == "not measured: PyTorch is not installed"
    assert outcome.on == "pip install torch"
    ours = missing("speed", "x", None, "tt-data", Setting(Path()))
    assert ours.missing == "tt-data is not installed" and "./packages/tt-data" in ours.on


@pytest.mark.parametrize(
    ("facts", "cells"),
    [
        (
            {"figure": 1.5, "unit": "x", "goal": Goal(1, aim=2), "low": 1.25, "high": 1.75},
            ["a", "b", "reached", "≥ 1", "2", "1.5×", "1.25 to 1.75"],
        ),
        (
            {"figure": -0.5, "unit": "points", "goal": Goal(0, kind="above")},
            ["a", "b", "MISSED", "> 0", "", "-0.50 pt", ""],
        ),
        ({"figure": 0.25, "unit": "share"}, ["a", "b", "no goal", "", "", "0.250", ""]),
        (
            {"figure": None, "unit": "share", "missing": "why", "goal": Goal(1, kind="at most")},
            ["a", "b", "not measured: why", "≤ 1", "", "–", ""],
        ),
    ],
)
def test_it_is_shown_in_a_row(facts: dict[str, Any], cells: list[str]) -> None:
    assert Outcome(what="a", on="b", **facts).cells() == cells


def test_json_and_back() -> None:
    outcome = Outcome("a", 1.5, "x", "b", Goal(1, aim=2), 1.0, 2.0)
    facts = json.loads(json.dumps(outcome.to_dict()))
    assert facts["verdict"] == "reached"
    assert Outcome.from_dict(facts) == outcome
    bare = Outcome("a", None, "share", "b", missing="why")
    assert Outcome.from_dict(json.loads(json.dumps(bare.to_dict()))) == bare

"""A line of the report: a figure, what it was to reach, and whether it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Goal", "Outcome", "Row", "Setting", "missing"]

Unit = Literal["x", "points", "share"]


@dataclass(frozen=True)
class Goal:
    """What a figure must reach, and what it aims at.

    Attributes:
        bound: the least that counts; the most, where less is better.
        aim: what would be good.
        kind: whether the figure must be at least, at most or above the bound.

    >>> Goal(1.5, aim=2.0).verdict(1.7)
    'reached'
    >>> Goal(0.27, aim=0.26, kind="at most").verdict(0.255)
    'reached, and the aim'
    >>> Goal(0.0, kind="above").verdict(0.0)
    'MISSED'
    """

    bound: float
    aim: float | None = None
    kind: Literal["at least", "at most", "above"] = "at least"

    def verdict(self, figure: float) -> str:
        """'reached', 'reached, and the aim' or 'MISSED'; nan misses everything."""
        if self.kind == "at most":
            reached, good = figure <= self.bound, self.aim is not None and figure <= self.aim
        else:
            reached = figure > self.bound if self.kind == "above" else figure >= self.bound
            good = self.aim is not None and figure >= self.aim
        if not reached:
            return "MISSED"
        return "reached, and the aim" if good else "reached"

    def __str__(self) -> str:
        """Such as '≥ 10'."""
        return f"{ {'at least': '≥', 'at most': '≤', 'above': '>'}[self.kind] } {self.bound:g}"


@dataclass(frozen=True)
class Outcome:
    """One figure.

    Attributes:
        what: the figure in words.
        figure: None where it could not be measured.
        unit: "x" for a ratio, "points" of a hundred, "share" of 1.
        goal: None where there is none.
        on: what was measured on what.
        low, high: the quartiles of the samples behind it, or of several trainings the extremes.
        missing: why it could not be measured.
        quick: it was measured in haste, and claims nothing.
    """

    what: str
    figure: float | None
    unit: Unit
    on: str
    goal: Goal | None = None
    low: float | None = None
    high: float | None = None
    missing: str = ""
    quick: bool = False

    @property
    def verdict(self) -> str:
        """Whether the goal was reached, or why nobody can say."""
        if self.figure is None:
            return f"not measured: {self.missing}"
        if self.quick:
            return "quick, claims nothing"
        return "no goal" if self.goal is None else self.goal.verdict(self.figure)

    @property
    def missed(self) -> bool:
        """It was measured in earnest, and falls short."""
        return self.verdict == "MISSED"

    def cells(self) -> list[str]:
        """As a row of the table, texts first: what, on, verdict, goal, aim, figure, spread."""
        goal = "" if self.goal is None else str(self.goal)
        aim = "" if self.goal is None or self.goal.aim is None else f"{self.goal.aim:g}"
        shown = "–" if self.figure is None else self._shown(self.figure)
        known = self.low is not None and self.high is not None
        spread = f"{self.low:.3g} to {self.high:.3g}" if known else ""
        return [self.what, self.on, self.verdict, goal, aim, shown, spread]

    def to_dict(self) -> dict[str, Any]:
        """All of it, and the verdict, for JSON."""
        return {**asdict(self), "verdict": self.verdict}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Outcome:
        """What ``to_dict`` wrote."""
        goal = None if facts["goal"] is None else Goal(**facts["goal"])
        rest = {name: value for name, value in facts.items() if name not in ("goal", "verdict")}
        return cls(**rest, goal=goal)

    def _shown(self, value: float) -> str:
        if self.unit == "points":
            return f"{value:+.2f} pt"
        return f"{value:.3g}×" if self.unit == "x" else f"{value:.3f}"


@dataclass(frozen=True)
class Setting:
    """How to measure.

    Attributes:
        folder: where trained models are kept.
        seed: of all that is random.
        quick: as little as possible, to see that everything runs.
        tell: is told what is being done.
    """

    folder: Path
    seed: int = 0
    quick: bool = False
    tell: Callable[[str], object] = print

    def samples(self, full: int) -> int:
        """How many samples to take of each contender."""
        return 3 if self.quick else full


@dataclass(frozen=True)
class Row:
    """What is measured together.

    Attributes:
        name: for ``--only``.
        run: measures; the outcomes in the order of the table.
        one_thread: as all that is timed does, and the training of small models, where two threads
            mostly wait for each other; else as many as NumPy likes.
    """

    name: str
    run: Callable[[Setting], list[Outcome]]
    one_thread: bool = True


# The index's own names are free for strangers to take, so our layers are named as paths.
PACKAGES = {
    "torch": ("PyTorch", "pip install torch"),
    "numba": ("numba", "pip install numba"),
    "tt-data": ("tt-data", "pip install ./packages/tt-tensor ./packages/tt-data"),
}


def missing(what: str, unit: Unit, goal: Goal | None, package: str, setting: Setting) -> Outcome:
    """The outcome of a figure that needs a package which is not there, with how to get it."""
    name, how = PACKAGES[package]
    why = f"{name} is not installed"
    return Outcome(what, None, unit, how, goal, missing=why, quick=setting.quick)

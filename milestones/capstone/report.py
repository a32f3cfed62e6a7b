"""The capstone's report: everything that was measured, for people (Markdown, and HTML by page.py)
and programs (JSON)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dashboard import Dashboard, curve
from page import build_page
from story import Claim
from techniques import Profiled

from tt_bench import OlympicResults, Table

__all__ = ["Findings", "Learned", "write_report"]

SCHEMA, VERSION = "tinytorch/capstone", 2
KINDS = (
    "seen were in the training text. unseen-wording asks a known fact in words it was never "
    "asked in, unseen-template in a manner of asking never met, unseen-sum for a sum never "
    "met, and unseen-instance for a case of reasoning or a dialogue that was not there."
)


@dataclass(frozen=True)
class Learned:
    """How one model learned; what an earlier run trained has no losses. Times are in seconds."""

    parameters: int
    losses: list[float]
    rates: list[float]
    answers: dict[str, str]
    seconds: float
    tokens_per_second: float

    @classmethod
    def from_dashboard(cls, parameters: int, board: Dashboard) -> Learned:
        """What the dashboard has seen."""
        answers = dict(zip(board.questions, board.answers, strict=True))
        speed = board.tokens_per_second
        return cls(parameters, board.losses, board.rates, answers, board.seconds, speed)

    def line(self, name: str) -> str:
        """In a sentence."""
        if not self.losses:
            return f"{name.capitalize()}: {self.parameters:,} parameters, from an earlier run."
        last = self.losses[-50:]
        return (
            f"{name.capitalize()}: {self.parameters:,} parameters, {len(self.losses)} steps in "
            f"{self.seconds:.0f} s, {self.tokens_per_second:,.0f} tokens/s. The loss fell from "
            f"{self.losses[0]:.3f} to {sum(last) / len(last):.3f}."
        )


@dataclass(frozen=True)
class Findings:
    """What one run of the capstone found out.

    Attributes:
        learned: of each model that was trained, the teacher first.
        exam: of the teacher; for each kind of question how many were right, and of how many.
        backend: what the games' fast entries ran on.
    """

    seed: int
    quick: bool
    backend: str
    learned: Mapping[str, Learned]
    exam: Mapping[str, tuple[int, int]]
    profiled: Profiled
    weights: Table
    olympics: OlympicResults
    bought: Table
    claims: tuple[Claim, ...]
    total_seconds: float

    def lead(self) -> str:
        """The report's first paragraph."""
        quick = " This was a quick run: the model has hardly learned." if self.quick else ""
        return (
            f"Seed {self.seed}; {self.total_seconds:.0f} s in all; fast entries by {self.backend}."
            f"{quick} All figures were measured in this run."
        )

    def exam_table(self) -> Table:
        """The exam, for people."""
        rows = tuple(
            (kind, f"{right / asked:.1%}", f"{right} of {asked}")
            for kind, (right, asked) in self.exam.items()
        )
        note = f"An answer is right only if every character is. {KINDS}"
        return Table("The exam", ("questions", "right", "exactly"), rows, note)

    def answers_table(self) -> Table:
        """What was asked again and again, and what each model answers now."""
        asked = dict.fromkeys(q for one in self.learned.values() for q in one.answers)
        rows = tuple(
            (question, *(one.answers.get(question, "") for one in self.learned.values()))
            for question in asked
        )
        return Table("Asked again and again", ("question", *self.learned), rows)

    def to_json(self) -> str:
        """Everything, every loss and every latency included."""
        found = self.profiled
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "version": VERSION,
            "seed": self.seed,
            "quick": self.quick,
            "backend": self.backend,
            "training": {name: asdict(one) for name, one in self.learned.items()},
            "exam": {kind: {"right": r, "asked": n} for kind, (r, n) in self.exam.items()},
            "profile": {
                "seconds": found.profile.seconds,
                "peak_bytes": found.profile.peak_bytes,
                "ops": [asdict(op) for op in found.profile.sorted()],
                "ceilings": asdict(found.roofline.ceilings),
            },
            "weights": _rows(self.weights),
            "olympics": json.loads(self.olympics.to_json()),
            "bought": _rows(self.bought),
            "claims": [{**asdict(claim), "holds": claim.holds} for claim in self.claims],
            "total_seconds": self.total_seconds,
        }
        return json.dumps(_finite(document), indent=1, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """For people, without drawings."""
        parts = ["# TinyGPT and the TorchPerf Olympics", self.lead()]
        parts += [" ".join(str(claim).split()) for claim in self.claims]
        parts.append("## Training")
        for name, one in self.learned.items():
            parts.append(one.line(name))
            if one.losses:
                picture = "\n".join(curve(one.losses, 72, 8))
                parts.append(f"```text\n{picture}\n```")
        parts += [self.answers_table().markdown(), self.exam_table().markdown()]
        parts += [
            "## Where a training step spends its time",
            f"```text\n{self.profiled.text()}\n```",
        ]
        parts += ["## What the techniques buy", self.weights.markdown(), self.bought.markdown()]
        asked = f"{self.olympics.queries} held-out questions of the kind `unseen-wording`."
        parts += ["## The Olympics", asked, self.olympics.to_markdown()]
        return "\n\n".join(parts)


def write_report(folder: Path, findings: Findings) -> None:
    """Write report.json, report.md and report.html."""
    (folder / "report.json").write_text(findings.to_json(), encoding="utf-8")
    (folder / "report.md").write_text(findings.to_markdown(), encoding="utf-8")
    build_page(findings, folder).write(folder / "report.html")


def _rows(table: Table) -> list[dict[str, str]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def _finite(value: Any) -> Any:
    """JSON has no infinity: a bound that is none is null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if value in (float("inf"), float("-inf")) or value != value else value

"""The capstone's report: everything that was measured, for people (Markdown) and programs
(JSON)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from dashboard import curve

from tt_bench import OlympicResults

__all__ = ["Findings", "write_report"]

SCHEMA, VERSION = "tinytorch/capstone", 1


@dataclass(frozen=True)
class Findings:
    """What one run of the capstone found out. Times are in seconds."""

    seed: int
    quick: bool
    parameters: int
    bytes: int
    losses: list[float]
    training_seconds: float
    tokens_per_second: float
    exam: dict[str, tuple[int, int]]  # kind of question: right, asked
    answers: dict[str, str]
    profile: str
    olympics: OlympicResults
    olympic_questions: int
    total_seconds: float


def write_report(folder: Path, findings: Findings) -> None:
    """Write report.json and report.md."""
    (folder / "report.json").write_text(_json(findings), encoding="utf-8")
    (folder / "report.md").write_text(_markdown(findings), encoding="utf-8")


def _json(f: Findings) -> str:
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "seed": f.seed,
        "quick": f.quick,
        "parameters": f.parameters,
        "bytes": f.bytes,
        "training": {
            "losses": f.losses,
            "seconds": f.training_seconds,
            "tokens_per_second": f.tokens_per_second,
        },
        "exam": {kind: {"right": r, "asked": n} for kind, (r, n) in f.exam.items()},
        "answers": f.answers,
        "olympics": json.loads(f.olympics.to_json()),
        "total_seconds": f.total_seconds,
    }
    return json.dumps(document, indent=1) + "\n"


def _markdown(f: Findings) -> str:
    exam = "\n".join(f"| {kind} | {r / n:.1%} | {r} of {n} |" for kind, (r, n) in f.exam.items())
    talk = "\n".join(f"| {question} | {answer} |" for question, answer in f.answers.items())
    picture = "\n".join(curve(f.losses, 72, 8))
    quick = " This was a quick run: the model has hardly learned." if f.quick else ""
    return f"""# TinyGPT and the TorchPerf Olympics

Seed {f.seed}; {f.total_seconds:.0f} s in all.{quick} All figures were measured in this run.

## Training

{f.parameters:,} parameters ({f.bytes / 1e6:.2f} MB), {len(f.losses)} steps in
{f.training_seconds:.0f} s, {f.tokens_per_second:,.0f} tokens/s. The loss fell from
{f.losses[0]:.3f} to {sum(f.losses[-50:]) / len(f.losses[-50:]):.3f}:

```text
{picture}
```

| question | answer |
|---|---|
{talk}

## The exam

An answer is right only if every character is.

| questions | right | |
|---|---|---|
{exam}

`seen` were in the training text. `unseen-wording` asks a known fact in words it was never asked in,
`unseen-template` in a manner of asking never met, `unseen-sum` for a sum never met, and
`unseen-instance` for a case of reasoning or a dialogue that was not there.

## Where a training step spends its time

```text
{f.profile}
```

## The Olympics

{f.olympic_questions} held-out questions of the kind `unseen-wording`.

{f.olympics.to_markdown()}"""

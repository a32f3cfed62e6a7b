"""What int8 weights cost in accuracy: nothing is trained after quantizing."""

from __future__ import annotations

from ...quantize import quantize
from ..gpts import installed
from ..models import digits_cnn, talker
from ..outcome import Goal, Outcome, Setting, missing

__all__ = ["run"]

DIGITS = "int8 − float accuracy, digits CNN"
TALKS = "int8 − float exact answers, GPT on TinyTalks"
GOALS = {DIGITS: Goal(-0.5, aim=0), TALKS: Goal(-1, aim=0)}


def run(setting: Setting) -> list[Outcome]:
    """The digits CNN on digits, the GPT on TinyTalks on questions, that they have not seen."""
    if not installed("tt_data"):
        return [missing(what, "points", goal, "tt-data", setting) for what, goal in GOALS.items()]
    digits = digits_cnn(setting)
    first = digits.accuracy(digits.model), digits.accuracy(quantize(digits.model))
    talks = talker(setting)
    setting.tell(f"asking {len(talks.questions)} questions twice")
    second = talks.exact(talks.model), talks.exact(quantize(talks.model))
    return [
        Outcome(
            what,
            small - full,
            "points",
            f"{small:.2f} / {full:.2f} % of {count:,} {things}",
            GOALS[what],
            quick=setting.quick,
        )
        for what, (full, small), count, things in (
            (DIGITS, first, len(digits.labels), "held-out digits"),
            (TALKS, second, len(talks.questions), "questions of the test dialogues"),
        )
    ]

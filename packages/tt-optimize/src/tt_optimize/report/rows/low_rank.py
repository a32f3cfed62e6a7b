"""Thin layers in the place of wide ones: parameters and accuracy."""

from __future__ import annotations

from typing import Any

from ...ablation import count_parameters
from ...low_rank import low_rank
from ...pipeline import finetune
from ..gpts import installed
from ..models import digits_cnn, train_on_digits
from ..outcome import Goal, Outcome, Setting, missing

__all__ = ["run"]

SIZE = "low rank: parameters, digits CNN"
ACCURACY = "low rank, fine-tuned: accuracy, digits CNN"
GOALS = {SIZE: Goal(0.60, kind="at most"), ACCURACY: Goal(-1.0)}
# Of the squares of each layer's singular values. With 0.6 to 0.8 the loss after fine-tuning lies
# between 0.3 and 1.9 points, by level and seed; this level lost 0.6 and 0.8.
ENERGY = 0.7


def run(setting: Setting) -> list[Outcome]:
    """The share of the parameters that is left, and the accuracy on held-out digits."""
    if not installed("tt_data"):
        units = {SIZE: "share", ACCURACY: "points"}
        return [missing(what, units[what], GOALS[what], "tt-data", setting) for what in GOALS]  # type: ignore[arg-type]
    digits = digits_cnn(setting)
    epochs = 1 if setting.quick else 10

    def train(model: Any) -> None:
        setting.tell("training the CNN of low rank on")
        train_on_digits(model, epochs, setting, peak=0.05)

    thin = low_rank(digits.model, energy=ENERGY)
    tuned = finetune(thin, train)
    ours, theirs = count_parameters(tuned), count_parameters(digits.model)
    before, cut, after = (digits.accuracy(m) for m in (digits.model, thin, tuned))
    return [
        Outcome(
            SIZE, ours / theirs, "share", f"{ours:,} / {theirs:,}", GOALS[SIZE], quick=setting.quick
        ),
        Outcome(
            ACCURACY,
            after - before,
            "points",
            f"{after:.2f} / {before:.2f} % of {len(digits.labels)} held-out digits ({cut:.2f} % "
            f"before {epochs} epochs of fine-tuning)",
            GOALS[ACCURACY],
            quick=setting.quick,
        ),
    ]

"""Half of the channels of a CNN removed, then trained on: how much faster, and how much worse."""

from __future__ import annotations

from typing import Any

from tt_autograd import no_grad

from ...ablation import count_parameters
from ...pipeline import Pipeline, finetune
from ...prune import prune
from ..gpts import installed
from ..models import digits_cnn, train_on_digits
from ..outcome import Goal, Outcome, Setting, missing
from ..timing import by_turns, repeated

__all__ = ["run"]

SPEED = "half of the channels pruned, fine-tuned: speed, digits CNN"
ACCURACY = "half of the channels pruned, fine-tuned: accuracy, digits CNN"
GOALS = {SPEED: Goal(1.5, aim=2.0), ACCURACY: Goal(-1.0)}
BATCH = 64


def run(setting: Setting) -> list[Outcome]:
    """The speed of a batch of 64, and the accuracy on held-out digits, against the whole CNN."""
    if not installed("tt_data"):
        units = {SPEED: "x", ACCURACY: "points"}
        return [missing(what, units[what], GOALS[what], "tt-data", setting) for what in GOALS]  # type: ignore[arg-type]
    digits = digits_cnn(setting)
    epochs = 1 if setting.quick else 10

    def train(model: Any) -> None:
        setting.tell("training the pruned CNN on")
        train_on_digits(model, epochs, setting, peak=0.2)

    pruned = prune(digits.model, amount=0.5, method="structured", importance="batch_norm")
    small = Pipeline([finetune(train=train)])(pruned)
    images = digits.images[:BATCH]
    models = {"whole": digits.model, "pruned": small}

    def forward(model: Any) -> Any:
        def call() -> None:
            with no_grad():
                model(images)

        return repeated(call, 20)

    times = by_turns({name: forward(m) for name, m in models.items()}, setting.samples(15))
    ratio, low, high = times.ratio("whole", "pruned")
    before, cut, after = (digits.accuracy(m) for m in (digits.model, pruned, small))
    shown = {name: f"{1e3 * times.median(name):.3g} ms" for name in models}
    sizes = f"{count_parameters(small):,} / {count_parameters(digits.model):,} parameters"
    return [
        Outcome(
            SPEED,
            ratio,
            "x",
            f"{shown['whole']} / {shown['pruned']} for a batch of {BATCH}; {sizes}",
            GOALS[SPEED],
            low,
            high,
            quick=setting.quick,
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

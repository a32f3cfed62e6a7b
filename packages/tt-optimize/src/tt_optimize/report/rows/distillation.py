"""A student with a quarter of the parameters: taught, and trained alone on the very same inputs.

Few labels are where a teacher helps most (Hinton et al. 2015, §6, train on 3 % of the data): the
students see 100 of the 1,437 digits, for 80 epochs, each moved by up to a pixel. Both begin with
the same weights and see the same batches in the same order; only the loss differs. The teacher was
trained without label smoothing, which would have made it forget how the wrong classes resemble each
other (Müller, Kornblith and Hinton 2019).
"""

from __future__ import annotations

from typing import Any

from tt_models import CNN
from tt_nn.optim import SGD
from tt_nn.optim.lr_scheduler import OneCycleLR
from tt_tensor import manual_seed, randperm

from ...ablation import count_parameters
from ...distill import distill
from ..gpts import installed
from ..models import Digits, digits_cnn
from ..outcome import Goal, Outcome, Setting, missing

__all__ = ["run"]

MEAN = "distilled − alone, a quarter of the parameters, digits CNN: mean of 3 seeds"
WORST = "distilled − alone, the same: the worst of the 3 seeds"
GOALS = {MEAN: Goal(0.0, aim=1.0, kind="above"), WORST: Goal(0.0, kind="above")}
WIDTHS = (8, 16, 31)
LABELS, EPOCHS, BATCH, LR = 100, 80, 20, 0.05
TEMPERATURE, ALPHA = 5.0, 0.7


def run(setting: Setting) -> list[Outcome]:
    """The accuracy on held-out digits, for three seeds."""
    if not installed("tt_data"):
        return [missing(what, "points", goal, "tt-data", setting) for what, goal in GOALS.items()]
    digits = digits_cnn(setting, smoothing=0.0)
    setting.tell("training 3 students alone and 3 with the teacher")
    pairs = [_pair(digits, seed, setting) for seed in range(setting.seed, setting.seed + 3)]
    gains = [taught - alone for alone, taught in pairs]
    size = count_parameters(CNN(1, widths=WIDTHS)) / count_parameters(digits.model)
    on = ", ".join(f"{taught:.1f} / {alone:.1f}" for alone, taught in pairs)
    on = f"{on} % of {len(digits.labels)} held-out digits (teacher "
    on += f"{digits.accuracy(digits.model):.1f}); {size:.1%} of the parameters, {LABELS} labels"
    mean = sum(gains) / len(gains)
    low, high = min(gains), max(gains)
    return [
        Outcome(MEAN, mean, "points", on, GOALS[MEAN], low, high, quick=setting.quick),
        Outcome(WORST, low, "points", "as above", GOALS[WORST], quick=setting.quick),
    ]


def _pair(digits: Digits, seed: int, setting: Setting) -> tuple[float, float]:
    """Accuracies of the student trained alone, and of the one that was taught."""
    from tt_data import DataLoader, Subset, datasets
    from tt_data.transforms import RandomCrop

    manual_seed(seed)
    student = CNN(in_channels=1, widths=WIDTHS)
    moved = datasets.digits(train=True, transform=RandomCrop(8, padding=1))
    batches = DataLoader(Subset(moved, randperm(len(moved))[:LABELS].tolist()), BATCH, shuffle=True)
    epochs = 2 if setting.quick else EPOCHS
    options: dict[str, Any] = {
        "epochs": epochs,
        "optimizer": lambda parameters: SGD(
            parameters, lr=LR, momentum=0.9, nesterov=True, weight_decay=5e-4
        ),
        "scheduler": lambda optimizer: OneCycleLR(optimizer, LR, epochs * len(batches)),
        "seed": seed,
        "progress": False,
    }
    alone = distill(student, digits.model, batches, alpha=0.0, **options)
    taught = distill(
        student, digits.model, batches, alpha=ALPHA, temperature=TEMPERATURE, **options
    )
    return digits.accuracy(alone), digits.accuracy(taught)

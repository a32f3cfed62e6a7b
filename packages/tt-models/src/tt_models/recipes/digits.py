"""How a network learns to tell classes of images apart, in few epochs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tt_nn import CrossEntropyLoss, Module
from tt_nn.optim import SGD
from tt_nn.optim.lr_scheduler import OneCycleLR
from tt_nn.training import Callback, History, Trainer

__all__ = ["train_classifier"]


def train_classifier(
    model: Module,
    batches: Any,
    epochs: int,
    *,
    peak: float = 0.2,
    weight_decay: float = 5e-4,
    label_smoothing: float = 0.1,
    callbacks: Iterable[Callback] = (),
    progress: bool | None = None,
) -> History:
    """Train by gradients with Nesterov's momentum, along one cycle of the learning rate.

    It rises to its peak in the first fifth of the training and then falls to nearly nothing. Labels
    are smoothed: the model is to be sure to about 90 %, and never surer.

    ``CNN(in_channels=1, widths=(16, 32, 64))``, trained so for 20 epochs on the bundled digits in
    batches of 64, each moved by up to a pixel whenever it is shown, reads 98.6 to 99.4 % of the
    360 others.

    Args:
        model: scores for each class, from images (B, C, H, W).
        batches: (images, labels) of an epoch each time it is iterated over, and has a length: a
            list or a DataLoader.
        peak: the largest learning rate.
        label_smoothing: 0 for a teacher: one trained with smoothed labels forgets how the wrong
            classes resemble each other (Müller, Kornblith and Hinton 2019).
        callbacks: are told how training goes.
        progress: as for Trainer.

    Returns:
        The record of the training. The model is left in training mode.

    Source: L. N. Smith and N. Topin 2018, "Super-convergence", for the learning rate.

    >>> from tt_models import MLP
    >>> from tt_tensor import cat, manual_seed, randn, zeros
    >>> _ = manual_seed(0)
    >>> images = cat([randn(32, 4) - 2, randn(32, 4) + 2])
    >>> labels = cat([zeros(32), zeros(32) + 1]).long()
    >>> history = train_classifier(MLP([4, 8, 2]), [(images, labels)], epochs=20, progress=False)
    >>> history["loss"][0] > 0.5 > history["loss"][-1]
    True
    """
    optimizer = SGD(
        model.parameters(), lr=peak, momentum=0.9, nesterov=True, weight_decay=weight_decay
    )
    steps = max(1, epochs * len(batches))
    trainer = Trainer(
        model,
        optimizer,
        CrossEntropyLoss(label_smoothing=label_smoothing),
        scheduler=OneCycleLR(optimizer, peak, steps, pct_start=0.2, cycle_momentum=False),
        scheduler_interval="step",
        callbacks=callbacks,
        progress=progress,
    )
    return trainer.fit(batches, epochs)

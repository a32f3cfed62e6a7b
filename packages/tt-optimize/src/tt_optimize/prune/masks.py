"""Training a pruned model without its zeros growing back, and pruning while it trains.

The zeros are the mask: whatever is exactly 0 when training begins is set to 0 again after each step
of the optimizer, whose momentum would move it. There is nothing to store beside the weights, so a
pruned model is copied, saved and loaded like any other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_nn import Module
from tt_nn.training import Callback, Trainer

from .checks import check_amount
from .magnitude import SCOPES, prunable, set_smallest_to_zero, write_zeros

__all__ = ["GradualPruning", "KeepPruned", "cubic_sparsity"]

Array = np.ndarray[Any, np.dtype[Any]]


class KeepPruned(Callback):
    """Keeps the zeros of a pruned model while it is trained further.

    Give it to a Trainer, ``callbacks=[KeepPruned()]``; or, in a loop of your own, make it of the
    model and call ``apply()`` after each ``optimizer.step()``.

    >>> from tt_nn import Linear, optim
    >>> from tt_optimize.prune import prune, sparsity
    >>> from tt_tensor import ones
    >>> model = prune(Linear(8, 4), amount=0.75)
    >>> optimizer, keep = optim.SGD(model.parameters(), lr=0.1), KeepPruned(model)
    >>> model(ones(1, 8)).sum().backward()
    >>> optimizer.step()
    >>> sparsity(model)
    0.0
    >>> keep.apply()
    >>> sparsity(model)
    0.75
    """

    def __init__(self, model: Module | None = None) -> None:
        self.zeros: list[tuple[Any, Array]] = []  # (weight, True where it is to stay 0)
        if model is not None:
            self.remember(model)

    def remember(self, model: Module) -> None:
        """From now on, keep the zeros that the model has now."""
        self.zeros = [(weight, weight.array == 0) for weight in prunable(model).values()]

    def apply(self) -> None:
        """Set the remembered numbers to 0 again, in place."""
        for weight, where in self.zeros:
            write_zeros(weight, where)

    def on_train_begin(self, trainer: Trainer) -> None:
        """Remember the model's zeros; those of the checkpoint when training is resumed."""
        self.remember(trainer.model)

    def on_batch_end(self, trainer: Trainer) -> None:
        """The optimizer has moved the weights."""
        self.apply()


def cubic_sparsity(
    step: int, final: float, end: int, begin: int = 0, initial: float = 0.0
) -> float:
    """How sparse to be after ``step`` steps: s = s_f + (s_i - s_f)(1 - t)³, t from 0 to 1.

    Fast at first, when there is much to spare, and slow at the end, when each weight counts.

    Args:
        final: the sparsity from step ``end`` on.
        initial: the sparsity at step ``begin``; before it there is none.

    Source: Zhu and Gupta 2017, equation 1.

    >>> [round(cubic_sparsity(step, final=0.8, end=100), 3) for step in (0, 25, 50, 100)]
    [0.0, 0.463, 0.7, 0.8]
    """
    if not 0 <= begin < end:
        raise ValueError(f"cubic_sparsity: expected 0 <= begin < end, got {begin} and {end}")
    if step < begin:
        return 0.0
    left = 1 - min((step - begin) / (end - begin), 1.0)
    return final + (initial - final) * left**3


class GradualPruning(KeepPruned):
    """Prunes by magnitude while a Trainer trains, along ``cubic_sparsity``.

    The model gets time to do without each weight before the next ones go. What was set to 0 stays
    0: it is the smallest when the next are chosen.

    Args:
        amount: the sparsity to reach.
        end: the step at which it is reached; training should go on for a while after it.
        begin: the step at which pruning begins.
        every: how many steps lie between two prunings.
        scope: "layer" or "global", as for ``prune``.

    >>> from tt_nn import Linear, MSELoss, optim
    >>> from tt_nn.training import Trainer
    >>> from tt_optimize import sparsity
    >>> from tt_tensor import randn
    >>> model = Linear(10, 10)
    >>> batches = [(randn(4, 10), randn(4, 10)) for _ in range(5)]
    >>> optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    >>> gradual = GradualPruning(amount=0.8, end=8, every=2)
    >>> trainer = Trainer(model, optimizer, MSELoss(), callbacks=[gradual], progress=False)
    >>> history = trainer.fit(batches, epochs=2)
    >>> sparsity(model)
    0.8
    """

    def __init__(
        self, amount: float, end: int, begin: int = 0, every: int = 1, scope: str = "layer"
    ) -> None:
        check_amount(amount)
        cubic_sparsity(0, amount, end, begin)  # raises if begin and end make no sense
        if every < 1 or scope not in SCOPES:
            raise ValueError(
                f"GradualPruning: expected every of at least 1 and scope 'layer' or 'global', got "
                f"{every} and {scope!r}"
            )
        super().__init__()
        self.amount, self.end, self.begin = amount, end, begin
        self.every, self.scope = every, scope

    def on_batch_end(self, trainer: Trainer) -> None:
        """Prune if it is time to; and keep what was pruned."""
        self.apply()
        step = trainer.step
        if self.begin <= step <= self.end and (
            step == self.end or not (step - self.begin) % self.every
        ):
            now = cubic_sparsity(step, self.amount, self.end, self.begin)
            set_smallest_to_zero(prunable(trainer.model), now, self.scope)
            self.remember(trainer.model)

"""Several techniques one after another: each a step that makes a new model of the one before.

The order matters. Pruning and low rank rewrite floats, so they come first; training mends what they
broke; quantizing fixes the numbers, and nothing that needs floats can follow; accelerating comes
last, as it is made for the layers that it finds. An order that cannot work is refused when the
pipeline is made, not after an hour of training.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from tt_nn import Module

from .ablation import Ablation, measure_variants
from .technique import Step, technique

__all__ = ["Pipeline", "finetune"]

NEEDS_FLOATS = ("distill", "finetune", "fold_batch_norm", "low_rank", "prune")
# what may not follow, and why
NOT_AFTER: dict[str, tuple[tuple[str, ...], str]] = {
    "quantize": ((*NEEDS_FLOATS, "quantize"), "it changes weights, and they are integers by then"),
    "accelerate": (
        (*NEEDS_FLOATS, "quantize", "accelerate"),
        "an accelerated model was made for the layers it had",
    ),
}


@technique
def finetune(model: Module, train: Callable[[Any], object]) -> Any:
    """A copy of the model, after ``train(copy)`` has changed its weights in place.

    Args:
        train: any training of a model, in training mode when it comes; what it returns is not used.

    Returns:
        The trained copy, in evaluation mode.

    >>> from tt_nn import Linear, init
    >>> layer = Linear(2, 2)
    >>> finetune(layer, lambda model: init.zeros_(model.bias)).bias.tolist()
    [0.0, 0.0]
    """
    result = copy.deepcopy(model).train()
    train(result)
    return result.eval()


class Pipeline:
    """Steps to do one after another; called with a model it returns the last step's model.

    Args:
        steps: techniques called without a model, such as ``prune(amount=0.5)``, or any function
            that makes a model of a model. Data and training are options of the steps that need
            them: ``distill(teacher=model, loader=batches)``, ``finetune(train=fit)``.

    Raises:
        ValueError: there are no steps, or an order that cannot work; the message names both steps.
        TypeError: something that cannot be called with a model.

    >>> from tt_models import MLP
    >>> from tt_optimize import prune, quantize, size_of
    >>> smaller = Pipeline([prune(amount=0.5, method="structured"), quantize(bits=8)])
    >>> smaller
    Pipeline(prune(amount=0.5, method='structured'), quantize(bits=8))
    >>> model = MLP([64, 256, 10])
    >>> size_of(smaller(model)) / size_of(model) < 0.16
    True
    """

    def __init__(self, steps: Iterable[Step | Callable[[Any], Any]]) -> None:
        self.steps = tuple(map(as_step, steps))
        if not self.steps:
            raise ValueError("Pipeline: expected at least one step, got none")
        check_order(self.steps)

    def __call__(self, model: Module) -> Any:
        """The last step's model; the given one stays as it is."""
        for step in self.steps:
            model = step(model)
        return model

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(map(repr, self.steps))})"

    def ablation(
        self,
        model: Module,
        evaluate: Callable[[Any], float],
        example: Any,
        *,
        quality: str = "quality",
        samples: int = 15,
        progress: Callable[[str], object] | None = None,
    ) -> Ablation:
        """What each step gives and costs: the model after every step, and each step alone.

        All variants are made first and then timed by turns, so that a busy moment of the machine
        meets all of them.

        Args:
            model: what the pipeline begins with.
            evaluate: how good a model is, as one number; called once for each variant.
            example: what the models are timed and counted with: an input, or a tuple of several.
            quality: what ``evaluate`` returns, for the table's head.
            samples: times each variant is timed, at least 3.
            progress: told what is being done, in words.

        Returns:
            A row for each variant. A step that cannot be done alone has a row that says why.

        >>> from tt_models import MLP
        >>> from tt_optimize import prune, quantize
        >>> from tt_tensor import ones
        >>> pipeline = Pipeline([prune(amount=0.5), quantize()])
        >>> result = pipeline.ablation(MLP([64, 32, 10]), lambda model: 0.0, ones(1, 64), samples=3)
        >>> [row.name for row in result.rows]
        ['the model', 'prune', 'prune + quantize', 'quantize alone']
        """
        return measure_variants(
            model, self.steps, evaluate, example, quality, samples, progress or (lambda text: None)
        )


def as_step(step: Any) -> Step:
    """A step, or a function of a model as one under its own name."""
    if isinstance(step, Step):
        return step
    if isinstance(step, Module) or not callable(step):
        raise TypeError(
            f"Pipeline: expected steps such as prune(amount=0.5), or functions of a model; got "
            f"{type(step).__name__}"
        )
    return Step(getattr(step, "__name__", type(step).__name__), step)


def check_order(steps: tuple[Step, ...]) -> None:
    """Refuse a step after one that takes away what it needs.

    Raises:
        ValueError: naming both, the reason and the order that works.
    """
    for i, step in enumerate(steps):
        for earlier in steps[:i]:
            forbidden, why = NOT_AFTER.get(earlier.name, ((), ""))
            if step.name in forbidden:
                raise ValueError(
                    f"Pipeline: {step.name} cannot follow {earlier.name}: {why}. "
                    "help: keep this order: prune, low_rank, distill or finetune, quantize, "
                    "accelerate"
                )

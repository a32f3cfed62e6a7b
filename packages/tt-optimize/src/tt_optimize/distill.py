"""A small model that learns from a large one (Hinton, Vinyals and Dean 2015).

A label says which class is right. A trained teacher also says how wrong each of the others is:
that this 4 is nearly a 9, and nothing like a 0. These soft targets hold more than the labels do, so
the same inputs teach the student more. It buys a model of any size you like. It costs a teacher,
and the teacher's forward pass on every batch of training; the student computes nothing extra
afterwards.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tt_autograd import no_grad
from tt_nn import Module, functional as F
from tt_nn.optim import AdamW, Optimizer
from tt_nn.optim.lr_scheduler import LRScheduler
from tt_nn.training import Callback, Progress, Trainer
from tt_tensor import Tensor, manual_seed

from .hidden_states import HiddenLoss, HiddenStates, evaluating
from .technique import technique

__all__ = ["distill", "distillation_loss"]


def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    targets: Tensor | None = None,
    temperature: float = 4.0,
    alpha: float = 0.9,
    ignore_index: int = -100,
) -> Tensor:
    """α T² KL(softmax(teacher / T) ‖ softmax(student / T)) + (1 - α) CE(student, targets).

    A temperature T above 1 makes the teacher's small probabilities count: at T = 1 the right class
    has nearly everything. The gradient of the first part shrinks as 1/T², hence the factor T²,
    which keeps α's meaning whatever T is. Both parts are means over the rows that count. No
    gradient goes to the teacher's logits.

    Args:
        targets: class indices; None only with alpha = 1.
        temperature: T > 0.
        alpha: the share of the teacher, 0 to 1.
        ignore_index: rows with this target count in neither part (a GPT's is -1).

    Shape: logits (..., C), targets (...) -> (); of no rows at all the mean is nan

    Raises:
        ValueError: shapes that do not fit, or settings out of range.

    Source: Hinton, Vinyals and Dean 2015, §2.

    >>> from tt_tensor import tensor
    >>> teacher, targets = tensor([[2.0, 1.0, -3.0]]), tensor([0])
    >>> distillation_loss(teacher, teacher, targets, alpha=1.0)
    tensor(0.)
    >>> distillation_loss(tensor([[0.0, 0.0, 0.0]]), teacher, targets, alpha=0.0)
    tensor(1.0986)
    """
    check_settings(temperature, alpha)
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"distillation_loss: student and teacher must score the same classes of the same rows; "
            f"got logits of shape {student_logits.shape} and {teacher_logits.shape}"
        )
    classes = student_logits.shape[-1]
    student = student_logits.reshape(-1, classes)
    teacher = teacher_logits.detach().reshape(-1, classes)
    if targets is None:
        if alpha < 1:
            raise ValueError(f"distillation_loss: without targets alpha must be 1, got {alpha}")
        return temperature**2 * soft_loss(student, teacher, temperature)
    if targets.shape != student_logits.shape[:-1]:
        raise ValueError(
            f"distillation_loss: logits of shape {student_logits.shape} need targets of shape "
            f"{student_logits.shape[:-1]}, one class for each row; got {targets.shape}"
        )
    targets = targets.reshape(-1)
    hard = F.cross_entropy(student, targets, ignore_index=ignore_index)
    if alpha == 0:
        return hard
    counts = targets != ignore_index
    if not bool(counts.all()):
        student, teacher = student[counts], teacher[counts]
    soft = soft_loss(student, teacher, temperature)
    return alpha * temperature**2 * soft + (1 - alpha) * hard


def soft_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """KL(softmax(teacher / T) ‖ softmax(student / T)), the mean over the rows.

    Shape: both (N, C) -> ()
    """
    logs = F.log_softmax(student / temperature, -1)
    goal = F.log_softmax(teacher / temperature, -1)
    if not len(student):
        return logs.sum() + float("nan")  # the mean of nothing, as in cross_entropy
    return F.kl_div(logs, goal, reduction="batchmean", log_target=True)


def check_settings(temperature: float, alpha: float) -> None:
    """Raise unless T > 0 and 0 <= α <= 1."""
    if not temperature > 0:
        raise ValueError(f"distillation: the temperature must be positive, got {temperature}")
    if not 0 <= alpha <= 1:
        raise ValueError(f"distillation: alpha must lie in 0 to 1, got {alpha}")


@technique
def distill(
    student: Module,
    teacher: Module,
    loader: Iterable[Any],
    *,
    epochs: int = 1,
    lr: float = 1e-3,
    optimizer: Callable[[list[Tensor]], Optimizer] | None = None,
    scheduler: Callable[[Optimizer], LRScheduler] | None = None,
    temperature: float = 4.0,
    alpha: float = 0.9,
    ignore_index: int = -100,
    hidden: Mapping[str, str] | None = None,
    hidden_weight: float = 1.0,
    val: Iterable[Any] | None = None,
    callbacks: Iterable[Callback] = (),
    clip_norm: float | None = None,
    seed: int | None = None,
    progress: bool | Progress | None = None,
) -> Any:
    """A copy of the student, trained to answer as the teacher does.

    The loss is `distillation_loss`, plus ``hidden_weight`` times `HiddenLoss` if ``hidden`` names
    layers that are to resemble each other. The teacher runs in evaluation mode under ``no_grad()``,
    on the very inputs (augmented ones, too) that the student sees. With ``alpha=0`` and no
    ``hidden`` the teacher is not asked: that is the student trained alone, to compare with.

    Args:
        student: any model with the teacher's classes; both are left as they are.
        teacher: a trained model.
        loader: batches (inputs, targets), or inputs alone with ``alpha=1``. A model may return its
            logits or a tuple that begins with them, as a GPT does.
        lr: of AdamW, unless ``optimizer`` makes another from the list of parameters.
        scheduler: makes one from the optimizer; its step() follows every step of training.
        hidden: the name of a student's module -> the name of the teacher's.
        val: batches for the validation loss of every epoch.
        callbacks: what is told how training goes, see tt_nn.training.
        seed: for ``manual_seed`` before training; None leaves the random state as it is.

    Returns:
        The trained student, in evaluation mode.

    Raises:
        ValueError: the student has nothing to train (a quantized model, say), or settings out of
            range.

    >>> from tt_models import MLP
    >>> from tt_nn.optim import SGD
    >>> from tt_tensor import randn
    >>> _ = manual_seed(0)
    >>> teacher, student = MLP([4, 32, 3]), MLP([4, 8, 3])
    >>> batches = [randn(16, 4) for _ in range(8)]
    >>> taught = distill(student, teacher, batches, epochs=20, lr=0.02, alpha=1.0, progress=False)
    >>> def apart(model):
    ...     return distillation_loss(model(batches[0]), teacher(batches[0]), alpha=1.0).item()
    >>> apart(taught) < apart(student) / 5
    True
    """
    check_settings(temperature, alpha)
    student = copy.deepcopy(student)
    trained: list[Tensor] = [p for p in student.parameters() if p.requires_grad]
    if not trained:
        raise ValueError(
            f"distill: {type(student).__name__} has no parameter to train; if it is quantized, "
            "distill first and quantize the result"
        )
    if seed is not None:
        manual_seed(seed)
    pairs = dict(hidden or {})
    asked = alpha > 0 or bool(pairs)
    with (
        evaluating(teacher),
        HiddenStates(student, pairs) as ours,
        HiddenStates(teacher, pairs.values()) as theirs,
    ):
        states_differ = None
        if pairs:
            with evaluating(student), no_grad():
                first, loader = peeked(loader)
                student(first), teacher(first)
            states_differ = HiddenLoss(pairs, ours.states, theirs.states)
            trained += states_differ.parameters()

        def loss_step(model: Module, batch: Any) -> Tensor:
            inputs, targets = split(batch)
            logits = logits_of(model(inputs))
            with no_grad():
                soft = logits_of(teacher(inputs)) if asked else logits
            loss = distillation_loss(logits, soft, targets, temperature, alpha, ignore_index)
            if states_differ is not None:
                loss = loss + hidden_weight * states_differ(ours.states, theirs.states)
            return loss

        made = AdamW(trained, lr=lr) if optimizer is None else optimizer(trained)
        trainer = Trainer(
            student,
            made,
            loss_step=loss_step,
            scheduler=None if scheduler is None else scheduler(made),
            scheduler_interval="step",
            callbacks=callbacks,
            clip_norm=clip_norm,
            progress=progress,
        )
        trainer.fit(loader, epochs, val)
    return student.eval()


def peeked(loader: Iterable[Any]) -> tuple[Tensor, Iterable[Any]]:
    """The first inputs of a loader, and a loader that still has them.

    Raises:
        ValueError: it gives no batches.
    """
    batches = iter(loader)
    for batch in batches:
        rest = itertools.chain([batch], batches) if batches is loader else loader
        return split(batch)[0], rest
    raise ValueError("distill: expected at least one batch, got none")


def split(batch: Any) -> tuple[Tensor, Tensor | None]:
    """A batch as inputs and targets; None if it is inputs alone."""
    if isinstance(batch, Tensor):
        return batch, None
    inputs, targets = batch
    return inputs, targets


def logits_of(output: Any) -> Tensor:
    """What a model put out, or the first of it."""
    logits: Tensor = output[0] if isinstance(output, tuple) else output
    return logits

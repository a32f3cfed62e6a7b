"""How much each unit matters: what is small, or what the loss would hardly miss, goes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tt_models import GPT
from tt_nn import Module, functional as F
from tt_tensor import Tensor

from .couplings import NORMS, Coupling

__all__ = ["CRITERIA", "importance_of"]

Array = np.ndarray[Any, np.dtype[Any]]
LossStep = Callable[[Any, Any], Tensor]

CRITERIA = ("l1", "l2", "batch_norm", "taylor")


def importance_of(
    model: Module,
    found: list[Coupling],
    criterion: str,
    calibration: Iterable[Any] | None = None,
    loss_step: LossStep | None = None,
) -> list[Array]:
    """A number for each unit of each coupling, (units,): the smaller, the less it is missed.

    With w the weights that compute a unit:

    - "l1" is Σ|w| and "l2" √Σw² (Li et al. 2017);
    - "batch_norm" is |γ|, by which batch norm scales the unit's output (Liu et al. 2017); "l2"
      where there is none;
    - "taylor" is |Σ w · ∂L/∂w| summed over the calibration's batches: by how much the loss L would
      change if w became 0, to first order (Molchanov et al. 2019).

    Raises:
        ValueError: there is no such criterion, "taylor" has no calibration, or "batch_norm" no
            batch norm.
    """
    if criterion not in CRITERIA:
        raise ValueError(
            f"prune: expected importance {', '.join(map(repr, CRITERIA))}; got {criterion!r}"
        )
    if criterion == "taylor":
        if calibration is None:
            raise ValueError(
                "prune: importance='taylor' needs to see what the loss depends on. help: pass "
                "calibration=[(inputs, targets), ...], some batches of the training data"
            )
        return _taylor(model, found, calibration, loss_step or default_loss)
    if criterion == "batch_norm":
        if all(_scale(coupling) is None for coupling in found):
            raise ValueError(
                "prune: importance='batch_norm' needs a batch norm after what is to be pruned, and "
                "there is none. help: importance='l2'"
            )
        scales = [_scale(coupling) for coupling in found]
        return [
            _norm(coupling, 2) if scale is None else np.abs(scale)
            for coupling, scale in zip(found, scales, strict=True)
        ]
    return [_norm(coupling, 1 if criterion == "l1" else 2) for coupling in found]


def default_loss(model: Any, batch: Any) -> Tensor:
    """A GPT's own loss; of any other model, the cross-entropy of its scores."""
    inputs, targets = batch
    if isinstance(model, GPT):
        return model(inputs, targets)[1]  # type: ignore[no-any-return]
    return F.cross_entropy(model(inputs), targets)


def _norm(coupling: Coupling, power: int) -> Array:
    """The norm of the weights that compute each unit."""
    sums = np.zeros(coupling.units)
    for weight, places in _weights(coupling):
        numbers = weight.array[places].reshape(coupling.units, -1)
        sums += (np.abs(numbers.astype(np.float64)) ** power).sum(1)
    return sums ** (1 / power)


def _weights(coupling: Coupling) -> list[tuple[Any, Array]]:
    """The matrices and kernels that compute the units, and which of their rows are whose."""
    return [
        (getattr(cut.layer, cut.name), cut.places)
        for cut in coupling.cuts
        if cut.dim == 0 and cut.name == "weight" and type(cut.layer) not in NORMS
    ]


def _scale(coupling: Coupling) -> Array | None:
    """γ of the units' batch norm, if they have one."""
    for cut in coupling.cuts:
        if type(cut.layer) in NORMS and cut.name == "weight":
            gamma: Array = getattr(cut.layer, cut.name).array
            return np.asarray(np.abs(gamma[cut.places]).mean(1))
    return None


def _taylor(
    model: Module, found: list[Coupling], calibration: Iterable[Any], loss_step: LossStep
) -> list[Array]:
    """|Σ w · ∂L/∂w| of each unit, summed over the batches, in evaluation mode."""
    totals = [np.zeros(coupling.units) for coupling in found]
    was_training = {module: module.training for module in model.modules()}
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    model.eval().requires_grad_(True)
    count = 0
    for batch in calibration:
        model.zero_grad()
        loss_step(model, batch).backward()
        count += 1
        for total, coupling in zip(totals, found, strict=True):
            change = np.zeros(coupling.units)
            for weight, places in _weights(coupling):
                if weight.grad is None:  # the loss does not depend on it
                    continue
                change += (weight.array * weight.grad.array)[places].reshape(total.size, -1).sum(1)
            total += np.abs(change)
    model.zero_grad()
    for parameter in frozen:
        parameter.requires_grad = False
    for module, mode in was_training.items():
        module.training = mode
    if not count:
        raise ValueError("prune: calibration gave no batches; pass a list of (inputs, targets)")
    return totals

"""Pruning: leave out what a trained network can do without.

``prune(model, amount=0.5)`` sets single weights to 0, which saves bytes where zeros are not stored;
``prune(model, amount=0.5, method="structured")`` removes whole channels, neurons and heads, which
makes the model smaller and faster everywhere.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from ..technique import technique
from .checks import check_amount, check_floats
from .families import couplings
from .importance import LossStep
from .magnitude import SCOPES, prunable, set_smallest_to_zero, sparsity
from .masks import GradualPruning, KeepPruned, cubic_sparsity
from .storage import dense_state, sparse_state
from .structured import KINDS, remove_units

__all__ = [
    "GradualPruning",
    "KeepPruned",
    "couplings",
    "cubic_sparsity",
    "dense_state",
    "prune",
    "sparse_state",
    "sparsity",
]


@technique
def prune(
    model: Any,
    amount: float = 0.5,
    method: str = "magnitude",
    scope: str = "layer",
    *,
    units: Iterable[str] = KINDS,
    importance: str = "l2",
    calibration: Iterable[Any] | None = None,
    loss_step: LossStep | None = None,
) -> Any:
    """A new model without the share ``amount`` of the weights or units that matter least.

    Args:
        amount: the share to remove, from 0 up to but not 1.
        method: "magnitude" sets single weights of Linear, Conv1d and Conv2d to exactly 0;
            "structured" removes channels, neurons and heads and rebuilds the layers smaller.
        scope: "layer" takes the share of each layer, "global" of all layers together.
        units: what to remove with "structured": any of "channels", "neurons" and "heads".
        importance: how "structured" chooses: by the "l1" or "l2" norm of the weights, by the scale
            of the "batch_norm", or by "taylor", the effect on the loss.
        calibration: batches (inputs, targets) for "taylor".
        loss_step: ``loss_step(model, batch)`` for "taylor", if a GPT's own loss and cross-entropy
            are not what the model is trained with.

    Returns:
        The new model, in the same mode, to be trained on: with a `KeepPruned` callback if weights
        were set to 0, as any model if it was rebuilt. The given model stays as it is.

    Raises:
        ValueError: an option makes no sense, there is nothing to prune, nothing would be left of a
            layer, or weights are not finite; the message says which.
        TypeError: the model was quantized or accelerated already.

    >>> from tt_models import MLP
    >>> sparsity(prune(MLP([64, 32, 10]), amount=0.9)) > 0.89
    True
    >>> prune(MLP([64, 32, 10]), amount=0.75, method="structured")
    MLP(
      (layers): Sequential(
        (0): Linear(in_features=64, out_features=8, bias=True)
        (1): ReLU()
        (2): Linear(in_features=8, out_features=10, bias=True)
      )
    )
    """
    check_amount(amount)
    if method not in ("magnitude", "structured"):
        raise ValueError(f"prune: expected method 'magnitude' or 'structured', got {method!r}")
    if scope not in SCOPES:
        raise ValueError(f"prune: expected scope 'layer' or 'global', got {scope!r}")
    check_floats(model, "prune")
    result = copy.deepcopy(model)
    result.zero_grad()
    if method == "structured":
        remove_units(result, amount, scope, units, importance, calibration, loss_step)
        return result
    weights = prunable(result)
    if not weights:
        raise ValueError(
            f"prune: found no Linear or convolution in this {type(model).__name__} whose weights "
            "could be set to 0"
        )
    set_smallest_to_zero(weights, amount, scope)
    return result

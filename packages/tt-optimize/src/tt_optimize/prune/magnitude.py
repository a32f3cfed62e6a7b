"""Unstructured pruning: the smallest weights become exactly 0, wherever they are.

A trained network has many weights near 0 that hardly take part. Setting them to 0 keeps every
shape, so the model runs as before, and as fast as before: a matrix product multiplies by zeros,
too. What it buys is bytes, once the zeros are no longer stored (see ``storage``), and a look at how
much of a network is needed at all. Removing whole channels (see ``structured``) is what buys time.

Source: Han, Pool, Tran and Dally 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_nn import Conv1d, Conv2d, Linear, Module, Parameter
from tt_tensor import ledger

__all__ = ["SCOPES", "prunable", "set_smallest_to_zero", "sparsity", "write_zeros"]

Array = np.ndarray[Any, np.dtype[Any]]
SCOPES = ("layer", "global")


def prunable(model: Module) -> dict[str, Parameter]:
    """The weights that may be set to 0, by dotted name: those of Linear, Conv1d and Conv2d.

    Biases and norms are few and matter much. A weight that is an embedding's table as well (a GPT
    reads and writes tokens with one) is left out: its small numbers are tokens that are rare.
    """
    found: dict[int, tuple[str, Parameter]] = {}  # by id: a weight that two layers share is one
    others: set[int] = set()
    for name, module in model.named_modules():
        weighted = isinstance(module, Linear | Conv1d | Conv2d)
        for own, parameter in module.named_parameters(recurse=False):
            if weighted and own == "weight":
                found.setdefault(id(parameter), (f"{name}.{own}" if name else own, parameter))
            else:
                others.add(id(parameter))
    return dict(named for key, named in found.items() if key not in others)


def sparsity(model: Module) -> float:
    """The share of exact zeros among the numbers of all matrices and kernels of a model.

    Those are its parameters and buffers of two dims and more, so it also counts int8 weights.

    >>> from tt_nn import Linear
    >>> from tt_optimize.prune import prune
    >>> sparsity(prune(Linear(8, 4), amount=0.75))
    0.75
    """
    tensors = [t for t in (*model.parameters(), *model.buffers()) if t.ndim >= 2]
    total = sum(tensor.numel() for tensor in tensors)
    zeros = total - sum(int(np.count_nonzero(tensor.array)) for tensor in tensors)
    return zeros / total if total else 0.0


def set_smallest_to_zero(weights: dict[str, Parameter], amount: float, scope: str) -> None:
    """Set the share ``amount`` of the weights, those of smallest magnitude, to 0, in place.

    Args:
        scope: "layer" takes this share of each weight; "global" of all together, so that layers
            with much to spare give more.

    Raises:
        ValueError: a whole weight would become 0, and its layer say the same of every input.
    """
    magnitudes = {name: np.abs(weight.array).reshape(-1) for name, weight in weights.items()}
    if scope == "layer":
        zeros = {name: _smallest(values, amount) for name, values in magnitudes.items()}
    else:
        ends = np.cumsum([values.size for values in magnitudes.values()])[:-1]
        parts = np.split(_smallest(np.concatenate([*magnitudes.values()]), amount), ends)
        zeros = dict(zip(magnitudes, parts, strict=True))
    if dead := [name for name, chosen in zeros.items() if chosen.all()]:
        raise ValueError(
            f"prune: amount={amount} with scope={scope!r} would set all of {dead[0]} to 0, and "
            "nothing would come through. help: a smaller amount, or scope='layer'"
        )
    for name, weight in weights.items():
        write_zeros(weight, zeros[name].reshape(weight.shape))


def write_zeros(weight: Parameter, where: Array) -> None:
    """Set the marked numbers of a weight to 0, in place, and note that they were written."""
    np.copyto(weight.array, 0, where=where)
    ledger.written(weight.array)


def _smallest(values: Array, amount: float) -> Array:
    """True for the ``amount`` · n smallest, rounded to a whole number as PyTorch rounds it."""
    chosen = np.zeros(values.size, bool)
    count = round(amount * values.size)
    if count:
        chosen[np.argpartition(values, count - 1)[:count]] = True
    return chosen

"""Training with float16: the model computes in 16 bits, its weights are learned in 32.

A step changes a weight by perhaps a thousandth of it, or a millionth; float16 has 11 bits, and what
is below 1/2048 of a number is rounded away when it is added. So the weights are kept twice: as
float16, which the model computes with, and as float32 "masters", to which the steps are added.
Activations and their gradients, which fill most of the memory in training, take half.

On hardware with float16 units that is faster, too. NumPy has none, and no BLAS for float16 either:
here it saves memory and costs a great deal of time.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tt_nn import Module, Parameter
from tt_tensor.tensor import wrap

__all__ = ["MasterWeights"]


class MasterWeights:
    """A model in float16 and, of each of its parameters, a copy in float32 that is learned.

    One iteration, ``half`` being the copy to compute with:

        masters = MasterWeights(model)
        optimizer, scaler = Adam(masters.parameters()), GradScaler()

        scaler.scale(loss_of(masters.half, batch)).backward()
        masters.take_gradients()
        scaler.step(optimizer)
        scaler.update()
        masters.give_weights()

    Args:
        model: in float32; it stays as it is until ``to_model`` is asked for.

    Attributes:
        half: the float16 copy.

    Source: Micikevicius et al. 2018, §3.1.

    >>> from tt_nn import Linear
    >>> masters = MasterWeights(Linear(3, 2))
    >>> masters.half.weight.dtype.name, masters.parameters()[0].dtype.name
    ('float16', 'float32')
    """

    def __init__(self, model: Module) -> None:
        self._names = [name for name, _ in model.named_parameters()]
        self._masters = [
            Parameter(wrap(p.array.astype(np.float32)), requires_grad=p.requires_grad)
            for p in model.parameters()
        ]
        self.half: Any = copy.deepcopy(model).to(np.float16)

    def parameters(self) -> list[Parameter]:
        """The float32 weights, for the optimizer."""
        return self._masters

    def take_gradients(self) -> None:
        """Hand the float16 gradients to the masters, as float32, and forget them in the model."""
        for master, small in zip(self._masters, self.half.parameters(), strict=True):
            grad, small.grad = small.grad, None
            master.grad = None if grad is None else wrap(grad.array.astype(np.float32))

    def give_weights(self) -> None:
        """Round the masters to float16, for the model to compute with."""
        for master, small in zip(self._masters, self.half.parameters(), strict=True):
            small.data.copy_(master.data)

    def to_model(self) -> Any:
        """A float32 model with the learned weights."""
        model = copy.deepcopy(self.half).to(np.float32)
        for master, wide in zip(self._masters, model.parameters(), strict=True):
            wide.data.copy_(master.data)
        return model

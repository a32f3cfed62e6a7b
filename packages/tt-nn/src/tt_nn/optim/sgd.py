"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_tensor import from_numpy

from .blocks import Array, blocks
from .optimizer import Group, Optimizer, Params

__all__ = ["SGD", "sgd_update"]


def sgd_update(
    param: Array,
    grad: Array,
    buffer: Array | None,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """One step of gradient descent, in place on ``param`` and ``buffer``.

    With weight decay λ, momentum μ and dampening τ:

        g = grad + λ · param
        buffer = μ · buffer + (1 - τ) · g             (only with momentum)
        d = g + μ · buffer  if nesterov, else buffer  (g without momentum)
        param = param - lr · d

    ``grad`` is left as it is. ``buffer`` is None if momentum is 0.

    >>> param, grad = np.array([1.0, 2.0]), np.array([10.0, -10.0])
    >>> sgd_update(param, grad, None, lr=0.1)
    >>> param
    array([0., 3.])

    Source: Sutskever et al. 2013 (momentum as in PyTorch: lr outside the buffer).
    """
    for p, g, b, t, d in blocks(param, grad, param if buffer is None else buffer, work=2):
        if weight_decay:
            np.multiply(p, weight_decay, out=d)
            g = np.add(g, d, out=d)
        if buffer is not None:
            np.multiply(g, 1 - dampening, out=t)
            np.multiply(b, momentum, out=b)
            np.add(b, t, out=b)
            if nesterov:
                np.multiply(b, momentum, out=t)
                g = np.add(g, t, out=t)
            else:
                g = b
        np.multiply(g, lr, out=t)
        np.subtract(p, t, out=p)


class SGD(Optimizer):
    """Stochastic gradient descent: p ← p - lr · g, with momentum, Nesterov momentum, weight decay.

    Args:
        params: tensors, named tensors, or parameter groups.
        lr: the learning rate.
        momentum: how much of the last step's direction is kept.
        dampening: how much of the gradient is kept out of the momentum.
        weight_decay: λ of the penalty λ/2 · |p|², added to the gradient.
        nesterov: look ahead along the momentum.
        maximize: climb instead of descend.
        foreach: PyTorch's choice between implementations; without effect here.
        fused: likewise.

    >>> from tt_tensor import tensor
    >>> x = tensor([3.0], requires_grad=True)
    >>> sgd = SGD([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> sgd.step()
    >>> x.detach()
    tensor([2.4000])
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check_hyperparameters(self, group: Group) -> None:
        super().check_hyperparameters(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                "nesterov needs momentum > 0 and dampening = 0; got momentum "
                f"{group['momentum']}, dampening {group['dampening']}"
            )

    def update(self, param: Array, grad: Array, group: Group, state: dict[str, Any]) -> None:
        """One ``sgd_update``; the first gradient enters the momentum undampened."""
        buffer, dampening = None, group["dampening"]
        if group["momentum"]:
            if state.get("momentum_buffer") is None:
                state["momentum_buffer"] = from_numpy(np.zeros(param.shape, param.dtype))
                dampening = 0
            buffer = state["momentum_buffer"].array
        sgd_update(
            param,
            grad,
            buffer,
            group["lr"],
            group["momentum"],
            dampening,
            group["weight_decay"],
            group["nesterov"],
        )

"""Adam and AdamW: each parameter's step is scaled by the size of its own gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tt_tensor import from_numpy, tensor

from .blocks import Array, blocks
from .optimizer import Group, Optimizer, Params

__all__ = ["Adam", "AdamW", "adam_update"]


def adam_update(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    step: int | float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    max_exp_avg_sq: Array | None = None,
) -> None:
    """One step of Adam, in place on ``param``, ``exp_avg`` (m) and ``exp_avg_sq`` (v).

    With the number of the step t = 1, 2, ... and weight decay λ:

        param = param - lr · λ · param      (AdamW: decoupled)
        g = grad + λ · param                (Adam: not decoupled; else g = grad)
        m = β₁ · m + (1 - β₁) · g
        v = β₂ · v + (1 - β₂) · g²
        m̂ = m / (1 - β₁ᵗ)
        v̂ = v / (1 - β₂ᵗ)
        param = param - lr · m̂ / (√v̂ + eps)

    m and v begin at 0; dividing by 1 - βᵗ corrects their bias towards it. With ``max_exp_avg_sq``
    (AMSGrad) the largest v so far, kept there in place, stands for v in the last two lines.
    ``grad`` is left as it is.

    >>> param, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam_update(param, np.array([7.0]), m, v, 1, 0.1, 0.9, 0.999, 1e-8)
    >>> param.round(6), m, v.round(6)  # the first step is lr, whatever the gradient's size
    (array([0.9]), array([0.7]), array([0.049]))

    Source: Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019 (decoupled); Reddi et al.
    2018 (AMSGrad).
    """
    # lr · m̂ / (√v̂ + eps) with the corrections gathered in two numbers: one pass over memory less
    root = math.sqrt(1 - beta2**step)
    size, floor = lr * root / (1 - beta1**step), eps * root
    largest = exp_avg_sq if max_exp_avg_sq is None else max_exp_avg_sq
    for p, g, m, v, top, t, d in blocks(param, grad, exp_avg, exp_avg_sq, largest, work=2):
        if weight_decay and not decoupled:
            np.multiply(p, weight_decay, out=d)
            g = np.add(g, d, out=d)
        elif weight_decay:
            np.multiply(p, 1 - lr * weight_decay, out=p)
        np.subtract(g, m, out=t)  # m += (1 - β₁)(g - m)
        np.multiply(t, 1 - beta1, out=t)
        np.add(m, t, out=m)
        np.multiply(g, g, out=t)
        np.subtract(t, v, out=t)
        np.multiply(t, 1 - beta2, out=t)
        np.add(v, t, out=v)
        if max_exp_avg_sq is not None:
            np.maximum(top, v, out=top)
        np.sqrt(top, out=t)
        np.add(t, floor, out=t)
        np.divide(m, t, out=t)
        np.multiply(t, size, out=t)
        np.subtract(p, t, out=p)


class Adam(Optimizer):
    """Adam: p ← p - lr · m̂ / (√v̂ + eps), with running means m of the gradient and v of its square.

    Args:
        params: tensors, named tensors, or parameter groups.
        lr: the learning rate: about the size of one step.
        betas: how much of m and v is kept at each step.
        eps: keeps the division away from 0.
        weight_decay: λ, added to the gradient as λ · p (see AdamW).
        amsgrad: divide by the largest v so far.
        maximize: climb instead of descend.
        decoupled_weight_decay: AdamW's way of weight decay.
        foreach: PyTorch's choice between implementations; without effect here.
        fused: likewise.

    >>> from tt_tensor import tensor
    >>> x = tensor([3.0], requires_grad=True)
    >>> adam = Adam([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> adam.step()
    >>> x.detach()
    tensor([2.9000])
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def check_hyperparameters(self, group: Group) -> None:
        super().check_hyperparameters(group)
        if len(group["betas"]) != 2 or not all(0 <= beta < 1 for beta in group["betas"]):
            raise ValueError(f"betas: expected two numbers from 0 to below 1, got {group['betas']}")

    def update(self, param: Array, grad: Array, group: Group, state: dict[str, Any]) -> None:
        """One ``adam_update`` with the means kept in ``state``."""
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * group["amsgrad"]
        if "step" not in state:
            state["step"] = tensor(0.0)
        for name in names:
            if name not in state:
                state[name] = from_numpy(np.zeros(param.shape, param.dtype))
        state["step"].array += 1
        means = [state[name].array for name in names]
        beta1, beta2 = group["betas"]
        adam_update(
            param,
            grad,
            means[0],
            means[1],
            float(state["step"].array),
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            means[2] if group["amsgrad"] else None,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay: p shrinks by lr · λ · p beside Adam's step, not through it.

    Args: as ``Adam``, with weight_decay 0.01.

    Source: Loshchilov and Hutter 2019.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )

"""Group normalisation: for each item of the batch, groups of channels brought to mean 0."""

from __future__ import annotations

import math

from tt_tensor import Tensor

from .checks import floating
from .normalization import layer_norm

__all__ = ["group_norm"]


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean)/√(var + ε) · weight + bias, over each group of channels of each item.

    Layer norm with as many rows as there are groups: the batch plays no part, so it is the same in
    training and evaluation. One group: all channels together; as many as channels: instance norm.

    Shape: input (N, C, ...) with C divisible by num_groups -> the same; weight and bias (C,)

    Source: Wu and He 2018.
    """
    _check(floating("group_norm", input), num_groups, weight, bias)
    n, channels = input.shape[:2]
    size = channels // num_groups * math.prod(input.shape[2:])
    y = layer_norm(input.reshape(n, num_groups, size), size, eps=eps).reshape(input.shape)
    shape = (-1, *(1,) * (input.ndim - 2))
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def _check(x: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None) -> None:
    if x.ndim < 2:
        raise ValueError(f"group_norm: expected x of shape (N, C, ...), got {x.shape}")
    channels = x.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise ValueError(
            f"group_norm: {channels} channels of x {x.shape} cannot be shared out evenly to "
            f"{num_groups} groups"
        )
    if len(x) == 1 and x.numel() == num_groups:
        raise ValueError(
            f"group_norm: expected more than 1 value per group, got x {x.shape} in {num_groups} "
            "groups: a value's deviation from itself is always 0"
        )
    for name, part in (("weight", weight), ("bias", bias)):
        if part is not None and part.shape != (channels,):
            raise ValueError(
                f"group_norm: expected {name} of shape ({channels},), one number per channel of x "
                f"{x.shape}; got {part.shape}"
            )

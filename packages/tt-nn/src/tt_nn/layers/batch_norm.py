"""Layers that normalise channels."""

from __future__ import annotations

from typing import Any

from tt_autograd import no_grad
from tt_tensor import Tensor, int64, ones, zeros

from .. import functional as F
from ..module import Module
from ..parameter import Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm"]


class _BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d share: all but the number of dims."""

    dims: tuple[int, ...]
    expected: str

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_features < 1:
            raise ValueError(
                f"{type(self).__name__}: num_features must be above 0, got {num_features}"
            )
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        kind = {"device": device, "dtype": dtype}
        self.weight = Parameter(ones(num_features, **kind)) if affine else None
        self.bias = Parameter(zeros(num_features, **kind)) if affine and bias else None
        tracked = track_running_stats
        self.running_mean: Tensor | None
        self.running_var: Tensor | None
        self.num_batches_tracked: Tensor | None
        self.register_buffer("running_mean", zeros(num_features, **kind) if tracked else None)
        self.register_buffer("running_var", ones(num_features, **kind) if tracked else None)
        self.register_buffer("num_batches_tracked", zeros((), dtype=int64) if tracked else None)

    def reset_running_stats(self) -> None:
        """Forget all batches."""
        with no_grad():
            for name, value in (("mean", 0.0), ("var", 1.0)):
                running = getattr(self, f"running_{name}")
                if running is not None:
                    running.fill_(value)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """The normalised x, in training by its own statistics, otherwise by the running ones."""
        if x.ndim not in self.dims:
            raise ValueError(
                f"{type(self).__name__}: expected x of shape {self.expected}, got {x.shape}"
            )
        if not self.training:
            untracked = self.running_mean is None
            return self._normalised(x, self.running_mean, self.running_var, untracked, 0.0)
        if not self.track_running_stats:
            return self._normalised(x, None, None, True, 0.0)
        return self._normalised(x, self.running_mean, self.running_var, True, self._momentum())

    def _normalised(
        self, x: Tensor, mean: Tensor | None, var: Tensor | None, training: bool, momentum: float
    ) -> Tensor:
        return F.batch_norm(x, mean, var, self.weight, self.bias, training, momentum, self.eps)

    def _momentum(self) -> float:
        """Count the batch; without a momentum each batch has the same weight."""
        if self.num_batches_tracked is None:
            return 0.0 if self.momentum is None else self.momentum
        with no_grad():
            self.num_batches_tracked.add_(1)
        return 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """(x - mean)/√(var + ε) · weight + bias for each feature, over the batch (and length).

    Args:
        momentum: how far the running statistics move towards each batch's; None: they are the
            average of all batches.
        affine: learn weight and bias.
        track_running_stats: keep running statistics for evaluation; otherwise always the batch's.

    Shape: x (N, num_features) or (N, num_features, L) -> the same

    Source: Ioffe and Szegedy 2015.
    """

    dims = (2, 3)
    expected = "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """(x - mean)/√(var + ε) · weight + bias for each channel, over the batch and all pixels.

    Args:
        momentum: how far the running statistics move towards each batch's; None: they are the
            average of all batches.
        affine: learn weight and bias.
        track_running_stats: keep running statistics for evaluation; otherwise always the batch's.

    Shape: x (N, num_features, H, W) -> the same

    Source: Ioffe and Szegedy 2015.

    >>> from tt_tensor import randn
    >>> y = BatchNorm2d(3)(5 + 2 * randn(8, 3, 4, 4))
    >>> abs(y.mean().item()) < 1e-5, abs(y.std().item() - 1) < 1e-2
    (True, True)
    """

    dims = (4,)
    expected = "(N, C, H, W)"


class GroupNorm(Module):
    """(x - mean)/√(var + ε) · weight + bias, over each group of channels of each item.

    Shape: x (N, num_channels, ...) -> the same

    Source: Wu and He 2018.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels < 1 or num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_channels must be divisible by num_groups, both above 0; got "
                f"{num_channels} and {num_groups}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        kind = {"device": device, "dtype": dtype}
        self.weight = Parameter(ones(num_channels, **kind)) if affine else None
        self.bias = Parameter(zeros(num_channels, **kind)) if affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        """The normalised x."""
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )

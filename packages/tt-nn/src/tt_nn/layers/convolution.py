"""Layers that slide kernels over signals and images."""

from __future__ import annotations

import math
from typing import Any

from tt_tensor import Tensor, empty

from .. import functional as F, init
from ..functional.images import Pair, numbers
from ..module import Module
from ..parameter import Parameter

__all__ = ["Conv1d", "Conv2d"]


class _Conv(Module):
    """What Conv1d and Conv2d share: all but the number of dims."""

    dims: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: str | Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = numbers(name, "kernel_size", kernel_size, self.dims, 1)
        self.stride = numbers(name, "stride", stride, self.dims, 1)
        self.padding = self._checked_padding(padding)
        self.dilation = numbers(name, "dilation", dilation, self.dims, 1)
        self.groups = groups
        self.padding_mode = padding_mode
        self._check()
        kind = {"device": device, "dtype": dtype}
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(empty(*shape, **kind))
        self.bias = Parameter(empty(out_channels, **kind)) if bias else None
        self.reset_parameters()

    def _checked_padding(self, padding: str | Pair) -> str | tuple[int, ...]:
        name = type(self).__name__
        if not isinstance(padding, str):
            return numbers(name, "padding", padding, self.dims, 0)
        if padding not in ("same", "valid"):
            raise ValueError(f"{name}: padding must be 'same', 'valid' or numbers, got {padding!r}")
        if padding == "same" and max(self.stride) > 1:
            raise ValueError(
                f"{name}: padding='same' keeps the size, so stride must be 1; got {self.stride}. "
                "Give the padding in numbers"
            )
        return padding

    def _check(self) -> None:
        name = type(self).__name__
        if self.groups < 1 or self.in_channels < 1 or self.out_channels < 1:
            raise ValueError(
                f"{name}: channels and groups must be above 0, got in_channels="
                f"{self.in_channels}, out_channels={self.out_channels}, groups={self.groups}"
            )
        for what in ("in_channels", "out_channels"):
            if getattr(self, what) % self.groups:
                raise ValueError(
                    f"{name}: {what} must be divisible by groups, got {getattr(self, what)} and "
                    f"{self.groups}"
                )
        if self.padding_mode != "zeros":
            raise ValueError(
                f"{name}: padding_mode must be 'zeros', got {self.padding_mode!r}; for another "
                "kind of border, pad x before the layer"
            )

    def reset_parameters(self) -> None:
        """Draw new values."""
        bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """The settings, but not those that are usual."""
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}, stride={self.stride}",
        ]
        unusual = {
            "padding": self.padding != (0,) * self.dims,
            "dilation": self.dilation != (1,) * self.dims,
            "groups": self.groups != 1,
        }
        parts += [f"{name}={getattr(self, name)}" for name, shown in unusual.items() if shown]
        return ", ".join(parts if self.bias is not None else [*parts, "bias=False"])


class Conv1d(_Conv):
    """Kernels that slide along a signal; each output channel has its own.

    Weight and bias start out even in ±1/√(in_channels/groups · K), as in PyTorch.

    Shape: x (N, in_channels, L) -> (N, out_channels, L'); weight (out_channels,
    in_channels/groups, K). See ``functional.conv1d``.

    >>> from tt_tensor import ones
    >>> Conv1d(3, 8, kernel_size=5, padding=2)(ones(2, 3, 20)).shape
    (2, 8, 20)
    """

    dims = 1

    def forward(self, x: Tensor) -> Tensor:
        """The kernels' answers along the signal."""
        return F.conv1d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class Conv2d(_Conv):
    """Kernels that slide over images; each output channel has its own.

    Weight and bias start out even in ±1/√(in_channels/groups · kh · kw), as in PyTorch.

    Shape: x (N, in_channels, H, W) -> (N, out_channels, H', W'); weight (out_channels,
    in_channels/groups, kh, kw). See ``functional.conv2d``.

    >>> from tt_tensor import ones
    >>> Conv2d(3, 8, kernel_size=3, padding="same")(ones(2, 3, 32, 32)).shape
    (2, 8, 32, 32)
    """

    dims = 2

    def forward(self, x: Tensor) -> Tensor:
        """The kernels' answers at each pixel."""
        return F.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

"""Layers that make images smaller."""

from __future__ import annotations

from typing import Any

from tt_tensor import Tensor

from .. import functional as F
from ..functional.images import Pair
from ..module import Module

__all__ = ["AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool2d", "MaxPool1d", "MaxPool2d"]


class MaxPool2d(Module):
    """The largest number of each window.

    Shape: x (N, C, H, W) -> (N, C, H', W'). See ``functional.max_pool2d``.

    >>> from tt_tensor import ones
    >>> MaxPool2d(2)(ones(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        dilation: Pair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Any:
        """The pooled x; with ``return_indices`` also where the maxima were."""
        return F.max_pool2d(x, **self._window())

    def _window(self) -> dict[str, Any]:
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
        return {name: getattr(self, name) for name in names}

    def extra_repr(self) -> str:
        """The window."""
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class MaxPool1d(MaxPool2d):
    """The largest number of each window along a signal.

    Shape: x (N, C, L) -> (N, C, L'). See ``functional.max_pool1d``.
    """

    def forward(self, x: Tensor) -> Any:
        """The pooled x; with ``return_indices`` also where the maxima were."""
        return F.max_pool1d(x, **self._window())


class AvgPool2d(Module):
    """The mean of each window.

    Shape: x (N, C, H, W) -> (N, C, H', W'). See ``functional.avg_pool2d``.
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        """The pooled x."""
        return F.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """The window."""
        names = ("kernel_size", "stride", "padding")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class AdaptiveAvgPool2d(Module):
    """Means of as many windows as the output shall have pixels; size 1 for the whole image's mean.

    Shape: x (N, C, H, W) -> (N, C, *output_size). See ``functional.adaptive_avg_pool2d``.

    >>> from tt_tensor import ones
    >>> AdaptiveAvgPool2d(1)(ones(2, 3, 7, 5)).shape
    (2, 3, 1, 1)
    """

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """The pooled x."""
        return F.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPool2d(Module):
    """Maxima of as many windows as the output shall have pixels; size 1 for the whole image's.

    Shape: x (N, C, H, W) -> (N, C, *output_size). See ``functional.adaptive_max_pool2d``.
    """

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, x: Tensor) -> Any:
        """The pooled x; with ``return_indices`` also where the maxima were."""
        return F.adaptive_max_pool2d(x, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"

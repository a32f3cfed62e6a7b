"""What the functions on images share: where numbers lie in memory, and windows that slide.

Shapes are PyTorch's, (N, C, H, W). In memory the batch comes last, in order C, H, W, N: the first
pixel of all images, then the next. So whatever a window touches consists of long stretches, which
NumPy copies, adds and compares at full speed: gathering the 3×3 windows of 64 images of 16 channels
and 16×16 pixels takes 0.2 ms, against 1.2 ms in PyTorch's order. The numbers of one image are
still in order among themselves, so ``flatten(1)`` and ``view(N, -1)`` copy nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tt_tensor import Tensor

__all__ = [
    "Pair",
    "Slide",
    "batch_first",
    "batch_last",
    "batched",
    "bins",
    "copy_batch_last",
    "keep_freed_memory",
    "numbers",
    "output_pixels",
    "places",
    "pool_window",
    "slides",
    "together",
]

Array = Any
Pair = int | Sequence[int]
Index = tuple[slice, ...]


@cache
def keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next step, instead of returning it each time.

    glibc returns freed memory beyond 128 kB to the system, which hands it out again page by page,
    each zeroed first: 3,800 pages and 7 ms in each training step of a small network. It raises that
    bound when a large array is freed; so one is, of which no page is ever touched.
    """
    np.empty(31 << 20, np.uint8)  # 32 MiB is the largest it learns from


def together(x: Array) -> Array:
    """A view of (N, C, ...) as (C, ..., N)."""
    return x.transpose((*range(1, x.ndim), 0))


def batch_first(rows: Array) -> Array:
    """A view of (C, ..., N) as (N, C, ...)."""
    return rows.transpose((rows.ndim - 1, *range(rows.ndim - 1)))


def batch_last(x: Array) -> Array:
    """(N, C, ...) as a contiguous (C, ..., N): x's own memory if that is its order already."""
    rows = together(x)
    if rows.flags.c_contiguous:
        return rows
    out = np.empty(rows.shape, x.dtype)
    copy_batch_last(x, out)
    return out


def copy_batch_last(x: Array, out: Array) -> None:
    """Write (N, C, ...) into (C, ..., N).

    From PyTorch's order 16 images at a time, so that what is read stays in the first-level cache:
    0.11 ms for 64 images of 3×32×32, against 0.31 ms for all at once.
    """
    rows = together(x)
    step = max(1, len(x)) if x.strides[0] == x.itemsize else 16
    for start in range(0, len(x), step):
        out[..., start : start + step] = rows[..., start : start + step]


class Slide(NamedTuple):
    """How a window slides along one dim of so many pixels.

    The window's place i lies over pixel ``o · stride - padding + i · dilation`` when it computes
    output o.
    """

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int
    out: int

    @property
    def span(self) -> int:
        """How many pixels the window reaches over."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def apart(self) -> bool:
        """No pixel is in two windows."""
        return self.stride >= self.span

    @property
    def tiles(self) -> bool:
        """Each pixel is in exactly one window."""
        once = self.stride == self.kernel and self.dilation == 1
        return once and not self.padding and self.out * self.stride == self.size

    def place(self, i: int) -> tuple[slice, slice]:
        """The outputs whose window has a pixel at place i, and these pixels."""
        offset = i * self.dilation - self.padding
        first = max(0, -(offset // self.stride))
        last = max(first, min(self.out, (self.size - 1 - offset) // self.stride + 1))
        start = first * self.stride + offset
        end = start + (last - first - 1) * self.stride + 1 if last > first else start
        return slice(first, last), slice(start, end, self.stride)

    def places(self) -> list[tuple[slice, slice]]:
        """The outputs and pixels of each place that has any."""
        found = [self.place(i) for i in range(self.kernel)]
        return [(outputs, pixels) for outputs, pixels in found if outputs.start < outputs.stop]


def slides(
    shape: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool = False,
) -> list[Slide]:
    """How a window slides along the last dims.

    There are ⌊(size + 2 · padding - span) / stride⌋ + 1 outputs; in ceil mode ⌈...⌉ + 1, but none
    whose window would start beyond the pixels and their left padding.
    """
    found = []
    sizes = shape[len(shape) - len(kernel) :]
    for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        room = size + 2 * p - d * (k - 1) - 1
        out = -(-room // s) + 1 if ceil_mode else room // s + 1
        if ceil_mode and (out - 1) * s >= size + p:
            out -= 1
        found.append(Slide(size, k, s, p, d, out))
    return found


def places(axis: int, slide: Slide) -> Iterator[tuple[Index, Index]]:
    """For each place of the window along one dim: an index of outputs and one of pixels."""
    before = (slice(None),) * axis
    for outputs, pixels in slide.places():
        yield (*before, outputs), (*before, pixels)


def pool_window(
    name: str,
    x: Tensor,
    kernel_size: Pair,
    stride: Pair | None,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
    dims: int,
) -> dict[str, Any]:
    """The parameters of a pooling window, checked: what ``slides`` takes beside the shape."""
    kernel = numbers(name, "kernel_size", kernel_size, dims, 1)
    window = {
        "kernel": kernel,
        "stride": kernel if stride is None else numbers(name, "stride", stride, dims, 1),
        "padding": numbers(name, "padding", padding, dims, 0),
        "dilation": numbers(name, "dilation", dilation, dims, 1),
    }
    across = slides(x.shape, **window, ceil_mode=ceil_mode)
    for slide in across:
        if slide.padding > slide.kernel // 2:
            raise ValueError(
                f"{name}: padding may be at most half of kernel_size {slide.kernel}, got "
                f"{slide.padding}"
            )
        if slide.out < 1:
            raise ValueError(
                f"{name}: the window reaches over {slide.span} pixels, but the padded input has "
                f"only {slide.size + 2 * slide.padding} of x {x.shape}. Use a smaller window, more "
                "padding, or larger images"
            )
    return {**window, "ceil_mode": ceil_mode}


def output_pixels(name: str, x: Tensor, output_size: Any) -> tuple[int, int]:
    """The height and width of an adaptive pooling's output; None keeps the input's."""
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    sizes = x.shape[-2:]
    if len(given) == 2:
        given = tuple(n if o is None else o for n, o in zip(sizes, given, strict=True))
    height, width = numbers(name, "output_size", given, 2, 1)
    return height, width


def bins(size: int, count: int) -> list[tuple[int, int]]:
    """``count`` stretches that cover the pixels: from ⌊i · size/count⌋ to ⌈(i + 1) · size/count⌉.

    >>> bins(5, 2)
    [(0, 3), (2, 5)]
    """
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def numbers(name: str, what: str, value: Any, count: int, least: int) -> tuple[int, ...]:
    """``count`` whole numbers, all the same if only one is given; raises if one is too small."""
    given = (value,) if isinstance(value, (int, np.integer)) else value
    whole = isinstance(given, (tuple, list)) and not isinstance(value, bool)
    if not whole or not all(isinstance(n, (int, np.integer)) for n in given):
        raise TypeError(f"{name}: {what} must be a whole number or {count} of them, got {value!r}")
    if len(given) not in (1, count):
        raise ValueError(f"{name}: {what} must be one number or {count}, got {value!r}")
    if min(given) < least:
        raise ValueError(f"{name}: {what} must be at least {least}, got {value!r}")
    return tuple(int(n) for n in given) * (count // len(given))


def batched(name: str, x: Tensor, dims: int) -> Tensor:
    """x (N, C, *sizes) with ``dims`` sizes; (C, *sizes) becomes a batch of one."""
    if x.dtype.kind == "b":
        raise TypeError(f"{name}: expected numbers, got bool; convert first: x.float()")
    if x.ndim not in (dims + 1, dims + 2):
        sizes = "H, W" if dims == 2 else "L"
        raise ValueError(
            f"{name}: expected x of shape (N, C, {sizes}), or (C, {sizes}) without a batch; got "
            f"{x.shape}. A channel dim is added by x.unsqueeze(-{dims + 1})"
        )
    if 0 in x.shape[x.ndim - dims :]:
        raise ValueError(f"{name}: expected at least one pixel along each dim, got {x.shape}")
    return x.unsqueeze(0) if x.ndim == dims + 1 else x

"""Average-pooling: of each window the mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply
from tt_tensor.tensor import wrap

from .checks import floating
from .images import (
    Pair,
    Slide,
    batch_first,
    batch_last,
    batched,
    bins,
    output_pixels,
    places,
    pool_window,
    slides,
)
from .padding import pad

__all__ = ["adaptive_avg_pool2d", "avg_pool2d"]

Array = Any


def avg_pool2d_forward(x: Array, *, include_pad: bool, divisor: int | None, **window: Any) -> Array:
    """Sums over the rows, then over the columns, divided by how many numbers they are of."""
    rows = batch_last(x)
    across = slides(x.shape, **window)
    for axis, slide in enumerate(across, start=1):
        shape = (*rows.shape[:axis], slide.out, *rows.shape[axis + 1 :])
        sums = np.zeros(shape, rows.dtype)
        for outputs, pixels in places(axis, slide):
            sums[outputs] += rows[pixels]
        rows = sums
    rows /= _counts(across, include_pad, divisor, x.dtype)
    return batch_first(rows)


def _counts(across: list[Slide], include_pad: bool, divisor: int | None, dtype: Any) -> Array:
    """How many numbers each window averages, as (OH, OW, 1).

    Padding counts or not, but never what a window of ceil mode has beyond it.
    """
    if divisor is not None:
        return dtype.type(divisor)
    sides = []
    for slide in across:
        start = np.arange(slide.out) * slide.stride - slide.padding
        end = np.minimum(start + slide.kernel, slide.size + slide.padding)
        if not include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, slide.size)
        sides.append((end - start).astype(dtype))
    return np.multiply.outer(*sides)[..., None]


def avg_pool2d_vjp(
    g: Array,
    needs: tuple[bool, ...],
    _: None,
    x: Array,
    *,
    include_pad: bool,
    divisor: int | None,
    **window: Any,
) -> list[Array]:
    """Each pixel of a window receives an equal share: spread over the columns, then the rows."""
    across = slides(x.shape, **window)
    rows = batch_last(g) / _counts(across, include_pad, divisor, x.dtype)
    for axis, slide in reversed(list(enumerate(across, start=1))):
        shape = (*rows.shape[:axis], slide.size, *rows.shape[axis + 1 :])
        spread = np.zeros(shape, rows.dtype)
        for outputs, pixels in places(axis, slide):
            spread[pixels] += rows[outputs]
        rows = spread
    return [batch_first(rows)]


def avg_pool2d_definition(
    x: Tensor, *, include_pad: bool, divisor: int | None, **window: Any
) -> Tensor:
    """The sum of one slice of the padded x for each place of the window, divided."""
    down, right = slides(x.shape, **window)
    sides: list[int] = []
    for slide in (right, down):
        end = (slide.out - 1) * slide.stride + slide.kernel - slide.padding
        sides += [slide.padding, max(end - slide.size, 0)]
    padded = pad(x, sides)
    total = sum(
        padded[:, :, i : i + (down.out - 1) * down.stride + 1 : down.stride][
            :, :, :, j : j + (right.out - 1) * right.stride + 1 : right.stride
        ]
        for i, j in np.ndindex(down.kernel, right.kernel)
    )
    counts = _counts([down, right], include_pad, divisor, x.dtype)
    return total / wrap(np.asarray(counts if divisor is not None else counts[..., 0]))


_avg_pool2d = Op("avg_pool2d", avg_pool2d_forward)
joint_vjp(_avg_pool2d, avg_pool2d_vjp, definition=avg_pool2d_definition)


def avg_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    Args:
        kernel_size: the window's height and width, or one number for both.
        stride: by how many pixels the window moves on; its own size if None.
        padding: how many zeros surround the image on each side, at most half the window.
        ceil_mode: also windows that reach beyond the image, if they start inside.
        count_include_pad: the zeros of the padding count as numbers, too.
        divisor_override: what the sums are divided by, whatever they are of.

    Shape: input (N, C, H, W) -> (N, C, H', W') with H' = ⌊(H + 2 · padding - kernel_size) / stride⌋
    + 1, or ⌈...⌉ + 1 in ceil mode; without N if the input has none

    >>> from tt_tensor import arange
    >>> avg_pool2d(arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    x = floating("avg_pool2d", batched("avg_pool2d", input, 2))
    if divisor_override == 0:
        raise ValueError("avg_pool2d: divisor_override must not be 0")
    window = pool_window("avg_pool2d", x, kernel_size, stride, padding, 1, ceil_mode, 2)
    out = apply(_avg_pool2d, x, include_pad=count_include_pad, divisor=divisor_override, **window)
    return out if input.ndim == 4 else out.squeeze(0)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of as many windows as the output shall have pixels.

    Window i of n reaches from pixel ⌊i · H / n⌋ to before ⌈(i + 1) · H / n⌉. Size 1 is the mean of
    the whole image.

    Args:
        output_size: the output's height and width, or one number for both; None keeps a size.

    Shape: input (N, C, H, W) -> (N, C, *output_size); without N if the input has none
    """
    name = "adaptive_avg_pool2d"
    x = floating(name, batched(name, input, 2))
    height, width = output_pixels(name, x, output_size)
    h, w = x.shape[2:]
    if h % height == 0 and w % width == 0:
        return avg_pool2d(input, (h // height, w // width))
    down, right = (_averages(*sizes, x.dtype) for sizes in ((h, height), (w, width)))
    return down @ input @ right.T


def _averages(size: int, count: int, dtype: Any) -> Tensor:
    """The matrix (count, size) that takes the mean of each stretch of pixels."""
    matrix = np.zeros((count, size), dtype)
    for row, (start, end) in zip(matrix, bins(size, count), strict=True):
        row[start:end] = 1 / (end - start)
    return wrap(matrix)

"""Max-pooling: of each window the largest number, which alone receives the gradient."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply, cat
from tt_tensor.tensor import wrap

from .images import (
    Index,
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

__all__ = ["adaptive_max_pool2d", "max_pool1d", "max_pool2d"]

Array = Any


def max_pool2d_forward(x: Array, **window: Any) -> Array:
    """Over the rows, then over the columns: kh + kw comparisons instead of kh · kw."""
    rows = batch_last(x)
    for axis, slide in enumerate(slides(x.shape, **window), start=1):
        rows = _maximum_along(rows, axis, slide)
    return batch_first(rows)


def _maximum_along(rows: Array, axis: int, slide: Slide) -> Array:
    """Of each window along one dim the largest number; padding is smaller than any."""
    everywhere: list[tuple[Index, Index]] = []
    at_borders: list[tuple[Index, Index]] = []
    for outputs, pixels in places(axis, slide):
        whole = outputs[axis] == slice(0, slide.out)
        (everywhere if whole else at_borders).append((outputs, pixels))
    if len(everywhere) > 1:  # nothing to fill or copy
        (_, first), (_, second), *rest = everywhere
        out = np.maximum(rows[first], rows[second])
    else:
        shape = (*rows.shape[:axis], slide.out, *rows.shape[axis + 1 :])
        out, rest = np.full(shape, _lowest(rows.dtype), rows.dtype), everywhere
    for outputs, pixels in rest + at_borders:
        np.maximum(out[outputs], rows[pixels], out=out[outputs])
    return out


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _winners(
    rows: Array, top: Array, across: list[Slide], nans: bool
) -> Iterator[tuple[Index, Index, Array]]:
    """For each place of the window the outputs and pixels, and where the pixel is the maximum.

    Among equals the first counts; among NaNs, which win over everything, the last: as in PyTorch.
    """
    taken = np.zeros(top.shape, bool)
    grid = product(places(1, across[0]), places(2, across[1]))
    found = [((*oi, oj[-1]), (*pi, pj[-1])) for (oi, pi), (oj, pj) in grid]
    for outputs, pixels in found:
        yield outputs, pixels, _first(rows[pixels] == top[outputs], taken[outputs])
    for outputs, pixels in reversed(found) if nans else ():
        yield outputs, pixels, _first(np.isnan(rows[pixels]), taken[outputs])


def _first(won: Array, taken: Array) -> Array:
    """Where it won and nobody before; notes that these are taken."""
    np.greater(won, taken, out=won)
    taken |= won
    return won


def max_pool2d_vjp(
    g: Array, needs: tuple[bool, ...], out: Array, x: Array, **window: Any
) -> list[Array]:
    """The gradient goes to the pixel that was the maximum."""
    across = slides(x.shape, **window)
    rows, top, arriving = batch_last(x), batch_last(out), batch_last(g)
    nans = bool(np.isnan(top).any())
    once = all(slide.apart for slide in across) and not nans  # no pixel is visited twice
    every = once and all(slide.tiles for slide in across)
    grads = np.empty_like(rows) if every else np.zeros_like(rows)
    # 0 · inf is nan, so only finite gradients are routed by a product, which takes a thirteenth
    routed = np.multiply if np.isfinite(arriving).all() else _where
    for outputs, pixels, won in _winners(rows, top, across, nans):
        if once:
            routed(arriving[outputs], won, out=grads[pixels])
        else:
            grads[pixels] += routed(arriving[outputs], won)
    return [batch_first(grads)]


def _where(g: Array, won: Array, out: Array | None = None) -> Array:
    """g where the pixel won, 0 elsewhere."""
    kept: Array = np.where(won, g, g.dtype.type(0))
    if out is not None:
        out[...] = kept
    return kept


def _indices(x: Array, out: Array, **window: Any) -> Array:
    """Where in its image, flattened, each maximum is."""
    across = slides(x.shape, **window)
    rows, top = batch_last(x), batch_last(out)
    h, w = x.shape[2:]
    pixel = np.arange(h * w).reshape(1, h, w, 1)
    index = np.zeros(top.shape, np.int64)
    for outputs, pixels, won in _winners(rows, top, across, bool(np.isnan(top).any())):
        index[outputs] += won * pixel[pixels]
    return batch_first(index)


def max_pool2d_definition(x: Tensor, **window: Any) -> Tensor:
    """Gathered from where the maxima are."""
    index = _indices(x.array, max_pool2d_forward(x.array, **window), **window)
    n, c, h, w = index.shape
    return x.flatten(2).gather(2, wrap(index.reshape(n, c, h * w))).reshape(n, c, h, w)


_max_pool2d = Op("max_pool2d", max_pool2d_forward)
joint_vjp(_max_pool2d, max_pool2d_vjp, definition=max_pool2d_definition)


def max_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest number of each window; among equals the first receives the gradient.

    Args:
        kernel_size: the window's height and width, or one number for both.
        stride: by how many pixels the window moves on; its own size if None.
        padding: how many pixels of -∞ surround the image, at most half the window.
        dilation: the distance of the pixels that the window looks at.
        ceil_mode: also windows that reach beyond the image, if they start inside.
        return_indices: return the maxima and their indices in the flattened image.

    Shape: input (N, C, H, W) -> (N, C, H', W') with
    H' = ⌊(H + 2 · padding - dilation · (kernel_size - 1) - 1) / stride⌋ + 1, or ⌈...⌉ + 1 in ceil
    mode; without N if the input has none

    >>> from tt_tensor import arange
    >>> max_pool2d(arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    x = batched("max_pool2d", input, 2)
    window = pool_window("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, 2)
    out = apply(_max_pool2d, x, **window)
    if return_indices:
        index = wrap(_indices(x.array, out.array, **window))
        return (out, index) if input.ndim == 4 else (out.squeeze(0), index.squeeze(0))
    return out if input.ndim == 4 else out.squeeze(0)


def max_pool1d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest number of each window along the last dim. See ``max_pool2d``.

    Shape: input (N, C, L) -> (N, C, L'); without N if the input has none
    """
    x = batched("max_pool1d", input, 1)
    window = pool_window("max_pool1d", x, kernel_size, stride, padding, dilation, ceil_mode, 1)
    (kernel,), (step,), (side,), (apart,) = list(window.values())[:4]
    found = max_pool2d(
        x.unsqueeze(2), (1, kernel), (1, step), (0, side), (1, apart), ceil_mode, return_indices
    )
    results = [y.squeeze(2) for y in (found if return_indices else (found,))]
    results = results if input.ndim == 3 else [y.squeeze(0) for y in results]
    return tuple(results) if return_indices else results[0]


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest number of each of as many windows as the output shall have pixels.

    Window i of n reaches from pixel ⌊i · H / n⌋ to before ⌈(i + 1) · H / n⌉.

    Args:
        output_size: the output's height and width, or one number for both; None keeps a size.
        return_indices: return the maxima and their indices in the flattened image.

    Shape: input (N, C, H, W) -> (N, C, *output_size); without N if the input has none
    """
    name = "adaptive_max_pool2d"
    x = batched(name, input, 2)
    height, width = output_pixels(name, x, output_size)
    h, w = x.shape[2:]
    if h % height == 0 and w % width == 0:
        return max_pool2d(input, (h // height, w // width), return_indices=return_indices)
    lines, indices = [], []
    for top, bottom in bins(h, height):
        line, index = zip(
            *(_whole(x, (top, bottom), (left, right)) for left, right in bins(w, width)),
            strict=True,
        )
        lines.append(cat(line, 3))
        indices.append(cat(index, 3))
    found = [cat(lines, 2), cat(indices, 2)]
    found = found if input.ndim == 4 else [y.squeeze(0) for y in found]
    return tuple(found) if return_indices else found[0]


def _whole(x: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The maximum of one rectangle and its index in the flattened image."""
    (top, bottom), (left, right) = rows, columns
    shape = (bottom - top, right - left)
    out, index = max_pool2d(x[:, :, top:bottom, left:right], shape, return_indices=True)
    row, column = np.divmod(index.array, right - left)
    return out, wrap((row + top) * x.shape[3] + column + left)

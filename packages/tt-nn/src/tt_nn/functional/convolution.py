"""Convolution as matrix products.

``out[n, o, y, x] = bias[o] + Σ weight[o, c, i, j] · input[n, c, y·s + i·d - p, x·s + j·d - p]``

Seven nested loops say just that, and take more than a thousand times as long. Here the windows that
the kernels see are copied side by side as the columns of a matrix ("im2col"), and the kernels are
the rows of another: all sums are one product, which BLAS computes at the machine's full speed.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tt_autograd import joint_vjp
from tt_tensor import Op, Tensor, apply, stack

from .images import (
    Pair,
    Slide,
    batch_first,
    batch_last,
    batched,
    copy_batch_last,
    keep_freed_memory,
    numbers,
)
from .padding import pad

__all__ = ["conv1d", "conv2d"]

Array = Any
Sides = tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right)

# bytes of columns in work at a time. Half as many make the products thinner and the gradient of 64
# images, 16 -> 32 channels, 16×16 pixels, 15 % slower; four times as many fall out of the caches
_WORK = 2**21


class Tile(NamedTuple):
    """A stretch of output pixels, one after the other in memory: whole rows, or a piece of one."""

    rows: slice
    columns: slice
    numbers: slice  # of all images together


def _evenly(size: int, most: int) -> int:
    """How long pieces are if there shall be as few as possible, none longer than ``most``."""
    pieces = -(-size // most)
    return -(-size // max(1, pieces))


def _tiles(windows: Array, rows: int = 0) -> list[Tile]:
    """Tiles that cover the output, each with ``_WORK`` bytes of columns or a little less.

    ``rows`` is how many numbers each pixel of the output takes, if more than its window has.
    """
    *_, height, width, batch = windows.shape
    rows = max(1, rows, math.prod(windows.shape[:3]))
    pixels = max(1, _WORK // max(1, rows * batch * windows.itemsize))
    tall = _evenly(height, max(1, pixels // width))
    wide = _evenly(width, pixels)
    tiles = []
    for top in range(0, height, tall):
        bottom = min(top + tall, height)
        for left in range(0, width, wide):
            right = min(left + wide, width)
            start, stop = top * width + left, (bottom - 1) * width + right
            place = slice(start * batch, stop * batch)
            tiles.append(Tile(slice(top, bottom), slice(left, right), place))
    return tiles


def _padded(x: Array, sides: Sides) -> Array:
    """(N, C, H, W) with zeros around the pixels, in order C, H, W, N."""
    (top, bottom), (left, right) = sides
    if not any((top, bottom, left, right)):
        return batch_last(x)
    n, c, h, w = x.shape
    out = np.zeros((c, top + h + bottom, left + w + right, n), x.dtype)
    copy_batch_last(x, out[:, top : top + h, left : left + w])
    return out


def _windows(
    rows: Array, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> Array:
    """What each place of the kernel lies over: a view (C, kh, kw, OH, OW, N) of (C, H, W, N)."""
    c, h, w, n = rows.shape
    (kh, kw), (sh, sw), (dh, dw) = kernel, stride, dilation
    oh, ow = (h - dh * (kh - 1) - 1) // sh + 1, (w - dw * (kw - 1) - 1) // sw + 1
    along_c, along_h, along_w, along_n = rows.strides
    strides = (along_c, dh * along_h, dw * along_w, sh * along_h, sw * along_w, along_n)
    return as_strided(rows, (c, kh, kw, oh, ow, n), strides)


def _columns(windows: Array, tile: Tile, groups: int, work: Array, ones: bool) -> Array:
    """The windows of a tile as matrices (groups, C/groups · kh · kw, pixels), in ``work``.

    With ``ones`` each has one more row, of ones: what the bias is the weight of.
    """
    part = windows[:, :, :, tile.rows, tile.columns]
    c, kh, kw, *places = part.shape
    size, pixels = c // groups * kh * kw, math.prod(places)
    columns: Array = work[: groups * (size + ones) * pixels].reshape(groups, size + ones, pixels)
    shape = (groups, c // groups, kh, kw, *places)
    np.copyto(columns[:, :size].reshape(shape), part.reshape(shape))
    columns[:, size:] = 1
    return columns


def _grouped(array: Array, groups: int) -> Array:
    """(C, H, W, N) as (groups, C/groups, H · W · N)."""
    return array.reshape(groups, len(array) // groups, math.prod(array.shape[1:]))


def _work(windows: Array, tiles: list[Tile], groups: int) -> Array:
    """Memory for the columns of the largest tile, and a row of ones for each group."""
    places = max((t.numbers.stop - t.numbers.start for t in tiles), default=0)
    return np.empty((math.prod(windows.shape[:3]) + groups) * places, windows.dtype)


def conv2d_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: tuple[int, int],
    padding: Sides,
    dilation: tuple[int, int],
    groups: int,
) -> Array:
    """Tile by tile: columns, one product."""
    windows = _windows(_padded(x, padding), weight.shape[2:], stride, dilation)
    out = np.empty((len(weight), *windows.shape[3:]), x.dtype)
    sums, kernels = _grouped(out, groups), _kernels(weight, groups, bias)
    tiles = _tiles(windows)
    work = _work(windows, tiles, groups)
    for tile in tiles:
        columns = _columns(windows, tile, groups, work, bias is not None)
        np.matmul(kernels, columns, out=sums[:, :, tile.numbers])
    return batch_first(out)


def _kernels(weight: Array, groups: int, bias: Array | None = None) -> Array:
    """(O, C/groups, kh, kw) as matrices (groups, O/groups, C/groups · kh · kw).

    The bias is one more column, the weight of a number that is always 1: so it is part of the
    products, forward and backward, where summing its gradient took a fifth of a first layer's
    backward pass.
    """
    flat = weight.reshape(len(weight), math.prod(weight.shape[1:]))
    flat = flat if bias is None else np.concatenate([flat, bias[:, None]], 1)
    return flat.reshape(groups, len(flat) // groups, flat.shape[1])


def conv2d_vjp(
    g: Array,
    needs: tuple[bool, ...],
    _: None,
    x: Array,
    weight: Array,
    bias: Array = None,
    *,
    stride: tuple[int, int],
    padding: Sides,
    dilation: tuple[int, int],
    groups: int,
) -> list[Array | None]:
    """dL/dweight = g · columnsᵀ, dL/dcolumns = weightᵀ · g, dL/dbias = Σ g.

    A pixel is in many columns and receives the sum of their gradients. By the data themselves
    nobody asks for a gradient, and so it is not computed.
    """
    arriving = batch_last(g)
    sums = _grouped(arriving, groups)
    geometry = (weight.shape[2:], stride, dilation)
    grads: list[Array | None] = [None, None, None]
    if needs[0]:
        grads[0] = _input_gradient(arriving, x.shape, weight, padding, geometry, groups)
    biased = len(needs) > 2 and needs[2]
    if needs[1]:
        windows = _windows(_padded(x, padding), *geometry)
        both = _weight_gradient(sums, windows, groups, biased)
        grads[1] = both[:, : both.shape[1] - biased].reshape(weight.shape)
        grads[2] = both[:, -1] if biased else None
    elif biased:
        grads[2] = sums.sum(2).reshape(-1)
    return grads[: len(needs)]


def _weight_gradient(sums: Array, windows: Array, groups: int, biased: bool) -> Array:
    """g · columnsᵀ as a matrix (O, C/groups · kh · kw), and a column more for the bias.

    Computed as (columns · gᵀ)ᵀ, which OpenBLAS does 1.1 to 1.7 times as fast.
    """
    size = math.prod(windows.shape[:3]) // groups + biased
    total = np.zeros((groups, size, sums.shape[1]), sums.dtype)
    tiles = _tiles(windows)
    work = _work(windows, tiles, groups)
    for tile in tiles:
        columns = _columns(windows, tile, groups, work, biased)
        total += columns @ sums[:, :, tile.numbers].swapaxes(1, 2)
    return total.swapaxes(1, 2).reshape(groups * sums.shape[1], size)


def _input_gradient(
    g: Array,
    shape: tuple[int, ...],
    weight: Array,
    sides: Sides,
    geometry: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
    groups: int,
) -> Array:
    """weightᵀ · g, and each number added where its column was copied from.

    Only down the image. Along its rows the sum is part of the product: a pixel gathers the
    gradients it is owed from the kw outputs that saw it, with the kernels mirrored.
    """
    (top, bottom), _ = sides
    (kh, kw), (sh, _), (dh, dw) = geometry
    n, c, h, w = shape
    rows = np.zeros((c, top + h + bottom, w, n), g.dtype)
    lines = _windows(rows, (kh, 1), (sh, 1), (dh, 1))[:, :, 0]
    owing = _windows(_spread(g, w, sides[1][0], geometry), (1, kw), (1, 1), (1, dw))
    o = len(weight) // groups
    kernels = weight.reshape(groups, o, c // groups, kh, kw)[..., ::-1].transpose(0, 2, 3, 1, 4)
    kernels = kernels.reshape(groups, c // groups * kh, o * kw)
    tiles = _tiles(owing, c * kh)
    work = _work(owing, tiles, groups)
    for tile in tiles:
        product = kernels @ _columns(owing, tile, groups, work, False)
        part = lines[:, :, tile.rows, tile.columns]
        product = product.reshape(part.shape)
        for i in range(kh):  # within one row of the kernel no pixel comes twice
            part[:, i] += product[:, i]
    return batch_first(rows[:, top : top + h])


def _spread(
    g: Array,
    width: int,
    left: int,
    geometry: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
) -> Array:
    """g with its columns as far apart as the windows are, and zeros where no window began.

    From p to p + reach a row then holds just the gradients that pixel p of x is owed.
    """
    (_, kernel), (_, stride), (_, dilation) = geometry
    reach = dilation * (kernel - 1)
    spread = np.zeros((*g.shape[:2], width + reach, g.shape[3]), g.dtype)
    slide = Slide(width + reach, 1, stride, left - reach, 1, g.shape[2])
    outputs, pixels = slide.place(0)
    spread[:, :, pixels] = g[:, :, outputs]
    return spread


def conv2d_definition(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: tuple[int, int],
    padding: Sides,
    dilation: tuple[int, int],
    groups: int,
) -> Tensor:
    """Convolution in plain operations: one slice of x for each place of the kernel."""
    (top, bottom), (left, right) = padding
    x = pad(x, (left, right, top, bottom))
    n, c, h, w = x.shape
    o, _, kh, kw = weight.shape
    (sh, sw), (dh, dw) = stride, dilation
    oh, ow = (h - dh * (kh - 1) - 1) // sh + 1, (w - dw * (kw - 1) - 1) // sw + 1
    places = [
        x[:, :, i * dh : i * dh + sh * (oh - 1) + 1 : sh, j * dw : j * dw + sw * (ow - 1) + 1 : sw]
        for i, j in np.ndindex(kh, kw)
    ]
    columns = stack(places, 2).reshape(n, groups, c // groups * kh * kw, oh * ow)
    kernels = weight.reshape(groups, o // groups, c // groups * kh * kw)
    out = (kernels @ columns).reshape(n, o, oh, ow)
    return out if bias is None else out + bias.reshape(o, 1, 1)


_conv2d = Op("conv2d", conv2d_forward)
joint_vjp(_conv2d, conv2d_vjp, definition=conv2d_definition)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: str | Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Each kernel slides along the signals and is multiplied with what lies under it.

    ``out[n, o, l] = bias[o] + Σ weight[o, c, k] · input[n, c, l·stride + k·dilation - padding]``,
    with the arguments of ``conv2d``, along one dim.

    Shape: input (N, C, L), weight (O, C/groups, K), bias (O,) -> (N, O, L'); without N if the input
    has none

    >>> from tt_tensor import tensor
    >>> x = tensor([[[1.0, 2.0, 4.0, 8.0]]])
    >>> conv1d(x, tensor([[[-1.0, 1.0]]]))
    tensor([[[1., 2., 4.]]])
    """
    return _convolve("conv1d", 1, (input, weight, bias), stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: str | Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Each kernel slides over the images and is multiplied with what lies under it:

        out[n, o, y, x] = bias[o] + Σ weight[o, c, i, j] · input[n, c, y·s + i·d - p, x·s + j·d - p]

    summed over c, i and j; outside the image input is 0.

    Args:
        stride: s, by how many pixels the kernel moves on; (vertical, horizontal) or one for both.
        padding: p, how many zeros surround the image on each side; "same" for as many as keep the
            size (one more below and to the right if their number is odd), "valid" for none.
        dilation: d, the distance of neighbouring weights in pixels.
        groups: the channels are cut into so many groups, each seen only by its share of the
            kernels. As many groups as channels: a depthwise convolution.

    Shape: input (N, C, H, W), weight (O, C/groups, kh, kw), bias (O,) -> (N, O, H', W') with
    H' = ⌊(H + 2p - d·(kh - 1) - 1) / s⌋ + 1; without N if the input has none

    Raises:
        ValueError: the shapes do not fit, or the kernel reaches over more than the padded image.
        TypeError: the dtypes differ.

    >>> from tt_tensor import ones
    >>> conv2d(ones(1, 1, 3, 3), ones(1, 1, 2, 2), padding="same")
    tensor([[[[4., 4., 2.],
              [4., 4., 2.],
              [2., 2., 1.]]]])

    Source: LeCun et al. 1989; as a matrix product, Chellapilla, Puri and Simard 2006.
    """
    return _convolve("conv2d", 2, (input, weight, bias), stride, padding, dilation, groups)


def _convolve(
    name: str,
    dims: int,
    operands: tuple[Tensor, Tensor, Tensor | None],
    stride: Pair,
    padding: str | Pair,
    dilation: Pair,
    groups: int,
) -> Tensor:
    """Check, convolve as images (of one row if ``dims`` is 1), and give the shape asked for."""
    keep_freed_memory()
    input, weight, bias = operands
    x = batched(name, input, dims)
    strides = numbers(name, "stride", stride, dims, 1)
    dilations = numbers(name, "dilation", dilation, dims, 1)
    _check_operands(name, dims, x, weight, bias, groups)
    sides = _sides(name, weight.shape[2:], strides, padding, dilations)
    _check_fit(name, x.shape[2:], weight.shape[2:], sides, dilations)
    if dims == 1:
        x, weight = x.unsqueeze(2), weight.unsqueeze(2)
        strides, dilations, sides = (1, *strides), (1, *dilations), [(0, 0), *sides]
    given = (x, weight) if bias is None else (x, weight, bias)
    out = apply(
        _conv2d, *given, stride=strides, padding=tuple(sides), dilation=dilations, groups=groups
    )
    out = out.squeeze(2) if dims == 1 else out
    return out.squeeze(0) if input.ndim == dims + 1 else out


def _check_operands(
    name: str, dims: int, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int
) -> None:
    kernel = ("kh", "kw") if dims == 2 else ("K",)
    if weight.ndim != dims + 2 or 0 in weight.shape[2:] or not weight.shape[0]:
        raise ValueError(
            f"{name}: expected a weight (out_channels, in_channels/groups, {', '.join(kernel)}) of "
            f"at least one number, got shape {weight.shape}"
        )
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"{name}: groups must be a whole number above 0, got {groups!r}")
    out_channels, per_group = weight.shape[:2]
    if out_channels % groups:
        raise ValueError(
            f"{name}: {out_channels} kernels cannot be shared out evenly to {groups} groups; "
            "choose out_channels divisible by groups"
        )
    if x.shape[1] != per_group * groups:
        times = f" · {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"{name}: the weight of shape {weight.shape} expects {per_group}{times} = "
            f"{per_group * groups} channels, but x of shape {x.shape} has {x.shape[1]}. Images are "
            "(N, C, H, W): is the channel dim in its place?"
        )
    if bias is not None and bias.shape != (out_channels,):
        raise ValueError(f"{name}: expected a bias of shape ({out_channels},), got {bias.shape}")
    for what, other in (("weight", weight), ("bias", bias)):
        if other is not None and other.dtype != x.dtype:
            raise TypeError(
                f"{name}: x is {x.dtype} and the {what} {other.dtype}; convert one of them, for "
                f"example x.to({other.dtype.name!r})"
            )


def _sides(
    name: str,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: str | Pair,
    dilation: tuple[int, ...],
) -> list[tuple[int, int]]:
    """The zeros before and after the pixels, along each dim."""
    if not isinstance(padding, str):
        return [(p, p) for p in numbers(name, "padding", padding, len(kernel), 0)]
    if padding not in ("same", "valid"):
        raise ValueError(f"{name}: padding must be 'same', 'valid' or numbers, got {padding!r}")
    if padding == "valid":
        return [(0, 0) for _ in kernel]
    if max(stride) > 1:
        raise ValueError(
            f"{name}: padding='same' keeps the size, so stride must be 1; got {stride}. Give the "
            "padding in numbers"
        )
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]


def _check_fit(
    name: str,
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    sides: list[tuple[int, int]],
    dilation: tuple[int, ...],
) -> None:
    padded = [size + sum(side) for size, side in zip(sizes, sides, strict=True)]
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(span > size for span, size in zip(spans, padded, strict=True)):
        reach, room = (" × ".join(map(str, both)) for both in (spans, padded))
        raise ValueError(
            f"{name}: the kernel reaches over {reach} pixels, but the padded input has only "
            f"{room}. Use a smaller kernel or dilation, more padding, or larger images"
        )

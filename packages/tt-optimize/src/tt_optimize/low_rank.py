"""Two thin layers in the place of a wide one: a weight matrix as a product of low rank.

A matrix W (m, n) is a sum of min(m, n) outer products, each weighted by a singular value:
W = U diag(s) Vᵀ. Of a trained layer many singular values are small. Without them W ≈ (U √s)(√s Vᵀ)
with r columns left, which takes r (m + n) numbers in the place of m n, and as many multiplications.
That is less for r < m n / (m + n): of a square matrix, less than half of the ranks must do.

No other matrix of rank r is closer to W: the squared error is what the dropped singular values
have, Σ_{i>r} s_i² (Eckart and Young 1936). The share of Σ s_i² that is kept is called the explained
energy.

A k×k convolution is a matrix, too: each output channel is a row of in_channels · k · k numbers. It
becomes a k×k convolution to r channels and a 1×1 convolution from there (Denil et al. 2013).

Train on for some epochs afterwards, as for any approximation.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from tt_nn import Conv2d, Embedding, Linear, Module, Parameter, Sequential
from tt_tensor.tensor import wrap

from .prune.checks import check_floats
from .replace import replace_layers
from .technique import technique

__all__ = ["low_rank", "singular_values"]

Array = np.ndarray[Any, np.dtype[Any]]


@technique
def low_rank(
    model: Any,
    rank: int | Mapping[str, int] | None = None,
    *,
    ratio: float | None = None,
    energy: float | None = None,
    embeddings: bool = False,
) -> Any:
    """A new model with two thin layers in the place of each Linear and Conv2d that gets smaller.

    Layers that would not take fewer numbers stay as they are, and so do weights that several layers
    share (a GPT's table of tokens) and grouped convolutions. One of these says how far to go:

    Args:
        rank: the rank of all layers; or of each by its name, which leaves the others alone.
        ratio: the share of its numbers that each split layer may keep, between 0 and 1.
        energy: the share of Σ s_i² that each layer must keep, above 0 and up to 1.
        embeddings: split Embeddings as well.

    Returns:
        The new model. A split layer is a ``Sequential`` with the layers ``down`` and ``up``. The
        given model stays as it is.

    Raises:
        ValueError: not one of rank, ratio and energy is given, or it makes no sense; a rank is
            larger than a layer's; no layer would get smaller; or weights are not finite.
        TypeError: the model was quantized or accelerated already.

    >>> from tt_nn import Linear, ReLU, Sequential
    >>> low_rank(Sequential(Linear(64, 32), ReLU(), Linear(32, 2)), ratio=0.5)
    Sequential(
      (0): Sequential(
        (down): Linear(in_features=64, out_features=10, bias=False)
        (up): Linear(in_features=10, out_features=32, bias=True)
      )
      (1): ReLU()
      (2): Linear(in_features=32, out_features=2, bias=True)
    )
    """
    _check_options(rank, ratio, energy)
    check_floats(model, "low_rank")
    layers = _splittable(model, embeddings)
    halves = {
        id(layers[name]): _split(layers[name], wanted)
        for name, wanted in _ranks(layers, rank, ratio, energy).items()
        if 0 < wanted < _rank_limit(layers[name])
    }
    if not halves:
        raise ValueError(
            f"low_rank: no layer of this {type(model).__name__} would get smaller. help: "
            "rank · (m + n) must be below m · n; see singular_values(model) for what ranks matter"
        )
    return copy.deepcopy(replace_layers(model, lambda _, layer: halves.get(id(layer))))


def singular_values(model: Module, embeddings: bool = False) -> dict[str, Array]:
    """The singular values of each layer that `low_rank` can split, by name, largest first.

    With s one of them, ``np.cumsum(s**2) / np.sum(s**2)`` is the energy that rank 1, 2, ...
    explains.

    >>> from tt_nn import Linear
    >>> s = singular_values(Linear(64, 10))[""]
    >>> explained = np.cumsum(s**2) / np.sum(s**2)
    >>> len(s), bool(explained[4] > 5 / 10)  # the first half of the ranks holds more than half
    (10, True)
    """
    check_floats(model, "singular_values")
    return {
        name: np.linalg.svd(_matrix(layer), compute_uv=False)
        for name, layer in _splittable(model, embeddings).items()
    }


def _check_options(rank: Any, ratio: float | None, energy: float | None) -> None:
    given = {
        name: value
        for name, value in (("rank", rank), ("ratio", ratio), ("energy", energy))
        if value is not None
    }
    if len(given) != 1:
        got = ", ".join(f"{name}={value}" for name, value in given.items()) or "none"
        raise ValueError(f"low_rank: expected one of rank, ratio and energy; got {got}")
    ranks = rank.values() if isinstance(rank, Mapping) else [rank]
    whole = all(isinstance(r, int | np.integer) and r is not True for r in ranks)
    if rank is not None and not (whole and all(r > 0 for r in ranks)):
        raise ValueError(f"low_rank: a rank is a whole number above 0, got {rank!r}")
    if ratio is not None and not 0 < ratio < 1:
        raise ValueError(f"low_rank: ratio is a share of the numbers, between 0 and 1; got {ratio}")
    if energy is not None and not 0 < energy <= 1:
        raise ValueError(f"low_rank: energy is a share above 0 and up to 1, got {energy}")


def _splittable(model: Module, embeddings: bool) -> dict[str, Any]:
    """The layers with a weight of their own that is a matrix, by name."""
    kinds = {Linear, Conv2d, Embedding} if embeddings else {Linear, Conv2d}
    uses = Counter(id(tensor) for _, tensor in model.named_parameters(remove_duplicate=False))
    return {
        name: module
        for name, module in model.named_modules()
        if type(module) in kinds
        and uses[id(module.weight)] == 1  # type: ignore[attr-defined]
        and getattr(module, "groups", 1) == 1
        and getattr(module, "padding_idx", None) is None  # whose row is 0 and stays so
    }


def _ranks(
    layers: Mapping[str, Any],
    rank: int | Mapping[str, int] | None,
    ratio: float | None,
    energy: float | None,
) -> dict[str, int]:
    """The rank that each layer is to get, by name."""
    if rank is None:
        return {name: _rank_of(_matrix(layer), ratio, energy) for name, layer in layers.items()}
    full = {name: min(_matrix(layer).shape) for name, layer in layers.items()}
    if not isinstance(rank, Mapping):
        if full and rank > max(full.values()):
            raise ValueError(
                f"low_rank: no layer has more than rank {max(full.values())}, got rank={rank}"
            )
        return dict.fromkeys(layers, rank)
    for name, wanted in rank.items():
        if name not in full:
            raise ValueError(
                f"low_rank: there is no layer {name!r} that could be split; there are "
                f"{', '.join(map(repr, layers)) or 'none'}"
            )
        if wanted > full[name]:
            raise ValueError(f"low_rank: {name!r} has rank {full[name]} at most, got rank {wanted}")
    return dict(rank)


def _rank_limit(layer: Any) -> float:
    """m n / (m + n): with a lower rank the two layers take fewer numbers than the one."""
    matrix = _matrix(layer)
    return matrix.size / sum(matrix.shape)


def _matrix(layer: Any) -> Array:
    """A layer's weight as a matrix, in float64: (out, in); of a convolution (out, in · k · k)."""
    weight: Array = layer.weight.array.astype(np.float64)
    if type(layer) is Embedding:  # what comes out is a column of the table's transpose
        weight = weight.T
    return weight.reshape(len(weight), -1)


def _rank_of(matrix: Array, ratio: float | None, energy: float | None) -> int:
    """The largest rank within ``ratio`` (0: there is none), or the smallest for ``energy``."""
    if ratio is not None:
        return int(ratio * matrix.size / sum(matrix.shape))
    squares = np.linalg.svd(matrix, compute_uv=False) ** 2
    explained = np.cumsum(squares) / max(squares.sum(), 1e-300)
    # the last of the sums is 1 but for rounding
    return min(int(np.searchsorted(explained, energy or 1.0)) + 1, squares.size)


def _split(layer: Any, rank: int) -> Sequential:
    """The two layers whose product is closest to a layer's matrix; √s goes to each of them."""
    matrix = _matrix(layer)
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    root = np.sqrt(s[:rank])
    left, right = u[:, :rank] * root, root[:, None] * vt[:rank]  # (out, r), (r, in)
    out, inputs = matrix.shape
    dtype = layer.weight.dtype
    down: Any
    up: Any
    if type(layer) is Conv2d:
        down = Conv2d(
            *(layer.in_channels, rank, layer.kernel_size, layer.stride, layer.padding),
            dilation=layer.dilation,
            bias=False,
        )
        up = Conv2d(rank, out, 1, bias=layer.bias is not None)
        left, right = left.reshape(up.weight.shape), right.reshape(down.weight.shape)
    elif type(layer) is Embedding:
        down, up = Embedding(inputs, rank), Linear(rank, out, bias=False)
        right = right.T
    else:
        down = Linear(inputs, rank, bias=False)
        up = Linear(rank, out, bias=layer.bias is not None)
    for half, values in ((down, right), (up, left)):
        array = np.ascontiguousarray(values, dtype)
        half.weight = Parameter(wrap(array), requires_grad=layer.weight.requires_grad)
    if getattr(layer, "bias", None) is not None:
        up.bias = Parameter(wrap(layer.bias.array), requires_grad=layer.bias.requires_grad)
    return Sequential({"down": down, "up": up}).train(layer.training)

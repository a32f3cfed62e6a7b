"""Counting the floating-point operations of each call from its actual shapes.

One addition, multiplication, comparison or elementary function (exp, tanh, ...) counts as one
operation; a multiply-add counts as two. Moving numbers counts as none, and so does what is done
once for a whole row, such as the logarithm of a softmax's sum. These are the forward operations;
those of gradient rules are in ``backward_flops.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tt_nn import Module
from tt_tensor import time_ops, untime_ops

__all__ = ["COUNTS", "count_flops", "flops"]

Count = Callable[[tuple[Any, ...], dict[str, Any], Any], int]


def _numel(x: Any) -> int:
    return math.prod(getattr(x, "shape", ()))


def per_output(operations: int) -> Count:
    """So many operations for each number of the result."""
    return lambda inputs, params, out: operations * _numel(out)


def per_input(operations: int) -> Count:
    """So many operations for each number of the first input."""
    return lambda inputs, params, out: operations * _numel(inputs[0])


def matmul_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """2 · k for each number of the result, k being the inner size."""
    return 2 * int(inputs[0].shape[-1]) * _numel(out)


def linear_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """2 · in_features for each number of the result, and one for the bias."""
    return (2 * int(inputs[0].shape[-1]) + (len(inputs) > 2)) * _numel(out)


def attention_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """Two products, and 6 operations a score: scale, max, -, exp, sum, /; one more to add a mask,
    and three to drop: a comparison, the factor, ·.

    Masked scores are counted too, though a causal mask leaves some of them uncomputed.
    """
    q, k, v = inputs[:3]
    scores = int(math.prod(q.shape[:-1]) * k.shape[-2])
    added = bool(len(inputs) > 3 and inputs[3].dtype.kind == "f")
    dropped = 3 * bool(params.get("dropout_p"))
    return scores * (2 * int(q.shape[-1]) + 2 * int(v.shape[-1]) + 6 + added + dropped)


def einsum_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """Operands · product of all letters' sizes: the plain loop; a better order may need less."""
    sizes: dict[str, int] = {}
    left = str(params["equation"]).replace(" ", "").split("->")[0]
    for names, x in zip(left.split(","), inputs, strict=True):
        head, dots, tail = names.partition("...")
        more = len(x.shape) - len(head) - len(tail) if dots else 0
        letters = [*head, *(f"-{i}" for i in range(more, 0, -1)), *tail]
        for letter, size in zip(letters, x.shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 0))  # what ... stands for may broadcast
    return len(inputs) * math.prod(sizes.values())


def gelu_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """x², ·, +, ·x, tanh, +1, ·x, ·½; or, exactly, ·√½, erf, +1, ·x, ·½."""
    return (8 if params["approximate"] == "tanh" else 5) * _numel(out)


def conv2d_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """2 for each weight of a kernel, at each number of the result, and one for the bias."""
    return (2 * int(math.prod(inputs[1].shape[1:])) + (len(inputs) > 2)) * _numel(out)


def max_pool2d_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """One comparison for each pixel of a window but the first, at each number of the result."""
    height, width = params["kernel"]
    return (int(height * width) - 1) * _numel(out)


def avg_pool2d_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """One addition for each pixel of a window but the first, and a division."""
    height, width = params["kernel"]
    return int(height * width) * _numel(out)


def normalisation_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """Sum, -, ², sum, /σ, and one each for weight and bias."""
    return (4 + len(inputs)) * _numel(out)


def clamp_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """One comparison for each bound."""
    return sum(params.get(bound) is not None for bound in ("min", "max")) * _numel(out)


def sort_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """n log₂ n comparisons for each row of n, as merging sorted halves needs."""
    shape = inputs[0].shape
    n = shape[params["dim"]] if shape else 1
    return _numel(out) * math.ceil(math.log2(max(n, 1)))


_MOVES = """
    reshape view squeeze unsqueeze expand permute transpose flip roll repeat cat stack split tril
    triu contiguous diagonal getitem place setitem gather scatter index_select embedding clone to
    where masked_fill
"""
_ONE_FOR_EACH_RESULT = """
    add sub mul div floor_divide remainder pow maximum minimum atan2 eq ne lt le gt ge neg abs sign
    round floor ceil exp expm1 log log2 log10 log1p sqrt reciprocal square sin cos tan asin acos
    atan sinh cosh tanh relu erf isnan isinf isfinite bitwise_and bitwise_or bitwise_xor bitwise_not
    logical_not left_shift right_shift
"""
_ONE_FOR_EACH_INPUT = """
    sum mean amax amin argmax argmin prod cumsum cumprod any all
"""

COUNTS: dict[str, Count] = {
    **dict.fromkeys(_MOVES.split(), per_output(0)),
    **dict.fromkeys(_ONE_FOR_EACH_RESULT.split(), per_output(1)),
    **dict.fromkeys(_ONE_FOR_EACH_INPUT.split(), per_input(1)),
    "matmul": matmul_flops,
    "linear": linear_flops,
    "einsum": einsum_flops,
    "scaled_dot_product_attention": attention_flops,
    "gelu": gelu_flops,
    "conv2d": conv2d_flops,
    "max_pool2d": max_pool2d_flops,
    "avg_pool2d": avg_pool2d_flops,
    "layer_norm": normalisation_flops,
    "batch_norm": normalisation_flops,
    "clamp": clamp_flops,
    "argsort": sort_flops,
    "rsqrt": per_output(2),
    "trunc_divide": per_output(2),
    "sigmoid": per_output(4),  # ·½, tanh, +1, ·½
    "silu": per_output(5),  # σ and ·x
    "rotary": per_output(3),  # two · and their sum
    "log_sigmoid": per_output(6),  # min, abs, -, exp, log1p, -
    "var": per_input(4),  # sum, -, ², sum
    "logsumexp": per_input(4),  # max, -, exp, sum
    "softmax": per_input(5),  # max, -, exp, sum, /
    "log_softmax": per_input(5),  # max, -, exp, sum, -
    "cross_entropy": per_input(5),  # a softmax
    "binary_cross_entropy": per_output(9),  # log, max, -, log1p, max, -1, two · and their sum
    "scatter_add": lambda inputs, params, out: _numel(inputs[2]),  # one for each index
}


def count_flops(op: str, inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int | None:
    """The operations of one call, or None if the op has no count."""
    count = COUNTS.get(op)
    return None if count is None else int(count(inputs, params, out))


def flops(model: Module | Callable[..., Any], *inputs: Any) -> int:
    """The floating-point operations of one call, counted from the shapes of the ops it runs.

    Raises:
        ValueError: naming the ops that have no count.

    >>> from tt_nn import Linear
    >>> from tt_tensor import ones
    >>> flops(Linear(100, 10), ones(4, 100))
    8040
    """
    total, unknown = 0, set()

    def listen(op: Any, given: Any, params: Any, out: Any, seconds: float) -> None:
        nonlocal total
        counted = count_flops(op.name, given, params, out)
        if counted is None:
            unknown.add(op.name)
        else:
            total += counted

    time_ops(listen)
    try:
        model(*inputs)
    finally:
        untime_ops(listen)
    if unknown:
        raise ValueError(f"flops: no count for {', '.join(sorted(unknown))}; add it to COUNTS")
    return total

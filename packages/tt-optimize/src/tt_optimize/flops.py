"""Counting the floating-point operations of each call from its actual shapes.

One addition, multiplication, comparison or elementary function (exp, tanh, ...) counts as one operation;
a multiply-add counts as two. Moving numbers counts as none. Backward passes are counted as the products
they consist of: twice the forward for a matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tt_nn import Module
from tt_tensor import Tensor, time_ops, untime_ops

__all__ = ["COUNTS", "count_flops", "flops"]

Count = Callable[[tuple[Any, ...], dict[str, Any], Any], int]


def _numel(x: Any) -> int:
    return x.numel() if isinstance(x, Tensor) else 1


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
    """Two products with T·S results or summands, and 5 operations a score (scale, max, -, exp, /).

    Masked scores are counted too: they are computed.
    """
    q, k, v = inputs[:3]
    scores = math.prod(q.shape[:-1]) * int(k.shape[-2])
    return scores * (2 * int(q.shape[-1]) + 2 * int(v.shape[-1]) + 5)


def einsum_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """Operands · product of the sizes of all letters: the plain loop; a better order may need less."""
    sizes: dict[str, int] = {}
    for names, x in zip(params["equation"].split("->")[0].split(","), inputs, strict=True):
        if "." in names:
            raise KeyError("einsum with ...")
        sizes.update(zip(names, x.shape, strict=True))
    return len(inputs) * math.prod(sizes.values())


_MOVES = (
    "reshape view squeeze unsqueeze expand permute transpose flip roll repeat cat stack split tril triu "
    "contiguous diagonal getitem place setitem gather scatter index_select embedding clone to where "
    "masked_fill"
)
_ONE_EACH = (
    "add sub mul div floor_divide remainder pow maximum minimum atan2 eq ne lt le gt ge neg abs sign "
    "round floor ceil exp expm1 log log2 log10 log1p sqrt reciprocal square sin cos tan asin acos atan "
    "sinh cosh tanh relu isnan isinf isfinite bitwise_and bitwise_or bitwise_xor bitwise_not logical_not "
    "left_shift right_shift"
)

COUNTS: dict[str, Count] = {
    **dict.fromkeys(_MOVES.split(), per_output(0)),
    **dict.fromkeys(_ONE_EACH.split(), per_output(1)),
    **dict.fromkeys("sum mean amax amin argmax argmin prod cumsum cumprod any all".split(), per_input(1)),
    "matmul": matmul_flops,
    "linear": linear_flops,
    "einsum": einsum_flops,
    "scaled_dot_product_attention": attention_flops,
    "rsqrt": per_output(2),
    "clamp": per_output(2),
    "sigmoid": per_output(4),
    "erf": per_output(1),
    "silu": per_output(5),
    "gelu": per_output(9),  # the tanh form: x², ·, +, ·x, tanh, +1, ·x, ·½ and the scale inside
    "var": per_input(4),
    "logsumexp": per_input(4),
    "softmax": per_input(4),  # max, -, exp and sum; the division is one more of the result
    "log_softmax": per_input(5),
    "layer_norm": per_input(8),  # sum, -, ², sum, ·rstd, ·weight, +bias, and about one per row
    "cross_entropy": per_input(5),
    "scatter_add": per_input(1),
}


def count_flops(op: str, inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int | None:
    """The operations of one call, or None if the op has no count."""
    count = COUNTS.get(op)
    if count is None:
        return None
    try:
        return int(count(inputs, params, out))
    except KeyError:
        return None


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

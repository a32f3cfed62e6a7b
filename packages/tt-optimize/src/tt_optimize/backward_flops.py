"""Counting the floating-point operations of gradient rules, by the same measure as forward ones.

What is counted is the work of the rule as it stands in tt-autograd and tt-nn, for those gradients
that are needed: the rule of a matrix product has two products, each as large as the forward one, so
a training step costs about three times a forward pass. An input that was stretched by broadcasting
has its gradient summed, one addition for each number. Adding up gradients of a tensor that was used
several times is the work of the backward pass, not of a rule, and is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .flops import einsum_flops

__all__ = ["BACKWARD_COUNTS", "count_backward_flops"]

Gradients = Sequence[Any]
RuleCount = Callable[[Any, Any, Gradients], "int | None"]


def _numel(x: Any) -> int:
    if isinstance(x, dict):  # of an op with several outputs
        return sum(map(_numel, x.values()))
    return math.prod(getattr(x, "shape", ()))


def each(*operations: int) -> RuleCount:
    """So many operations for each number of g: for the gradient by the first input, the second, ...
    if it is needed."""

    def count(node: Any, g: Any, gradients: Gradients) -> int:
        pairs = zip(operations, gradients, strict=False)  # those beyond have no gradient
        return _numel(g) * sum(cost for cost, gradient in pairs if gradient is not None)

    return count


def per_arriving(operations: int) -> RuleCount:
    """So many operations for each number of g, whatever is needed."""
    return lambda node, g, gradients: operations * _numel(g)


def per_gradient(operations: int) -> RuleCount:
    """So many operations for each number of the gradient by the first input."""
    return lambda node, g, gradients: operations * _numel(gradients[0])


def pow_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """For a number as exponent y xʸ⁻¹ g, or 2x g; else with a test for 0, and g xʸ log x."""
    arriving = _numel(g)
    x, y = node.inputs
    total = 0
    if gradients[0] is not None:
        number = isinstance(y, (int, float))
        total += ({2.0: 2, 0.0: 1}.get(float(y), 3) if number else 5) * arriving
    if gradients[1] is not None:
        total += (2 if isinstance(x, (int, float)) and x else 6) * arriving
    return total


def gelu_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """Its derivative, from x again."""
    return (15 if node.params["approximate"] == "tanh" else 11) * _numel(g)


def clamp_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """A comparison for each bound, an "and" between two, and the product with g."""
    bounds = sum(node.params.get(bound) is not None for bound in ("min", "max"))
    return 2 * bounds * _numel(g)


def cumprod_rule(node: Any, g: Any, gradients: Gradients) -> int | None:
    """!= 0, all, ·, cumsum, /; unknown where there are zeros, which take another way."""
    x = node.inputs[0]
    return 5 * _numel(g) if bool((x != 0).all()) else None


def matmul_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """By each factor a product as large as the forward one, 2 · k for each number of g.

    Where a vector was the other factor it is an outer product, without additions: k. What was
    stretched over the batch is summed, unless the sum is part of the product.
    """
    arriving = _numel(g)
    x, y = node.inputs
    k = int(x.shape[-1])
    vector_x, vector_y = len(x.shape) == 1, len(y.shape) == 1
    total = 0
    if gradients[0] is not None:
        total += (1 if vector_y else 2) * k * arriving
        columns = 1 if vector_y else int(y.shape[-1])
        whole = arriving // max(columns, 1) * k
        total += whole if whole > _numel(gradients[0]) else 0
    if gradients[1] is not None:
        outer = vector_x or vector_y
        total += (1 if outer else 2) * k * arriving
        rows = 1 if outer else int(x.shape[-2])
        whole = arriving // max(rows, 1) * k
        merged = not outer and len(y.shape) == 2
        total += whole if whole > _numel(gradients[1]) and not merged else 0
    return total


def einsum_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """By each operand an einsum of g with the others, counted as the plain loop, too."""
    left, result = node.params["equation"].split("->")
    total = 0
    for i, gradient in enumerate(gradients):
        if gradient is not None:
            names, operands = left.split(","), list(node.inputs)
            names[i], operands[i] = result, g
            total += einsum_flops(tuple(operands), {"equation": ",".join(names)}, gradient)
    return total


def linear_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """g W and gᵀ x, 2 · in_features for each number of g, and one for the bias."""
    size = int(node.inputs[1].shape[1])
    products = sum(gradient is not None for gradient in gradients[:2])
    bias = sum(gradient is not None for gradient in gradients[2:])
    return (2 * size * products + bias) * _numel(g)


def conv2d_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """2 for each weight of a kernel, at each number of g, by the images and by the weights; one for
    the bias."""
    size = int(math.prod(node.inputs[1].shape[1:]))
    products = sum(gradient is not None for gradient in gradients[:2])
    bias = sum(gradient is not None for gradient in gradients[2:])
    return (2 * size * products + bias) * _numel(g)


def max_pool2d_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """For each pixel of a window: is it the maximum, the first, note it, route g; and an addition
    where windows overlap."""
    params = node.params
    reach = [d * (k - 1) for k, d in zip(params["kernel"], params["dilation"], strict=True)]
    overlap = any(r >= s for r, s in zip(reach, params["stride"], strict=True))
    return (4 + overlap) * int(math.prod(params["kernel"])) * _numel(g)


def avg_pool2d_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """A division, then each number is spread over a window's columns, and those over its rows."""
    height, width = node.params["kernel"]
    images, channels, rows, _ = g.shape
    columns = int(gradients[0].shape[3])
    return int((1 + width) * _numel(g) + height * images * channels * rows * columns)


def layer_norm_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """x̂: -, ·; by the weight ·, sum; by the bias sum; by x ·, sum, ·, -, sum, -, /σ."""
    scaled = len(node.inputs) > 1
    by_x = 7 + scaled if gradients[0] is not None else 0
    return (2 + 2 * scaled + (len(node.inputs) > 2) + by_x) * _numel(g)


def batch_norm_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """x̂: -, ·; g x̂ and the two sums; by x ·, -, ·, +."""
    return (5 + 4 * (gradients[0] is not None)) * _numel(g)


def cross_entropy_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """The probabilities times a factor, and with smoothing one subtraction."""
    return (1 + bool(node.params["smoothing"])) * _numel(gradients[0])


def attention_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """Four products, and 4 operations a score: ·, sum, -, ·; two more to drop, twice; then · scale.

    Masked scores are counted too, as forward.
    """
    q, k, v = node.inputs[:3]
    scores = int(math.prod(q.shape[:-1]) * k.shape[-2])
    dropped = 4 * bool(node.params.get("dropout_p"))
    products = 4 * int(q.shape[-1]) + 4 * int(v.shape[-1])
    return scores * (products + 4 + dropped) + _numel(q) + _numel(k)


def getitem_rule(node: Any, g: Any, gradients: Gradients) -> int:
    """Slices are copied back; what integer arrays picked may have been picked twice, and is
    added."""
    index = node.params["index"]
    parts = index if isinstance(index, tuple) else (index,)
    picked = any(getattr(getattr(part, "dtype", None), "kind", "") in ("i", "u") for part in parts)
    listed = any(isinstance(part, list) for part in parts)
    return (picked or listed) * _numel(g)


_MOVE = """
    reshape view squeeze unsqueeze permute transpose flip roll cat stack split tril triu contiguous
    diagonal place setitem scatter scatter_add clone to where masked_fill sum
"""
BACKWARD_COUNTS: dict[str, RuleCount] = {
    **dict.fromkeys(_MOVE.split(), per_arriving(0)),
    **dict.fromkeys(("expand", "repeat", "mean"), per_arriving(1)),
    **dict.fromkeys(("gather", "index_select", "embedding"), per_arriving(1)),
    "getitem": getitem_rule,
    "add": each(0, 0),
    "sub": each(0, 1),
    "mul": each(1, 1),
    "div": each(1, 3),
    **dict.fromkeys(("floor_divide", "trunc_divide"), each(1, 1)),
    "remainder": each(0, 3),
    "pow": pow_rule,
    **dict.fromkeys(("maximum", "minimum"), each(6, 6)),  # <, =, two ½ and -, ·
    "atan2": each(5, 6),
    **dict.fromkeys(("neg", "sign", "round", "floor", "ceil", "exp", "log"), each(1)),
    **dict.fromkeys(("abs", "expm1", "log2", "log10", "log1p", "sqrt", "square"), each(2)),
    **dict.fromkeys(("sin", "sinh", "cosh", "relu"), each(2)),
    **dict.fromkeys(("reciprocal", "cos", "tan", "atan", "tanh", "sigmoid", "rotary"), each(3)),
    **dict.fromkeys(("rsqrt", "asin"), each(4)),
    **dict.fromkeys(("acos", "erf"), each(5)),
    "clamp": clamp_rule,
    "silu": each(9),  # σ, 1-, ·x, +1, ·σ, ·g
    "log_sigmoid": each(6),  # σ(-x), ·g
    "gelu": gelu_rule,
    "softmax": each(4),  # g·y, sum, ·y, -
    "log_softmax": each(4),  # exp, sum, ·, -
    "cross_entropy": cross_entropy_rule,
    "binary_cross_entropy": each(6, 7),
    "var": per_gradient(4),  # sum, -, ·, ·g
    "logsumexp": per_gradient(3),  # -, exp, ·g
    **dict.fromkeys(("amax", "amin"), per_gradient(4)),  # =, sum, /, ·g
    "prod": per_gradient(4),  # the products from both ends, and ·, ·g
    "cumsum": each(1),
    "cumprod": cumprod_rule,
    "matmul": matmul_rule,
    "einsum": einsum_rule,
    "linear": linear_rule,
    "conv2d": conv2d_rule,
    "scaled_dot_product_attention": attention_rule,
    "max_pool2d": max_pool2d_rule,
    "avg_pool2d": avg_pool2d_rule,
    "layer_norm": layer_norm_rule,
    "batch_norm": batch_norm_rule,
}


def count_backward_flops(node: Any, g: Any, gradients: Gradients) -> int | None:
    """The operations of the rules of one recorded call, or None if the op has no count.

    Args:
        node: the recorded call, as ``tt_autograd.time_rules`` hands it on, with g and gradients.
    """
    count = BACKWARD_COUNTS.get(node.name)
    arriving = _numel(g)
    counted = None if count is None else count(node, g, gradients)
    if counted is None:
        return None
    if node.rules.op.broadcasts:
        stretched = sum(x is not None and _numel(x) < arriving for x in gradients)
        counted += stretched * arriving
    return int(counted)

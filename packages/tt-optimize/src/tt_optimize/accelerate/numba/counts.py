"""How many floating-point operations the compiled ops and their rules have, for the profiler.

They are counted as in ``flops.py`` and ``backward_flops.py``: from the shapes, with one for each
elementary function. A logistic function is four: -, exp, +1, /.
"""

from __future__ import annotations

import math
from typing import Any

from ...backward_flops import BACKWARD_COUNTS, per_arriving, per_gradient
from ...flops import COUNTS, normalisation_flops, per_input, per_output

__all__ = ["register"]


def _scores(shape: Any, heads: int) -> int:
    """Those of all heads, the masked half included, for x (B, T, width)."""
    texts, length = map(int, shape[:2])
    return texts * heads * length * length


def attention_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """Two products, and 6 operations a score: ·scale, max, -, exp, sum, ·."""
    heads = int(params["heads"])
    return _scores(inputs[0].shape, heads) * (4 * (int(out.shape[-1]) // heads) + 6)


def attention_rule(node: Any, g: Any, gradients: Any) -> int:
    """Four products, and 5 operations a score: ·, sum, -, ·p, ·scale."""
    heads = int(node.params["heads"])
    return _scores(g.shape, heads) * (8 * (int(g.shape[-1]) // heads) + 5)


def rotary_flops(inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> int:
    """Two · and their sum, for each number that is turned."""
    turned = int(params["heads"]) * 2 * int(inputs[1].shape[-1])
    return 3 * int(math.prod(out.shape[:2])) * turned


def rotary_rule(node: Any, g: Any, gradients: Any) -> int:
    """The same, backwards."""
    return rotary_flops(node.inputs, node.params, g)


FORWARD: dict[str, Any] = {
    "compiled_layer_norm": normalisation_flops,
    "compiled_rms_norm": per_output(4),  # ², sum, ·1/σ, ·weight
    "compiled_gelu": per_output(9),  # ², ·, +, ·x, σ, ·x
    "compiled_silu_gate": per_output(6),  # σ, ·a, ·b
    "compiled_cross_entropy": per_input(4),  # max, -, exp, sum
    "compiled_attention": attention_flops,
    "compiled_rotary": rotary_flops,
}
BACKWARD: dict[str, Any] = {
    "compiled_layer_norm": per_arriving(16),  # x̂ 2, ĝ, by weight 2, bias, sums 3, by x 7
    "compiled_rms_norm": per_arriving(11),  # x̂, by weight 2, ĝ, sum 2, by x 5
    "compiled_gelu": per_arriving(16),  # σ with its argument 8, the derivative 7, ·g
    "compiled_silu_gate": per_arriving(12),  # σ 4, by a 6, by b 2
    "compiled_cross_entropy": per_gradient(1),
    "compiled_attention": attention_rule,
    "compiled_rotary": rotary_rule,
}


def register() -> None:
    """Let the profiler know them."""
    COUNTS.update(FORWARD)
    BACKWARD_COUNTS.update(BACKWARD)

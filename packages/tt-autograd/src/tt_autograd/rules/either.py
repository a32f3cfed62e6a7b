"""Operations for rules: on arrays they compute arrays, on Tensors they go through the door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tt_tensor import Op, Tensor, apply, ops
from tt_tensor.tensor import wrap

__all__ = ["constant", "either"]


def either(op: Op) -> Callable[..., Any]:
    """A function that runs ``op`` on arrays or on Tensors, whichever it is given."""
    forward = op.forward

    def run(*inputs: Any, **params: Any) -> Any:
        for x in inputs:
            if isinstance(x, Tensor):
                return apply(op, *inputs, **params)
        return forward(*inputs, **params)

    return run


def constant(like: Any, array: Any) -> Any:
    """An array for use beside ``like``: itself, or a Tensor if that is one."""
    return wrap(array) if isinstance(like, Tensor) else array


absolute = either(ops.absolute)
cat = either(ops.cat)
cos = either(ops.cos)
cosh = either(ops.cosh)
cumprod = either(ops.cumprod)
cumsum = either(ops.cumsum)
diagonal = either(ops.diagonal)
einsum = either(ops.einsum)
exp = either(ops.exp)
expand = either(ops.expand)
flip = either(ops.flip)
gather = either(ops.gather)
getitem = either(ops.getitem)
log = either(ops.log)
matmul = either(ops.matmul)
permute = either(ops.permute)
place = either(ops.place)
power = either(ops.power)
roll = either(ops.roll)
scatter = either(ops.scatter)
scatter_add = either(ops.scatter_add)
sign = either(ops.sign)
sin = either(ops.sin)
sinh = either(ops.sinh)
sqrt = either(ops.sqrt)
stack = either(ops.stack)
tril = either(ops.tril)
triu = either(ops.triu)
where = either(ops.where)

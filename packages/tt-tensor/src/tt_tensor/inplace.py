"""Changing a tensor's memory in place.

The engine is asked first whether the write is allowed; a followed write is computed like any other
op and its result copied into the old memory, so that gradients stay right. Every write is noted in
the ledger, so that a rule that still needs the old value can raise instead of using the new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import elementwise, ledger, ops
from .door import apply
from .engine import engine
from .indexing import scatter, slices_to_add, unwrap_index
from .op import Op
from .spelling import also_axis

if TYPE_CHECKING:
    from .random import Generator
    from .tensor import Tensor


def _write(op: Op, x: Tensor, *others: Any, **params: Any) -> Tensor:
    """x becomes op(x, *others) in its own memory, keeping its shape and dtype."""
    result = apply(op, x, *others, **params)
    return _store(x, result, op.name)


def _store(x: Tensor, result: Tensor, name: str) -> Tensor:
    if result.shape != x.shape:
        raise ValueError(
            f"{name}_: the result's shape {result.shape} does not fit the tensor's {x.shape}, "
            f"which an in-place operation keeps. Use the out-of-place x = x.{name}(...)"
        )
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise TypeError(
            f"{name}_: a {result.dtype} result cannot be kept in a {x.dtype} tensor. Use the "
            f"out-of-place x = x.{name}(...)"
        )
    _need_writeable(x, name)
    engine().before_write(x, result)
    overwrite(x, result)
    return x


def _need_writeable(x: Tensor, name: str) -> None:
    if not x.array.flags.writeable:
        raise RuntimeError(
            f"{name}: the tensor of shape {x.shape} cannot be written, as it is expanded (several "
            "of its elements are one place in memory) or made from a read-only array; change a "
            "clone()"
        )


def overwrite(x: Tensor, result: Tensor) -> None:
    """Copy the result into x's memory, note it, and hand x the result's place in the graph."""
    np.copyto(x.array, result.array, casting="same_kind")
    ledger.written(x.array)
    if result._graph is not None:
        x._graph = result._graph


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """x[index] = value; the gradient of what was there before is 0."""
    index = unwrap_index(index)
    if engine().tracks(x, value):
        _store(x, apply(ops.setitem, x, value, index=index), "setitem")
        return
    _need_writeable(x, "setitem")
    array = getattr(value, "array", value)
    try:
        ops.write_at(x.array, index, array)
    except (IndexError, ValueError, TypeError) as error:
        params = {"index": index}
        raise ops.setitem.explain(error, [x.array, array], params) from None
    ledger.written(x.array)


def add_(x: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """x += alpha · other."""
    return _write(ops.add, x, other if alpha == 1 else other * alpha)


def sub_(x: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """x -= alpha · other."""
    return _write(ops.sub, x, other if alpha == 1 else other * alpha)


def mul_(x: Tensor, other: Any) -> Tensor:
    """x *= other."""
    return _write(ops.mul, x, other)


def div_(x: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """x /= other, rounded as ``div`` does it."""
    return _store(x, elementwise.div(x, other, rounding_mode=rounding_mode), "div")


def pow_(x: Tensor, exponent: Any) -> Tensor:
    """x becomes x to the power of the exponent."""
    return _write(ops.power, x, exponent)


def floor_divide_(x: Tensor, other: Any) -> Tensor:
    """x //= other."""
    return _write(ops.floor_divide, x, other)


def remainder_(x: Tensor, other: Any) -> Tensor:
    """x %= other."""
    return _write(ops.remainder, x, other)


def bitwise_and_(x: Tensor, other: Any) -> Tensor:
    """x &= other."""
    return _write(ops.bitwise_and, x, other)


def bitwise_or_(x: Tensor, other: Any) -> Tensor:
    """x |= other."""
    return _write(ops.bitwise_or, x, other)


def bitwise_xor_(x: Tensor, other: Any) -> Tensor:
    """x ^= other."""
    return _write(ops.bitwise_xor, x, other)


def lerp_(x: Tensor, end: Tensor, weight: Any) -> Tensor:
    """x becomes x + weight · (end - x)."""
    return _store(x, elementwise.lerp(x, end, weight), "lerp")


def addcmul_(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """x += value · tensor1 · tensor2."""
    return _store(x, elementwise.addcmul(x, tensor1, tensor2, value=value), "addcmul")


def addcdiv_(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """x += value · tensor1 / tensor2."""
    return _store(x, elementwise.addcdiv(x, tensor1, tensor2, value=value), "addcdiv")


def abs_(x: Tensor) -> Tensor:
    """x becomes |x|."""
    return _write(ops.absolute, x)


def square_(x: Tensor) -> Tensor:
    """x becomes x²."""
    return _write(ops.square, x)


def round_(x: Tensor, *, decimals: int = 0) -> Tensor:
    """x becomes the nearest integer, halves the even one."""
    return _write(ops.round_, x, decimals=decimals)


def floor_(x: Tensor) -> Tensor:
    """x becomes ⌊x⌋."""
    return _write(ops.floor, x)


def ceil_(x: Tensor) -> Tensor:
    """x becomes ⌈x⌉."""
    return _write(ops.ceil, x)


def log_(x: Tensor) -> Tensor:
    """x becomes its natural logarithm."""
    return _write(ops.log, x)


def neg_(x: Tensor) -> Tensor:
    """x becomes -x."""
    return _write(ops.neg, x)


def exp_(x: Tensor) -> Tensor:
    """x becomes eˣ."""
    return _write(ops.exp, x)


def sqrt_(x: Tensor) -> Tensor:
    """x becomes √x."""
    return _write(ops.sqrt, x)


def relu_(x: Tensor) -> Tensor:
    """x becomes max(x, 0)."""
    return _write(ops.relu, x)


def sigmoid_(x: Tensor) -> Tensor:
    """x becomes σ(x)."""
    return _write(ops.sigmoid, x)


def tanh_(x: Tensor) -> Tensor:
    """x becomes tanh(x)."""
    return _write(ops.tanh, x)


def clamp_(x: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """x becomes x limited to min ... max."""
    return _store(x, elementwise.clamp(x, min, max), "clamp")


def masked_fill_(x: Tensor, mask: Tensor, value: Any) -> Tensor:
    """x becomes ``value`` where the mask is True."""
    return _write(ops.masked_fill, x, value, mask)


@also_axis
def scatter_add_(x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """``x[index[i][j]][j] += src[i][j]`` for dim 0."""
    return _write(ops.scatter_add, x, src, index, dim=dim)


@also_axis
def scatter_(
    x: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | float | None = None,
    *,
    value: float | None = None,
) -> Tensor:
    """``x[index[i][j]][j] = src[i][j]`` for dim 0; ``src`` may be a number, also as ``value``."""
    return _store(x, scatter(x, dim, index, src, value=value), "scatter")


@also_axis
def index_add_(x: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """The slice index[i] of x along ``dim`` += alpha · source[i]."""
    places, amounts = slices_to_add("index_add_", x, dim, index, source, alpha)
    return _write(ops.scatter_add, x, amounts, places, dim=dim)


def copy_(x: Tensor, src: Any) -> Tensor:
    """x takes the values of src, broadcast to its shape and converted to its dtype."""
    if np.ndim(getattr(src, "array", src)) > x.ndim:
        raise ValueError(f"copy_: the shape {src.shape} does not fit the tensor's {x.shape}")
    setitem(x, ..., src)
    return x


def fill_(x: Tensor, value: Any) -> Tensor:
    """Every element of x becomes value, a number or 0-d tensor."""
    if np.ndim(getattr(value, "array", value)):
        raise ValueError(f"fill_: expected one value, got shape {value.shape}; use copy_")
    return copy_(x, value)


def zero_(x: Tensor) -> Tensor:
    """Every element of x becomes 0."""
    return copy_(x, 0)


def uniform_(
    x: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """x is filled with numbers drawn evenly from [from_, to)."""
    from .random import numpy_generator

    if not from_ <= to:
        raise ValueError(f"uniform_: expected from_ <= to, got {from_} and {to}")
    drawn = numpy_generator(generator).random(x.shape, _draw_dtype(x))
    return copy_(x, _constant(drawn * drawn.dtype.type(to - from_) + drawn.dtype.type(from_)))


def normal_(
    x: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """x is filled with numbers drawn from the normal distribution."""
    from .random import numpy_generator

    if std < 0:
        raise ValueError(f"normal_: expected std >= 0, got {std}")
    drawn = numpy_generator(generator).standard_normal(x.shape, _draw_dtype(x))
    return copy_(x, _constant(drawn * drawn.dtype.type(std) + drawn.dtype.type(mean)))


def bernoulli_(x: Tensor, p: float | Tensor = 0.5, *, generator: Generator | None = None) -> Tensor:
    """x is filled with ones of probability p and zeros."""
    from .random import numpy_generator

    share = np.asarray(getattr(p, "array", p))
    if share.size and not (share.min() >= 0 and share.max() <= 1):
        raise ValueError(f"bernoulli_: the probability must lie in 0 to 1, got {p}")
    return copy_(x, _constant(numpy_generator(generator).random(x.shape) < share))


def _draw_dtype(x: Tensor) -> Any:
    if not x.is_floating_point():
        raise TypeError(f"expected a floating tensor to fill, got {x.dtype}; use randint")
    return np.float64 if x.dtype == np.float64 else np.float32


def _constant(value: Any) -> Tensor:
    from .tensor import wrap

    return wrap(np.asarray(value))

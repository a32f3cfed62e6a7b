"""The dtype of every combination of two operands is PyTorch's."""

import operator
from collections.abc import Callable
from typing import Any

import pytest

import tt_tensor

torch = pytest.importorskip("torch")

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
SCALARS = [True, 2, 2.5]
OPERATIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda t, x, y: x + y,
    "mul": lambda t, x, y: x * y,
    "div": lambda t, x, y: x / y,
    "floor_divide": lambda t, x, y: x // y,
    "remainder": lambda t, x, y: x % y,
    "pow": lambda t, x, y: x**y,
    "eq": lambda t, x, y: x == y,
    "less": lambda t, x, y: x < y,
    "where": lambda t, x, y: t.where(t.tensor([True, False]), x, y),
    "maximum": lambda t, x, y: t.maximum(x, y),
    "atan2": lambda t, x, y: t.atan2(x, y),
}
FUNCTIONS = """
    abs neg sign square reciprocal rsqrt sqrt exp log sin tanh sigmoid erf relu floor round clamp
    isnan logical_not bitwise_not sum prod mean var norm logsumexp cumsum amax max argmax any sort
    topk cat exp_ sigmoid_ add_half mul_two div_ sub_bool
"""
BOOLS_TOO = {"abs", "relu", "argmax", "topk"}  # we take bools here, PyTorch does not
TWO_TENSORS = {"maximum", "atan2"}  # PyTorch takes no Python number here


def value(framework: Any, kind: Any, ndim: int) -> Any:
    """A Python number, or a tensor of that dtype with one dim or none."""
    if not isinstance(kind, str):
        return kind
    numbers: Any = [1, 1] if ndim else 1
    return framework.tensor(numbers, dtype=getattr(framework, kind))


def outcome(framework: Any, operation: str, left: tuple[Any, int], right: tuple[Any, int]) -> Any:
    """The dtype, shape and numbers of the result, or "refused"."""
    try:
        x, y = value(framework, *left), value(framework, *right)
        result = OPERATIONS[operation](framework, x, y)
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return "refused"
    name = str(result.dtype).removeprefix("torch.")
    rounded = result.to(framework.float64) * 1e6
    return name, tuple(result.shape), rounded.round().tolist()


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("first", DTYPES)
def test_promotion(first: str, operation: str) -> None:
    others = [(kind, ndim) for kind in DTYPES for ndim in (1, 0)]
    if operation not in TWO_TENSORS:
        others += [(number, 0) for number in SCALARS]
    if operation == "pow" and first == "bool":  # PyTorch's bool ** True is bool, ours is refused
        others.remove((True, 0))
    for ndim in (1, 0):
        for other in others:
            pairs = [((first, ndim), other)]
            if not isinstance(other[0], str):
                pairs.append((other, (first, ndim)))
            for left, right in pairs:
                ours = outcome(tt_tensor, operation, left, right)
                theirs = outcome(torch, operation, left, right)
                assert ours == theirs, f"{operation}({left}, {right})"


@pytest.mark.parametrize("operation", ["sub", "and_", "or_", "xor", "lshift", "rshift", "matmul"])
@pytest.mark.parametrize("first", DTYPES)
def test_promotion_of_operators_not_for_all(first: str, operation: str) -> None:
    apply = getattr(operator, operation)
    for second in DTYPES:
        results = []
        for t in (tt_tensor, torch):
            try:
                result = apply(value(t, first, 1), value(t, second, 1))
                results.append((str(result.dtype).removeprefix("torch."), result.tolist()))
            except (RuntimeError, TypeError, ValueError, NotImplementedError):
                results.append("refused")
        assert results[0] == results[1], f"{operation}({first}, {second})"


@pytest.mark.parametrize(
    "function",
    FUNCTIONS.split(),
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_of_functions_of_one_tensor(dtype: str, function: str) -> None:
    special: dict[str, Callable[[Any, Any], Any]] = {
        "cumsum": lambda t, x: x.cumsum(0),
        "logsumexp": lambda t, x: x.logsumexp(0),
        "clamp": lambda t, x: x.clamp(0, 2),
        "max": lambda t, x: x.max(0).values,
        "sort": lambda t, x: x.sort().values,
        "topk": lambda t, x: x.topk(1).values,
        "exp_": lambda t, x: x.exp_(),
        "sigmoid_": lambda t, x: x.sigmoid_(),
        "add_half": lambda t, x: x.add_(0.5),
        "div_": lambda t, x: x.div_(2),
        "mul_two": lambda t, x: x.mul_(2),
        "sub_bool": lambda t, x: x.sub_(t.tensor(True)),
        "cat": lambda t, x: t.cat([x, t.tensor([1], dtype=t.int32)]),
    }
    results: list[str] = []
    for t in (tt_tensor, torch):
        call = special.get(function) or (lambda t, x: getattr(t, function)(x))
        try:
            result = call(t, value(t, dtype, 1))
            results.append(str(result.dtype).removeprefix("torch."))
        except (RuntimeError, TypeError, ValueError, NotImplementedError):
            results.append("refused")
    if dtype == "bool" and function in BOOLS_TOO:
        assert results == [results[0], "refused"] and results[0] != "refused"
    else:
        assert results[0] == results[1]

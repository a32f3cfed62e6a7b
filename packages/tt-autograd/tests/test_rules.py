"""Every rule of the table, on the samples listed here; an op without samples fails.

Each sample is an expression. Its gradients are compared with finite differences in float64, so are
the gradients of its gradients; dtypes are kept in float32; memory order makes no difference.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tt_tensor as t
from tt_autograd import grad, gradcheck, gradgradcheck
from tt_autograd.rule import table
from tt_tensor import Tensor, ops

OPERANDS: dict[str, Any] = {
    "x": [[0.53, -1.47, 2.11], [-0.29, 3.07, -2.56]],
    "y": [[1.58, 0.77, -2.23], [2.31, -1.09, 0.71]],
    "p": [[0.62, 1.43, 2.17], [0.31, 2.9, 2.6]],  # positive
    "u": [[0.61, -0.77, 0.13], [-0.27, 0.93, 0.33]],  # within -1 to 1
    "r": [[2.0, 0.0, 3.0], [0.0, 0.0, -1.5]],  # with zeros
    "c": [[2.1], [-3.17]],  # a column
    "v": [1.2, -2.3, 3.4],  # a vector
    "s": 0.8,  # 0-d
    "e": np.zeros((0, 3)),  # empty
    "n": np.zeros((0, 1)),  # empty, and stretched all the same
    "w": np.sin(np.arange(24.0)).reshape(2, 3, 4),
    "a": np.cos(np.arange(24.0)).reshape(2, 4, 3),
    "m": np.cos(np.arange(8.0)).reshape(4, 2),
    "o": np.array([[[0.7], [-0.4]]]),  # (1, 2, 1)
    "q": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]],  # square
    "b": [[True, False, True], [False, False, True]],  # a mask
    "k": [1, 0, 1],  # positions of rows, one twice
    "l": [[0, 2, 0], [1, 1, 0]],  # positions of columns, some twice
}
FLOATING = {name for name, data in OPERANDS.items() if np.asarray(data).dtype.kind == "f"}

SAMPLES: dict[str, list[str]] = {
    # --- arithmetic
    "add": ["x + y", "x + c", "x + 2", "s + v", "e + v", "o + w[:, :2]", "n + e"],
    "sub": ["x - y", "c - x", "2 - x", "s - v", "v - e"],
    "mul": ["x * y", "x * x", "c * x", "3 * x", "s * v", "e * e", "n * e", "o * w[:, :2]"],
    "div": ["x / y", "c / p", "2 / x", "x / 2", "s / p", "e / v", "s / s"],
    "floor_divide": ["x // y", "x // 0.7", "s // x", "e // v"],
    "trunc_divide": [
        "x.div(y, rounding_mode='trunc')",
        "c.div(s, rounding_mode='trunc')",
        "e.div(v, rounding_mode='trunc')",
    ],
    "remainder": ["x % y", "x % 0.7", "c % p", "7 % p", "s % v", "e % v"],
    "pow": [
        "x ** 2",
        "x ** 3",
        "x ** -1",
        "x ** 1",
        "x ** 0",
        "p ** 0.5",
        "p ** -1.5",
        "2 ** x",
        "p ** y",
        "c.abs() ** x",
        "s ** v",
        "e ** 2",
        "e ** v",
        "r ** 2",
        "x ** k",
    ],
    "maximum": ["x.maximum(y)", "c.maximum(x)", "s.maximum(v)", "e.maximum(v)"],
    "minimum": ["x.minimum(y)", "c.minimum(x)", "s.minimum(v)", "e.minimum(v)"],
    "atan2": ["x.atan2(y)", "c.atan2(x)", "s.atan2(v)", "e.atan2(v)"],
    # --- functions of one variable
    "neg": ["-x", "-s", "-e"],
    "abs": ["x.abs()", "s.abs()", "e.abs()"],
    "sign": ["x.sign()", "s.sign()", "e.sign()"],
    "round": ["u.round()", "p.round(decimals=0)", "s.round()", "e.round()"],
    "floor": ["u.floor()", "s.floor()", "e.floor()"],
    "ceil": ["u.ceil()", "s.ceil()", "e.ceil()"],
    "exp": ["x.exp()", "s.exp()", "e.exp()"],
    "expm1": ["x.expm1()", "s.expm1()", "e.expm1()"],
    "log": ["p.log()", "s.log()", "e.log()"],
    "log2": ["p.log2()", "s.log2()", "e.log2()"],
    "log10": ["p.log10()", "s.log10()", "e.log10()"],
    "log1p": ["p.log1p()", "s.log1p()", "e.log1p()"],
    "sqrt": ["p.sqrt()", "s.sqrt()", "e.sqrt()"],
    "rsqrt": ["p.rsqrt()", "s.rsqrt()", "e.rsqrt()"],
    "reciprocal": ["x.reciprocal()", "s.reciprocal()", "e.reciprocal()"],
    "square": ["x.square()", "s.square()", "e.square()"],
    "sin": ["x.sin()", "s.sin()", "e.sin()"],
    "cos": ["x.cos()", "s.cos()", "e.cos()"],
    "tan": ["u.tan()", "s.tan()", "e.tan()"],
    "asin": ["u.asin()", "s.asin()", "e.asin()"],
    "acos": ["u.acos()", "s.acos()", "e.acos()"],
    "atan": ["x.atan()", "s.atan()", "e.atan()"],
    "sinh": ["x.sinh()", "s.sinh()", "e.sinh()"],
    "cosh": ["x.cosh()", "s.cosh()", "e.cosh()"],
    "tanh": ["x.tanh()", "s.tanh()", "e.tanh()"],
    "sigmoid": ["x.sigmoid()", "s.sigmoid()", "e.sigmoid()"],
    "relu": ["x.relu()", "s.relu()", "e.relu()"],
    "erf": ["x.erf()", "s.erf()", "e.erf()"],
    "clamp": ["x.clamp(-1, 1)", "x.clamp(min=0)", "x.clamp(max=0.3)", "s.clamp(0)", "e.clamp(0)"],
    "where": [
        "t.where(b, x, y)",
        "t.where(b, c, 0.0)",
        "t.where(b, 1, v)",
        "t.where(s > 0, s, v)",
        "t.where(e > 0, e, v)",
        "x.clamp(y - 1, y + 1)",
    ],
    "masked_fill": ["x.masked_fill(b, 2)", "x.masked_fill(b, s)", "e.masked_fill(e > 0, s)"],
    "to": ["x.float().double()", "s.float().double()", "e.float().double()"],
    "clone": ["x.clone()", "s.clone()", "e.clone()"],
    # --- positions
    "getitem": [
        "x[0]",
        "x[:, 1:]",
        "x[..., None, 0]",
        "x[k]",
        "x[k, l[0]]",
        "x[:, l]",
        "x[b]",
        "x[[1, 1]]",
        "w[0, :, k]",
        "w[k, :, 1]",
        "w[..., k]",
        "w[b, 1:]",
        "s[None]",
        "s[...]",
        "e[:, 0]",
        "x[k[:0]]",
    ],
    "place": [
        "t.apply(ops.place, x, shape=(4, 3), index=slice(1, 3))",
        "t.apply(ops.place, x, shape=(2, 2, 3), index=1)",
        "t.apply(ops.place, q, shape=(2, 3), index=k.array)",
        "t.apply(ops.place, s, shape=(2,), index=0)",
        "t.apply(ops.place, e, shape=(0, 3), index=slice(0, 0))",
    ],
    "setitem": [
        "t.apply(ops.setitem, x, v, index=0)",
        "t.apply(ops.setitem, x, s, index=(slice(None), 1))",
        "t.apply(ops.setitem, x, 5.0, index=(1, 2))",
        "t.apply(ops.setitem, w, v, index=(0, slice(None), 2))",
        "t.apply(ops.setitem, x, v[:1], index=b.array)",
        "t.apply(ops.setitem, e, v, index=slice(None))",
        "t.apply(ops.setitem, s, v[0], index=())",
    ],
    "gather": ["x.gather(1, l)", "x.gather(0, k[None])", "x.gather(-1, l[:, :1])",
               "s.gather(0, k[0] * 0)", "e.gather(1, l[:0])"],
    "scatter_add": ["x.scatter_add(1, l, y)", "x.scatter_add(0, k[None], y)",
                    "s.scatter_add(0, k[0] * 0, v[0])", "e.scatter_add(1, l[:0], x)"],
    "scatter": ["x.scatter(1, l[:, :1], y)", "x.scatter(0, k[None, :2], 5.0)",
                "x.scatter(1, l[:, 1:2], s)", "e.scatter(1, l[:0], x)"],
    "index_select": ["x.index_select(0, k)", "x.index_select(-1, l[0])", "v.index_select(0, k[0])",
                     "e.index_select(1, k)"],
    # --- products
    "matmul": ["x @ v", "v @ q", "v @ v", "x @ q", "w @ a", "w @ m", "w @ m[:, 0]", "v @ w",
               "q @ w", "w[:, None] @ a", "o @ o.mT", "e @ v", "e @ q", "q[:, :0] @ e",
               "w[:, :, :0] @ m[:0]", "w[:0] @ m"],
    "einsum": ["t.einsum('ij,kj->ik', x, q)", "t.einsum('ij->ji', x)", "t.einsum('ij->', x)",
               "t.einsum('ij->i', x)", "t.einsum('i,j', v, v)", "t.einsum('ij,ij->i', x, y)",
               "t.einsum('bij,bjk->bik', w, a)", "t.einsum('...ij,...jk->...ik', w, a)",
               "t.einsum('...ij,jk->...ik', a, q)", "t.einsum('ij,jk,lk->il', x, q, y)",
               "t.einsum('ii', q)", "t.einsum('ii->i', q)", "t.einsum('ij,kj->i', x, q)",
               "t.einsum('...,...->...', s, x)", "t.einsum('ij,j->i', e, v)"],
    # --- reductions
    "sum": ["x.sum()", "x.sum(0)", "x.sum(-1, keepdim=True)", "w.sum((0, -1))",
            "w.sum([0, 1], True)", "x.sum(())", "s.sum()", "s.sum(0)", "e.sum()", "e.sum(1)"],
    "mean": ["x.mean()", "x.mean(0)", "x.mean(-1, keepdim=True)", "w.mean((0, -1))", "s.mean()",
             "s.mean(-1)", "e.mean(1)"],
    "var": ["x.var()", "x.var(0)", "x.var(1, keepdim=True)", "w.var((0, 2))",
            "x.var(unbiased=False)", "w.var(1, correction=0)", "s.var(correction=0)", "e.var(1)"],
    "amax": ["x.max()", "x.amax(0)", "w.amax((0, 2))", "x.amax(1, keepdim=True)", "s.max()",
             "e.amax(1)"],
    "amin": ["x.min()", "x.amin(0)", "w.amin((0, 2))", "x.amin(1, keepdim=True)", "s.min()",
             "e.amin(1)"],
    "prod": ["x.prod()", "x.prod(0)", "x.prod(1, keepdim=True)", "r.prod()", "r.prod(0)",
             "r.prod(1)", "s.prod()", "s.prod(0)", "e.prod()", "e.prod(0)", "e.prod(1)"],
    "cumsum": ["x.cumsum(0)", "x.cumsum(-1)", "s.cumsum(0)", "e.cumsum(0)", "e.cumsum(1)"],
    "cumprod": ["x.cumprod(0)", "x.cumprod(-1)", "r.cumprod(1)", "s.cumprod(0)", "e.cumprod(0)",
                "e.cumprod(1)"],
    "logsumexp": ["x.logsumexp(0)", "x.logsumexp(1, keepdim=True)", "w.logsumexp((0, 2))",
                  "(x * 300).logsumexp(1)", "s.logsumexp(0)", "e.logsumexp(1)"],
    # --- shapes
    "reshape": ["x.reshape(3, 2)", "x.T.reshape(6)", "s.reshape(1, 1)", "e.reshape(3, 0)"],
    "view": ["x.view(3, 2)", "x.view(-1)", "s.view(1, 1)", "e.view(3, 0)"],
    "squeeze": ["o.squeeze()", "o.squeeze(0)", "c.squeeze(-1)", "s.squeeze()", "e.squeeze(1)"],
    "unsqueeze": ["x.unsqueeze(1)", "x.unsqueeze(-1)", "s.unsqueeze(0)", "e.unsqueeze(0)"],
    "expand": ["c.expand(2, 4)", "v.expand(2, 3)", "o.expand(3, -1, 2)", "s.expand(2, 2)",
               "x.expand(2, 3)", "e.expand(2, 0, 3)"],
    "permute": ["w.permute(2, 0, 1)", "w.permute(-1, 0, 1)", "x.T", "s.permute()", "e.T"],
    "transpose": ["w.transpose(0, 2)", "x.transpose(-1, -2)", "w.mT", "e.transpose(0, 1)"],
    "flip": ["x.flip(0)", "x.flip(0, 1)", "w.flip(-1)", "s.flip()", "e.flip(0)"],
    "roll": ["x.roll(1)", "x.roll(1, 0)", "x.roll((1, 2), (0, 1))", "s.roll(1)", "e.roll(1, 1)"],
    "repeat": ["x.repeat(2, 1)", "v.repeat(2, 3)", "s.repeat(3)", "x.repeat(0, 1)",
               "e.repeat(2, 1)"],
    "cat": ["t.cat([x, y])", "t.cat([x, c, x], 1)", "t.cat([x, y], -1)", "t.cat([e, x])",
            "t.cat([x, k[None]])"],
    "stack": ["t.stack([x, y])", "t.stack([x, x], 1)", "t.stack([x, y], -1)", "t.stack([s, s])",
              "t.stack([e, e])", "t.stack([v, k])"],
    "split": ["x.split(1)", "x.split([1, 2], 1)", "w.chunk(2, -1)[0]", "x.unbind(1)",
              "w.split(2, 1)[1]", "e.split(2, 1)"],
    "tril": ["q.tril()", "q.tril(-1)", "w.tril(1)", "e.tril()"],
    "triu": ["q.triu()", "q.triu(-1)", "w.triu(1)", "e.triu()"],
    "contiguous": ["x.T.contiguous()", "t.apply(ops.contiguous, s)", "t.apply(ops.contiguous, e)"],
    "diagonal": ["q.diagonal()", "q.diagonal(1)", "x.diagonal(-1)", "w.diagonal(0, 1, 2)",
                 "w.diagonal(1, 0, 2)", "w.diagonal(0, -1, 0)", "e.diagonal()"],
}  # fmt: skip

NEEDS_DIMS = {"scatter", "transpose", "cat", "split", "tril", "triu", "diagonal", "matmul"}
ROUGH = {"to": 1e-2}  # float32 within: finite differences need a larger step

OURS = {op.name: op for name in ops.__all__ if isinstance(op := getattr(ops, name), t.Op)}
RULES = {op.name for op in table if op in OURS.values()}
EACH = [pytest.param(name, code, id=code) for name, codes in SAMPLES.items() for code in codes]


def operands(make: Callable[[Any], Tensor]) -> dict[str, Any]:
    """All operands, the floating ones as leaves that ``make`` built."""
    named: dict[str, Any] = {}
    for name, data in OPERANDS.items():
        floating = name in FLOATING
        named[name] = make(np.array(data)).requires_grad_() if floating else t.tensor(data)
    return named


def double(array: Any) -> Tensor:
    return t.tensor(array, dtype=t.float64)


def single(array: Any) -> Tensor:
    return t.tensor(array, dtype=t.float32)


def strided(array: Any) -> Tensor:
    """The same numbers, each two places from the next, in column-major order."""
    wide = np.zeros(tuple(2 * n for n in array.shape), order="F")
    view = wide[(..., *(slice(None, None, 2) for _ in array.shape))]
    view[...] = array
    return t.from_numpy(view)


def names_in(code: str) -> list[str]:
    """The floating operands an expression uses."""
    return [n for n in compile(code, code, "eval").co_names if n in FLOATING]


def evaluate(code: str, named: dict[str, Any]) -> list[Tensor]:
    result = eval(code, {"t": t, "ops": ops} | named)
    return list(result) if isinstance(result, tuple) else [result]


def as_function(code: str) -> tuple[Callable[..., tuple[Tensor, ...]], list[Tensor]]:
    """The expression as a function of its floating operands, and these."""
    named = operands(double)
    names = names_in(code)

    def function(*values: Tensor) -> tuple[Tensor, ...]:
        return tuple(evaluate(code, named | dict(zip(names, values, strict=True))))

    function.__name__ = code
    return function, [named[name] for name in names]


def gradients(code: str, make: Callable[[Any], Tensor]) -> list[Tensor | None]:
    named = operands(make)
    outputs = [o for o in evaluate(code, named) if o.requires_grad]
    starts = [t.from_numpy(np.cos(np.arange(o.numel()) + 1.0).reshape(o.shape)) for o in outputs]
    starts = [start.to(o.dtype) for start, o in zip(starts, outputs, strict=True)]
    return list(grad(outputs, [named[n] for n in names_in(code)], starts, allow_unused=True))


def test_every_rule_has_samples_and_every_sample_a_rule() -> None:
    assert SAMPLES.keys() == RULES


def test_ops_without_rule_have_results_without_gradient() -> None:
    comparisons = {"eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "any", "all"}
    integers = {"argmax", "argmin", "argsort", "logical_not", "left_shift", "right_shift"}
    without = OURS.keys() - RULES - comparisons - integers
    assert {name for name in without if not name.startswith("bitwise_")} == set()


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_of_an_op_cover_its_cases(name: str) -> None:
    op, seen = OURS[name], []
    t.time_ops(listener := lambda *call: seen.append(call))
    try:
        for code in SAMPLES[name]:
            before = len(seen)
            evaluate(code, operands(double))
            assert any(call[0] is op for call in seen[before:]), f"{code} does not use {name}"
    finally:
        t.untime_ops(listener)
    calls = [[x.array for x in c[1] if isinstance(x, Tensor)] for c in seen if c[0] is op]
    assert any(a.size == 0 for call in calls for a in call), "no empty input"
    if name not in NEEDS_DIMS:
        assert any(a.ndim == 0 for call in calls for a in call), "no 0-d input"
    if op.broadcasts:
        assert any(len({a.shape for a in call}) > 1 for call in calls), "no broadcasting"


@pytest.mark.parametrize(("name", "code"), EACH)
def test_gradients_are_the_finite_differences(name: str, code: str) -> None:
    function, inputs = as_function(code)
    eps = ROUGH.get(name, 1e-6)
    assert gradcheck(function, inputs, eps=eps, atol=max(1e-6, eps / 10), rtol=1e-4)


@pytest.mark.parametrize(("name", "code"), EACH)
def test_second_derivatives_are_the_finite_differences(name: str, code: str) -> None:
    assert not table[OURS[name]].fused or table[OURS[name]].definition is not None
    function, inputs = as_function(code)
    eps = ROUGH.get(name, 1e-6)
    assert gradgradcheck(function, inputs, eps=eps, atol=max(1e-5, eps / 10), rtol=1e-3)


@pytest.mark.parametrize(("name", "code"), [case for case in EACH if case.values[0] != "to"])
def test_float32_stays_float32(name: str, code: str) -> None:
    outputs = evaluate(code, operands(single))
    assert all(o.dtype == t.float32 for o in outputs)
    found, exact = gradients(code, single), gradients(code, double)
    for name_, g, expected in zip(names_in(code), found, exact, strict=True):
        assert g is not None and expected is not None
        assert g.dtype == t.float32
        assert g.shape == np.shape(OPERANDS[name_])
        np.testing.assert_allclose(g.array, expected.array, 1e-3, 1e-4)


@pytest.mark.parametrize(("name", "code"), [case for case in EACH if case.values[0] != "view"])
def test_memory_order_makes_no_difference(name: str, code: str) -> None:
    for g, expected in zip(gradients(code, strided), gradients(code, double), strict=True):
        assert g is not None and expected is not None
        np.testing.assert_allclose(g.array, expected.array, 1e-12, 1e-12)


@pytest.mark.parametrize(("name", "code"), EACH)
def test_the_differentiable_gradient_is_the_same(name: str, code: str) -> None:
    """The rules run on Tensors give what they give on arrays."""
    named = operands(double)
    inputs = [named[n] for n in names_in(code)]
    outputs = [o for o in evaluate(code, named) if o.requires_grad]
    starts = [t.ones_like(o) for o in outputs]
    plain = grad(outputs, inputs, starts, retain_graph=True)
    followed = grad(outputs, inputs, starts, create_graph=True)
    for one, other in zip(plain, followed, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one.array, other.detach().array, 1e-12, 1e-12)

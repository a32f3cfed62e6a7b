"""Matrix products agree with NumPy."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tt_tensor as t

SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((2, 3), (5, 3, 4)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((5, 2, 0), (0, 4)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_matmul(left, right, dtype) -> None:
    draw = np.random.default_rng(0)
    x, y = ((draw.standard_normal(s) * 5).astype(dtype) for s in (left, right))
    for one, other in ((x, y), (np.asfortranarray(x), np.ascontiguousarray(y.T).T)):
        result = t.from_numpy(one) @ t.from_numpy(other)
        np.testing.assert_allclose(result.numpy(), x @ y, rtol=1e-12, atol=1e-12)
        assert result.dtype == dtype
    named = t.matmul(t.from_numpy(x), t.from_numpy(y))
    np.testing.assert_allclose(named.numpy(), x @ y, rtol=1e-12, atol=1e-12)


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
def test_mm_bmm_dot_and_outer(n, k, m) -> None:
    draw = np.random.default_rng(n + 5 * k + 25 * m)
    x, y = draw.standard_normal((n, k)), draw.standard_normal((k, m))
    tx, ty = t.from_numpy(x), t.from_numpy(y)
    np.testing.assert_allclose(tx.mm(ty).numpy(), x @ y, atol=1e-12)
    np.testing.assert_allclose(tx[None].bmm(ty[None]).numpy(), (x @ y)[None], atol=1e-12)
    v = t.from_numpy(draw.standard_normal(k))
    assert v.dot(v).item() == pytest.approx(float((v.numpy() ** 2).sum()))
    np.testing.assert_array_equal(v.outer(v).numpy(), np.outer(v.numpy(), v.numpy()))


EQUATIONS = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 3)]),
    ("...ij,...jk->...ik", [(5, 2, 3), (5, 3, 4)]),
    ("i,j,k->kji", [(2,), (3,), (4,)]),
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("aba->b", [(2, 3, 2)]),
    ("...ii->...i", [(2, 3, 3)]),
    ("i...,i...->...", [(2, 3), (2, 3)]),
    (" i j , j k -> i k ", [(2, 3), (3, 4)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS)
def test_einsum(equation, shapes) -> None:
    draw = np.random.default_rng(0)
    operands = [draw.standard_normal(shape) for shape in shapes]
    result = t.einsum(equation, *(t.from_numpy(a) for a in operands))
    expected = np.einsum(equation.replace(" ", ""), *operands)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)
    np.testing.assert_array_equal(
        t.einsum(equation, [t.from_numpy(a) for a in operands]).numpy(), result.numpy()
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x, v: x @ x, ValueError, r"matmul: .*x.shape\[-1\] == y.shape\[-2\], got 3 and 2"),
        (lambda x, v: x @ x, ValueError, r"Did you mean y.mT"),
        (lambda x, v: x @ v[:2], ValueError, r"y.shape\[0\], got 3 and 2"),
        (lambda x, v: x @ 2, TypeError, "Expected two Tensors, got int"),
        (lambda x, v: 2 @ x, TypeError, "Expected two Tensors, got int"),
        (lambda x, v: x @ v.sum(), ValueError, r"use \* to multiply"),
        (lambda x, v: x @ v.double(), TypeError, r"float32 and float64: cast one, e.g. y.to\("),
        (lambda x, v: (x > 0) @ (v > 0), TypeError, "got bools"),
        (lambda x, v: t.ones(2, 2, 3) @ t.ones(3, 3, 4), ValueError, "batch dims"),
        (lambda x, v: x.mm(v), ValueError, "expected two matrices"),
        (lambda x, v: x.bmm(x), ValueError, "matmul broadcasts"),
        (lambda x, v: x.dot(x), ValueError, "two vectors"),
        (lambda x, v: v.dot(v[1:]), ValueError, "dot: expected two vectors of one length"),
        (lambda x, v: v.outer(x), ValueError, "two vectors"),
        (lambda x, v: t.einsum("ij,jk", x), ValueError, "names 2 operands, got 1"),
        (lambda x, v: t.einsum("ij,jk->ik", x, x), ValueError, "one size per letter"),
        (lambda x, v: t.einsum("ij,j->i", x, v.double()), TypeError, "one dtype"),
    ],
)
def test_what_does_not_fit(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call(t.ones(2, 3), t.ones(3))

"""More operations that agree with NumPy for every shape, dim and dtype."""

import operator

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tt_tensor as t
from tt_tensor import ops

INTEGERS = [np.uint8, np.int8, np.int16, np.int32, np.int64]
BITS = {
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
}


def check(ours, expected) -> None:
    expected = np.asarray(expected)
    assert ours.shape == expected.shape and ours.dtype == expected.dtype
    np.testing.assert_array_equal(ours.numpy(), expected)


def any_dim(data, x) -> int:
    """A dim of x, counted from either end."""
    return data.draw(st.integers(-x.ndim, x.ndim - 1))


@pytest.mark.parametrize("name", BITS)
@given(data=st.data())
def test_bits(name, data, arrays) -> None:
    x = data.draw(arrays(dtype=data.draw(st.sampled_from([*INTEGERS, np.bool_]))))
    y = data.draw(hnp.arrays(x.dtype, x.shape))
    a, b = t.from_numpy(x), t.from_numpy(y)
    check(BITS[name](a, b), BITS[name](x, y))
    check(getattr(t, name)(a, b), BITS[name](x, y))
    check(getattr(a.clone(), f"{name}_")(b), BITS[name](x, y))
    check(~a, ~x)


@given(data=st.data())
def test_shifts(data, arrays) -> None:
    x = data.draw(arrays(dtype=data.draw(st.sampled_from(INTEGERS[2:]))))
    n = data.draw(st.integers(0, 7))
    check(t.from_numpy(x) << n, x << n)
    check(t.from_numpy(x) >> n, x >> n)


@given(data=st.data())
def test_logic(data, arrays) -> None:
    x = data.draw(arrays())
    y = data.draw(hnp.arrays(np.int64, x.shape, elements=st.integers(-1, 1)))
    a, b = t.from_numpy(x), t.from_numpy(y)
    check(a.logical_and(b), np.logical_and(x, y))
    check(a.logical_or(b), np.logical_or(x, y))
    check(a.logical_xor(b), np.logical_xor(x, y))
    check(a.count_nonzero(), np.asarray(np.count_nonzero(x)))


@given(data=st.data())
def test_truncation_and_mixtures(data, arrays) -> None:
    x = data.draw(arrays())
    y = data.draw(hnp.arrays(np.float64, x.shape, elements=st.floats(0.5, 8)))
    a, b = t.from_numpy(x), t.from_numpy(y)
    np.testing.assert_array_equal(a.trunc().numpy(), np.trunc(x))
    np.testing.assert_array_equal(a.div(b, rounding_mode="trunc").numpy(), np.trunc(x / y))
    np.testing.assert_allclose(a.lerp(b, 0.25).numpy(), 0.75 * x + 0.25 * y, atol=1e-12)
    np.testing.assert_allclose(a.addcmul(a, b, value=2).numpy(), x + 2 * x * y, atol=1e-12)
    np.testing.assert_allclose(a.addcdiv(a, b, value=-1).numpy(), x - x / y, atol=1e-12)


@given(data=st.data())
def test_masks(data, arrays) -> None:
    x = data.draw(arrays())
    mask = data.draw(hnp.arrays(bool, x.shape))
    y, m = t.from_numpy(x), t.from_numpy(mask)
    check(y.masked_fill(m, 7), np.where(mask, 7.0, x))
    check(y.masked_select(m), x[mask])
    written = t.tensor(x).masked_fill_(m, 7)
    check(written, np.where(mask, 7.0, x))
    for ours, expected in zip(t.where(m), np.nonzero(np.atleast_1d(mask)), strict=True):
        check(ours, expected)


@given(data=st.data())
def test_selections(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1, min_side=1))
    dim = any_dim(data, x)
    size = x.shape[dim]
    places = np.array(data.draw(st.lists(st.integers(0, size - 1), max_size=5)), np.int64)
    y, index = t.from_numpy(x), t.from_numpy(places)
    check(y.index_select(dim, index), np.take(x, places, dim))
    source = np.take(x, places, dim)
    expected = np.moveaxis(x.copy(), dim, 0)
    np.add.at(expected, places, 2 * np.moveaxis(source, dim, 0))
    found = y.index_add(dim, index, t.from_numpy(source), alpha=2)
    np.testing.assert_allclose(found.numpy(), np.moveaxis(expected, 0, dim), atol=1e-12)
    best = np.argsort(x, dim)
    check(y.take_along_dim(t.from_numpy(best), dim), np.take_along_axis(x, best, dim))
    start = data.draw(st.integers(0, size))
    length = data.draw(st.integers(0, size - start))
    check(y.narrow(dim, start, length), np.take(x, range(start, start + length), dim))
    check(y.select(dim, -1), np.take(x, -1, dim))


@given(data=st.data())
def test_rearranging(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1))
    y, dim, other = t.from_numpy(x), any_dim(data, x), any_dim(data, x)
    check(y.movedim(dim, other), np.moveaxis(x, dim, other))
    check(y.contiguous(), x)
    assert y.contiguous().is_contiguous()
    check(y.contiguous().view(-1), x.reshape(-1))
    check(y.unsqueeze(0).expand(3, *x.shape), np.broadcast_to(x, (3, *x.shape)))
    times = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    check(y.tile(times), np.tile(x, times))
    n = data.draw(st.integers(0, 3))
    check(y.repeat_interleave(n, dim), np.repeat(x, n, dim))
    check(y.repeat_interleave(n), np.repeat(x, n))
    check(y.unflatten(dim, (1, x.shape[dim])), np.expand_dims(x, dim % x.ndim))


@given(data=st.data())
def test_joining(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1))
    y = t.from_numpy(x)
    check(t.hstack([y, y]), np.hstack([x, x]))
    check(t.vstack([y, y]), np.vstack([x, x]))
    v = x.reshape(-1)
    for indexing in ("ij", "xy"):
        grids = t.meshgrid(t.from_numpy(v), t.from_numpy(np.ones(3)), indexing=indexing)
        theirs = np.meshgrid(v, np.ones(3), indexing=indexing)
        for ours, expected in zip(grids, theirs, strict=True):
            check(ours, expected)


@given(data=st.data())
def test_diagonals(data, arrays) -> None:
    k = data.draw(st.integers(-3, 3))
    v, m = data.draw(arrays(min_dims=1, max_dims=1)), data.draw(arrays(min_dims=2, max_dims=2))
    check(t.diag(t.from_numpy(v), k), np.diag(v, k))
    check(t.diag(t.from_numpy(m), k), np.diag(m, k))
    np.testing.assert_allclose(t.trace(t.from_numpy(m)).numpy(), np.trace(m))
    v = np.arange(m.shape[1], dtype=float)
    np.testing.assert_allclose(t.mv(t.from_numpy(m), t.from_numpy(v)).numpy(), m @ v, atol=1e-12)


@given(data=st.data())
def test_einstein(data, arrays) -> None:
    x = data.draw(arrays(min_dims=2, max_dims=2))
    y = data.draw(hnp.arrays(np.float64, (x.shape[1], 3), elements=st.floats(-8, 8)))
    for equation in ("ij,jk->ik", "ij,jk->ki", "ij,jk->i", "ij,jk->", "ij,jk->ijk"):
        found = t.einsum(equation, t.from_numpy(x), t.from_numpy(y)).numpy()
        np.testing.assert_allclose(found, np.einsum(equation, x, y), atol=1e-10)


@given(data=st.data())
def test_counting(data, arrays) -> None:
    x = data.draw(arrays(dtype=np.int64))
    y = t.from_numpy(x)
    for ours, expected in zip(
        t.unique(y, return_inverse=True, return_counts=True),
        np.unique(x, return_inverse=True, return_counts=True),
        strict=True,
    ):
        check(ours, expected)
    check(t.bincount(y.abs().reshape(-1)), np.bincount(np.abs(x).reshape(-1)))


@given(data=st.data())
def test_writing_a_tensor(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1))
    index = data.draw(
        hnp.basic_indices(x.shape, allow_newaxis=False).filter(
            lambda i: all(
                not isinstance(p, slice) or p.step is None or p.step > 0
                for p in (i if isinstance(i, tuple) else (i,))
            )
        )
    )
    value = data.draw(hnp.arrays(np.float64, np.shape(x[index]), elements=st.floats(-8, 8)))
    written, expected = t.tensor(x), x.copy()
    written[index], expected[index] = t.from_numpy(np.asarray(value)), value
    check(written, expected)
    applied = t.apply(ops.setitem, t.from_numpy(x), t.from_numpy(np.asarray(value)), index=index)
    check(applied, expected)
    placed = t.apply(ops.place, t.from_numpy(np.asarray(value)), shape=x.shape, index=index)
    zeros = np.zeros(x.shape)
    zeros[index] = value
    check(placed, zeros)

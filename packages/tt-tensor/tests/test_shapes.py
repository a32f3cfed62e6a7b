"""Rearranging agrees with NumPy; views share memory."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tt_tensor as t
from tt_tensor import Tensor

VIEWS = {
    "view": lambda x: x.view(-1, 4),
    "view_as": lambda x: x.view_as(t.zeros(6, 4)),
    "reshape": lambda x: x.reshape(4, 6),
    "flatten": lambda x: x.flatten(1),
    "transpose": lambda x: x.transpose(0, -1),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "permute": lambda x: x.permute(2, 0, 1),
    "T": lambda x: x[0].T,
    "mT": lambda x: x.mT,
    "t": lambda x: x[0].t(),
    "squeeze": lambda x: x[:1].squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "expand": lambda x: x[:, :1].expand(2, 3, 4),
    "broadcast_to": lambda x: x.broadcast_to((5, 2, 3, 4)),
    "expand_as": lambda x: x[:1].expand_as(x),
    "split": lambda x: x.split(2, 1)[1],
    "chunk": lambda x: x.chunk(2)[0],
    "unbind": lambda x: x.unbind(1)[2],
    "diagonal": lambda x: x.diagonal(),
    "contiguous": lambda x: x.contiguous(),
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "slices": lambda x: x[:, 1:, ::2],
    "int": lambda x: x[1],
    "None": lambda x: x[None, ..., 0],
    "reshape_as": lambda x: x.reshape_as(t.zeros(24)),
}
COPIES = {
    "reshape of a transposed tensor": lambda x: x.mT.reshape(-1),
    "contiguous of a transposed tensor": lambda x: x.mT.contiguous(),
    "flip": lambda x: x.flip(0),
    "roll": lambda x: x.roll(1),
    "repeat": lambda x: x.repeat(1, 1, 1),
    "tril": lambda x: x.tril(),
    "cat": lambda x: t.cat([x]),
    "stack": lambda x: t.stack([x]),
    "clone": lambda x: x.clone(),
    "integers": lambda x: x[t.tensor([0, 1])],
    "mask": lambda x: x[x > 3],
}


@pytest.fixture
def x() -> Tensor:
    return t.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)
def test_views_share_memory(make, x) -> None:
    assert np.shares_memory(make(x).array, x.array)


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_copies_do_not(make, x) -> None:
    assert not np.shares_memory(make(x).array, x.array)


def test_view_never_copies(x) -> None:
    with pytest.raises(RuntimeError, match=r"reshape\(\.\.\.\) or contiguous\(\)\.view"):
        x.mT.view(24)
    assert x.mT.view(2, 2, 2, 3).shape == (2, 2, 2, 3)
    with pytest.raises(ValueError, match=r"24 elements"):
        x.view(5, 5)


@given(data=st.data())
def test_reshape(data, arrays) -> None:
    x = data.draw(arrays())
    sizes = data.draw(st.permutations(x.shape))
    np.testing.assert_array_equal(t.from_numpy(x).reshape(sizes).numpy(), x.reshape(sizes))
    np.testing.assert_array_equal(t.from_numpy(x).reshape(-1).numpy(), x.reshape(-1))
    np.testing.assert_array_equal(t.from_numpy(x).flatten().numpy(), x.reshape(-1))


@given(data=st.data())
def test_permute_and_transpose(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1))
    order = data.draw(st.permutations(range(x.ndim)))
    a, b = order[0], order[-1] - x.ndim
    y = t.from_numpy(x)
    np.testing.assert_array_equal(y.permute(*order).numpy(), x.transpose(order))
    np.testing.assert_array_equal(t.permute(y, order).numpy(), x.transpose(order))
    np.testing.assert_array_equal(y.transpose(a, b).numpy(), x.swapaxes(a, b))
    np.testing.assert_array_equal(y.T.numpy(), x.T)


@given(data=st.data())
def test_squeeze_and_unsqueeze(data, arrays) -> None:
    x = data.draw(arrays(max_dims=3))
    dim = data.draw(st.integers(-x.ndim - 1, x.ndim))
    y = t.from_numpy(x).unsqueeze(dim)
    np.testing.assert_array_equal(y.numpy(), np.expand_dims(x, dim))
    assert y.squeeze(dim).shape == x.shape
    assert y.squeeze().shape == np.squeeze(x).shape


@given(data=st.data())
def test_split_chunk_and_cat(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1, min_side=1))
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    size = data.draw(st.integers(1, 5))
    y = t.from_numpy(x)
    pieces = y.split(size, dim)
    assert all(p.shape[dim] == size for p in pieces[:-1])
    np.testing.assert_array_equal(t.cat(pieces, dim).numpy(), x)
    assert len(y.chunk(size, dim)) <= size
    np.testing.assert_array_equal(t.cat(y.chunk(size, dim), dim).numpy(), x)
    np.testing.assert_array_equal(t.stack(y.unbind(dim), dim).numpy(), x)


@given(data=st.data())
def test_flip_roll_and_repeat(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1))
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    n = data.draw(st.integers(-5, 5))
    y = t.from_numpy(x)
    np.testing.assert_array_equal(y.flip(dim).numpy(), np.flip(x, dim))
    np.testing.assert_array_equal(y.roll(n, dim).numpy(), np.roll(x, n, dim))
    np.testing.assert_array_equal(y.roll(n).numpy(), np.roll(x, n))
    sizes = (abs(n),) * x.ndim
    np.testing.assert_array_equal(y.repeat(sizes).numpy(), np.tile(x, sizes))


@given(data=st.data())
def test_triangles_and_diagonals(data, arrays) -> None:
    x = data.draw(arrays(min_dims=2, max_dims=3))
    k = data.draw(st.integers(-3, 3))
    y = t.from_numpy(x)
    np.testing.assert_array_equal(y.tril(k).numpy(), np.tril(x, k))
    np.testing.assert_array_equal(y.triu(k).numpy(), np.triu(x, k))
    np.testing.assert_array_equal(
        y.diagonal(k, -2, -1).numpy(), np.diagonal(x, k, x.ndim - 2, x.ndim - 1)
    )


def test_expand() -> None:
    x = t.tensor([[1.0], [2.0]])
    assert x.expand(2, 3).tolist() == [[1] * 3, [2] * 3]
    assert x.expand(4, -1, 2).shape == (4, 2, 2)
    assert x.expand(2, 3).stride() == (1, 0)


def test_joining_promotes() -> None:
    x, i = t.ones(2), t.ones(2, dtype=t.int64)
    assert t.cat([x, i]).dtype == t.stack([i, x]).dtype == t.float32
    assert t.cat([t.tensor([]), t.ones(2, 3)]).shape == (2, 3)


def test_empty_and_scalar_tensors() -> None:
    e, s = t.zeros(0, 3), t.tensor(2.0)
    assert e.T.shape == (3, 0) and e.reshape(3, 0).shape == (3, 0)
    assert t.cat([e, e]).shape == (0, 3) and t.stack([e, e]).shape == (2, 0, 3)
    assert s.flatten().shape == (1,) and s.T.shape == () and s.t().shape == ()
    assert s.flip(()).shape == () and s.contiguous().shape == ()
    assert s.transpose(0, 0).shape == () and s.squeeze(0).shape == ()
    assert e.unbind() == () and len(e.split(2)) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.reshape(5), ValueError, r"24 elements of shape \(2, 3, 4\)"),
        (lambda x: x.reshape(-1, -1), ValueError, "a -1 stands for whatever is left over, once"),
        (lambda x: x.reshape(-2, 12), ValueError, "-1"),
        (lambda x: x.flatten(2, 1), ValueError, "start_dim 2 comes after end_dim 1"),
        (lambda x: x.expand(2, 3, 5), ValueError, "grow from 1"),
        (lambda x: x.expand(3, 4), ValueError, "cannot be expanded"),
        (lambda x: x.permute(0, 1), ValueError, "each of the 3 dims once"),
        (lambda x: x.transpose(0, 3), IndexError, "dim 3 is out of range"),
        (lambda x: x.t(), ValueError, r"use .mT"),
        (lambda x: x[0, 0].mT, ValueError, "at least 2 dims"),
        (lambda x: x.repeat(2), ValueError, "at least 3 sizes"),
        (lambda x: x.split(0), ValueError, "positive, got 0"),
        (lambda x: x.split([1, 3]), ValueError, r"add up to x.shape\[0\]"),
        (lambda x: x.chunk(0), ValueError, "positive, got 0"),
        (lambda x: x.roll((1, 2), 0), ValueError, "one shift per dim"),
        (lambda x: x[0, 0].tril(), ValueError, "at least 2 dims"),
        (lambda x: t.cat([]), ValueError, "at least one tensor"),
        (lambda x: t.cat([x, x[0]]), ValueError, "agree in every other"),
        (lambda x: t.stack([x, x[:1]]), ValueError, r"\(2, 3, 4\), \(1, 3, 4\)"),
        (lambda x: x.squeeze(3), IndexError, "dim 3"),
        (lambda x: x.unsqueeze(4), (IndexError, ValueError), "4"),
        (lambda x: x.unbind(3), IndexError, "3|range"),
    ],
)
def test_what_does_not_fit(call, error, message, x) -> None:
    with pytest.raises(error, match=message):
        call(x)

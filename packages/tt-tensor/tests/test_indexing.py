"""Reading and writing by position."""

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tt_tensor as t


@pytest.fixture
def w() -> t.Tensor:
    return t.arange(24.0).reshape(2, 3, 4)


def positive_steps(index) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(not isinstance(p, slice) or p.step is None or p.step > 0 for p in parts)


@given(data=st.data())
def test_ints_and_slices(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1))
    index = data.draw(
        hnp.basic_indices(x.shape, allow_newaxis=True, allow_ellipsis=True).filter(positive_steps)
    )
    np.testing.assert_array_equal(t.from_numpy(x)[index].numpy(), x[index])


@given(data=st.data())
def test_integer_arrays(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1, min_side=1))
    index = data.draw(hnp.integer_array_indices(x.shape))
    tensors = tuple(t.from_numpy(i) for i in index)
    np.testing.assert_array_equal(t.from_numpy(x)[tensors].numpy(), x[index])
    np.testing.assert_array_equal(t.from_numpy(x)[index].numpy(), x[index])


@given(data=st.data())
def test_masks(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1))
    mask = data.draw(hnp.arrays(bool, x.shape[: data.draw(st.integers(1, x.ndim))]))
    np.testing.assert_array_equal(t.from_numpy(x)[t.from_numpy(mask)].numpy(), x[mask])
    written, expected = t.tensor(x), x.copy()
    written[t.from_numpy(mask)], expected[mask] = 7.0, 7.0
    np.testing.assert_array_equal(written.numpy(), expected)


@given(data=st.data())
def test_writing(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1))
    index = data.draw(hnp.basic_indices(x.shape).filter(positive_steps))
    written, expected = t.tensor(x), x.copy()
    written[index], expected[index] = 7.0, 7.0
    np.testing.assert_array_equal(written.numpy(), expected)


def test_ints_are_taken_away_before_arrays(w) -> None:
    """Where NumPy would move the picked dim to the front."""
    k = t.tensor([0, 3, 3])
    assert w[0, :, k].tolist() == w[0][:, k].tolist()
    assert w[k[:2] * 0, 1].tolist() == w[:, 1][k[:2] * 0].tolist()
    assert w[t.tensor(0), :, k].shape == (3, 3)
    y = w.clone()
    y[0, :, k] = t.zeros(3, 3)
    assert y[0, :, 3].tolist() == [0.0, 0.0, 0.0] and y[1].tolist() == w[1].tolist()


def test_tensors_without_dims_are_ints(w) -> None:
    i = t.tensor(1)
    assert w[i].tolist() == w[1].tolist()
    assert np.shares_memory(w[i].array, w.array)
    assert [10, 20, 30][i] == 20


def test_lists_are_integer_arrays_or_masks(w) -> None:
    assert w[[1, 0]].tolist() == [w[1].tolist(), w[0].tolist()]
    assert w[[True, False]].tolist() == [w[0].tolist()]
    assert w[[t.tensor(1), t.tensor(1)]].shape == (2, 3, 4)
    assert w[[]].shape == (0, 3, 4)


@pytest.mark.parametrize(
    "index",
    [2, -3, (0, 3), (0, 0, 0, 0), t.tensor([2]), t.tensor([-3]), t.tensor([True, False, True]),
     (t.tensor([0, 1]), t.tensor([0, 1, 2])), "a", 1.5],
    ids=str,
)  # fmt: skip
def test_what_is_not_there(index, w) -> None:
    with pytest.raises(IndexError, match=r"getitem: .*\(2, 3, 4\)"):
        w[index]
    with pytest.raises((IndexError, ValueError)):
        w[index] = 1.0


def test_indices_are_whole(w) -> None:
    with pytest.raises(IndexError, match=r"integers or bools, got float32"):
        w[t.tensor([0.0])]


def test_steps_are_positive(w) -> None:
    with pytest.raises(ValueError, match=r"got -1; use x.flip"):
        w[::-1]


def test_values_must_fit(w) -> None:
    with pytest.raises(ValueError, match=r"setitem: .*\(2,\) does not fit"):
        w[0] = t.ones(2)


@given(data=st.data())
def test_gather_and_scatter_undo_each_other(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1, min_side=1))
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    order = np.argsort(x, axis=dim)
    y = t.from_numpy(x)
    picked = y.gather(dim, t.from_numpy(order))
    np.testing.assert_array_equal(picked.numpy(), np.take_along_axis(x, order, dim))
    back = t.zeros_like(y).scatter(dim, t.from_numpy(order), picked)
    np.testing.assert_array_equal(back.numpy(), x)
    added = t.zeros_like(y).scatter_add(dim, t.from_numpy(order), picked)
    np.testing.assert_array_equal(added.numpy(), x)


def test_scatter_add_counts_repeats() -> None:
    index = t.tensor([0, 2, 0, 0])
    assert t.zeros(3).scatter_add(0, index, t.ones(4)).tolist() == [3.0, 0.0, 1.0]
    x = t.zeros(3)
    x.scatter_add_(0, index, t.ones(4))
    assert x.tolist() == [3.0, 0.0, 1.0]


def test_scatter_of_a_number() -> None:
    index = t.tensor([[0], [2]])
    for y in (t.zeros(2, 3).scatter(1, index, 1.0), t.zeros(2, 3).scatter(1, index, value=1.0)):
        assert y.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_index_select() -> None:
    x = t.arange(6).reshape(2, 3)
    assert x.index_select(1, t.tensor([2, 0, 2])).tolist() == [[2, 0, 2], [5, 3, 5]]
    assert x.index_select(0, t.tensor(1)).tolist() == [[3, 4, 5]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x, k: x.gather(1, k + 3), IndexError, "index 3 is out of range; expected 0 to 2"),
        (lambda x, k: x.gather(1, k - 1), IndexError, "index -1 is out of range"),
        (lambda x, k: x.gather(1, k.float()), TypeError, r"got float32; use index.long\(\)"),
        (lambda x, k: x.gather(1, k[0]), ValueError, r"index must have 2 dims"),
        (lambda x, k: x.gather(0, t.zeros(1, 4).long()), ValueError, r"larger than x \(2, 3\)"),
        (lambda x, k: x.scatter_add(1, k, x[:1]), ValueError, "larger than src"),
        (lambda x, k: x.scatter(1, k, x.double()), TypeError, r"src.to\(x\)"),
        (lambda x, k: x.scatter(1, k), TypeError, "neither"),
        (lambda x, k: x.index_select(0, k), ValueError, "1-d"),
        (lambda x, k: x.index_select(0, t.tensor([2])), IndexError, "0 to 1"),
    ],
)
def test_what_gather_and_friends_refuse(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call(t.ones(2, 3), t.zeros(2, 1).long())


@given(data=st.data())
def test_nonzero(data, arrays) -> None:
    x = data.draw(arrays(np.int64))
    np.testing.assert_array_equal(t.from_numpy(x).nonzero().numpy(), np.argwhere(x))
    if x.ndim:
        for one, other in zip(t.from_numpy(x).nonzero(as_tuple=True), np.nonzero(x), strict=True):
            np.testing.assert_array_equal(one.numpy(), other)

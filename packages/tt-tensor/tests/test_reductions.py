"""Reductions agree with NumPy for every choice of dims."""

import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tt_tensor as t

REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "amax": np.max,
    "amin": np.min,
    "any": np.any,
    "all": np.all,
    "prod": np.prod,
    "var": lambda x, **how: np.var(x, ddof=1, **how),
    "std": lambda x, **how: np.std(x, ddof=1, **how),
    "logsumexp": lambda x, **how: np.log(np.sum(np.exp(x), **how)),
    "norm": lambda x, **how: np.sqrt(np.sum(x * x, **how)),
}
ONE_DIM = {"prod"}


@st.composite
def dims_of(draw, ndim: int, most: int = 4):
    """A dim, a tuple of different dims (some counted from the end), or None."""
    if ndim == 0:
        return draw(st.sampled_from([None, 0, -1]))
    chosen = draw(st.lists(st.integers(0, ndim - 1), min_size=1, max_size=most, unique=True))
    signed = tuple(d - ndim if draw(st.booleans()) else d for d in chosen)
    return draw(st.sampled_from([None, signed[0]] + ([signed] if most > 1 else [])))


@pytest.mark.parametrize("name", REDUCTIONS)
@given(data=st.data())
def test_reductions(name, data, arrays) -> None:
    x = data.draw(arrays(min_side=1))
    dim = data.draw(dims_of(x.ndim, 1 if name in ONE_DIM else 4))
    keepdim = data.draw(st.booleans())
    if name == "logsumexp" and dim is None:
        dim = tuple(range(x.ndim))
    axis = None if x.ndim == 0 else dim
    with np.errstate(all="ignore"):
        if name in ("var", "std") and (x.size == 1 or x.ndim == 0):
            expected = np.full(np.sum(x, axis=axis, keepdims=keepdim).shape, np.nan)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = REDUCTIONS[name](x, axis=axis, keepdims=keepdim)
    result = getattr(t, name)(t.from_numpy(x), dim=dim, keepdim=keepdim)
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-10, atol=1e-10)
    other = getattr(t.from_numpy(x), name)(axis=dim, keepdims=keepdim)
    np.testing.assert_array_equal(other.numpy(), result.numpy())


@pytest.mark.parametrize("name", ["max", "min"])
@given(data=st.data())
def test_extremes_along_a_dim(name, data, arrays) -> None:
    x = data.draw(arrays(min_dims=1, min_side=1))
    dim = data.draw(dims_of(x.ndim, 1)) or 0
    values, indices = getattr(t.from_numpy(x), name)(dim)
    np.testing.assert_array_equal(values.numpy(), getattr(np, name)(x, axis=dim))
    np.testing.assert_array_equal(indices.numpy(), getattr(np, "arg" + name)(x, axis=dim))
    whole = getattr(t.from_numpy(x), name)()
    assert whole.item() == getattr(np, name)(x)
    position = getattr(t.from_numpy(x), "arg" + name)()
    assert position.item() == getattr(np, "arg" + name)(x)
    kept = getattr(t.from_numpy(x), name)(dim, keepdim=True)
    assert kept.values.shape == kept.indices.shape == np.max(x, axis=dim, keepdims=True).shape


@given(data=st.data())
def test_running_sums_and_products(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1))
    dim = data.draw(dims_of(x.ndim, 1)) or 0
    np.testing.assert_allclose(t.from_numpy(x).cumsum(dim).numpy(), np.cumsum(x, axis=dim))
    np.testing.assert_allclose(t.from_numpy(x).cumprod(dim).numpy(), np.cumprod(x, axis=dim))


@given(data=st.data())
def test_sorting(data, arrays) -> None:
    x = data.draw(arrays(min_dims=1))
    dim = data.draw(dims_of(x.ndim, 1)) or 0
    down = data.draw(st.booleans())
    values, indices = t.from_numpy(x).sort(dim, down)
    expected = np.sort(x, axis=dim)
    np.testing.assert_array_equal(values.numpy(), np.flip(expected, dim) if down else expected)
    np.testing.assert_array_equal(np.take_along_axis(x, indices.numpy(), dim), values.numpy())
    np.testing.assert_array_equal(t.from_numpy(x).argsort(dim, down).numpy(), indices.numpy())
    k = data.draw(st.integers(0, x.shape[dim]))
    best = t.from_numpy(x).topk(k, dim, largest=down)
    np.testing.assert_array_equal(best.values.numpy(), np.take(values.numpy(), range(k), dim))


def test_sorting_is_stable() -> None:
    x = t.tensor([1, 0, 1, 0])
    assert x.argsort().tolist() == [1, 3, 0, 2]
    assert x.argsort(descending=True).tolist() == [0, 2, 1, 3]


@pytest.mark.parametrize("dtype", [t.bool, t.uint8, t.int8, t.int32])
def test_sums_of_integers_are_int64(dtype) -> None:
    x = t.ones(300, dtype=dtype)
    assert (x.sum().dtype, x.sum().item()) == (t.int64, 300)
    assert x.prod().dtype == x.cumsum(0).dtype == t.int64


def test_sums_of_half_precision_are_taken_in_float32() -> None:
    x = t.ones(4096, dtype=t.float16)
    assert (x.sum().item(), x.sum().dtype) == (4096.0, t.float16)
    assert x.mean().item() == 1.0


def test_a_dtype_may_be_given() -> None:
    x = t.ones(3, dtype=t.int64)
    assert x.sum(dtype=t.float64).dtype == x.mean(dtype=t.float64).dtype == t.float64
    assert x.prod(dtype=t.float32).dtype == x.cumsum(0, dtype=t.float32).dtype == t.float32


def test_statistics_of_integers_are_refused() -> None:
    for name in ("mean", "var", "std"):
        with pytest.raises(TypeError, match=r"x.float\(\)"):
            getattr(t.tensor([1, 2]), name)()


def test_corrections() -> None:
    x = t.tensor([1.0, 2.0, 6.0])
    assert x.var().item() == 7.0
    assert x.var(unbiased=False).item() == pytest.approx(14 / 3)
    assert x.var(correction=0).item() == x.var(False).item() == x.var(0, False).item()
    assert t.ones(1).var().isnan().item()


def test_nan_is_the_extreme() -> None:
    x = t.tensor([1.0, float("nan"), 3.0])
    assert x.max().isnan().item() and x.amin(0).isnan().item()
    assert x.argmax().item() == 1


def test_extremes_of_two_tensors() -> None:
    x, y = t.tensor([1.0, 5.0]), t.tensor([2.0, 3.0])
    assert t.max(x, y).tolist() == [2.0, 5.0] and x.min(y).tolist() == [1.0, 3.0]


def test_empty_tensors() -> None:
    e = t.zeros(0, 3)
    assert e.sum().item() == 0 and e.prod().item() == 1 and e.mean().isnan().item()
    assert e.sum(0).tolist() == [0, 0, 0] and e.sum(1).shape == (0,)
    assert e.all().item() and not e.any().item()
    assert e.amax(1).shape == (0,) and e.logsumexp(0).tolist() == [float("-inf")] * 3
    for call in (e.max, e.amin, e.argmax, lambda: e.max(0), lambda: e.amax(0)):
        with pytest.raises(ValueError, match=r"no elements"):
            call()


def test_logsumexp_does_not_overflow() -> None:
    x = t.tensor([1000.0, 1000.0])
    assert x.logsumexp(0).item() == pytest.approx(1000 + np.log(2))
    assert t.tensor([float("-inf")] * 2).logsumexp(0).item() == float("-inf")
    assert t.tensor([float("inf"), 1.0]).logsumexp(0).item() == float("inf")


@pytest.mark.parametrize("p", [0, 1, 2, 3, 0.5, float("inf"), -float("inf"), "fro"])
def test_norms(p) -> None:
    x = np.array([[3.0, -4.0], [0.0, 12.0]])
    order = 2 if p == "fro" else p
    np.testing.assert_allclose(
        t.from_numpy(x).norm(p, dim=1).numpy(), np.linalg.norm(x, ord=order, axis=1)
    )
    if p == "fro":
        assert t.from_numpy(x).norm().item() == 13.0
    with pytest.raises(ValueError, match=r"'nuclear'"):
        t.ones(2).norm("nuclear")


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "prod", "cumsum", "sort", "max", "argmin"])
def test_dims_out_of_range(name) -> None:
    with pytest.raises(IndexError, match=r"dim 2 is out of range for shape \(2, 3\).*-2 to 1"):
        getattr(t.ones(2, 3), name)(dim=2)


def test_dims_named_twice() -> None:
    with pytest.raises(ValueError, match=r"twice"):
        t.ones(2, 3).sum((0, -2))


def test_topk_within_bounds() -> None:
    with pytest.raises(ValueError, match=r"0 to 3, the size of dim -1; got 4"):
        t.ones(2, 3).topk(4)

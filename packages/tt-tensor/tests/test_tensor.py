"""What a tensor says of itself, and its ways to and from Python and NumPy."""

import copy
import pickle

import numpy as np
import pytest

import tt_tensor as t
from tt_tensor import Tensor


def test_attributes() -> None:
    x = t.zeros(2, 3, dtype=t.float64)
    assert (x.shape, x.ndim, x.dim(), x.numel(), x.size()) == ((2, 3), 2, 2, 6, (2, 3))
    assert (x.size(0), x.size(-1), len(x), x.device) == (2, 3, 2, "cpu")
    assert (x.itemsize, x.element_size(), x.nbytes) == (8, 8, 48)
    assert x.stride() == (3, 1) and x.T.stride() == (1, 3)
    assert x.is_contiguous() and not x.T.is_contiguous() and t.zeros(()).is_contiguous()
    assert x.is_floating_point() and not x.long().is_floating_point()
    assert x.data_ptr() == x.array.ctypes.data != x.clone().data_ptr()


def test_a_typo_is_an_error() -> None:
    x = t.ones(2)
    with pytest.raises(AttributeError):
        x.shpae  # noqa: B018
    with pytest.raises(AttributeError):
        x.something = 1


def test_to_python() -> None:
    assert t.tensor(2.5).item() == 2.5 and type(t.tensor(2).item()) is int
    assert t.tensor([[True]]).item() is True
    assert t.tensor([[1, 2]]).tolist() == [[1, 2]]
    assert float(t.tensor([2.5])) == 2.5 and int(t.tensor(2.9)) == 2 and bool(t.tensor(0)) is False
    assert [10, 20][t.tensor(1)] == 20
    assert [row.tolist() for row in t.tensor([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]
    assert 2 in t.tensor([1, 2]) and 3 not in t.tensor([1, 2])
    a, b = t.tensor([1, 2])
    assert (a.item(), b.item()) == (1, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: t.ones(2).item(), RuntimeError, r"shape \(2,\); use tolist\(\)"),
        (lambda: bool(t.ones(2)), RuntimeError, r"use .any\(\) or .all\(\)"),
        (lambda: bool(t.ones(0)), RuntimeError, "neither true nor false"),
        (lambda: len(t.tensor(1)), TypeError, r"x.item\(\)"),
        (lambda: list(t.tensor(1)), TypeError, "cannot be iterated"),
        (lambda: float(t.ones(2)), RuntimeError, "exactly one element"),
        (lambda: [1][t.tensor(0.0)], TypeError, "integer"),
        (lambda: pickle.dumps(t.ones(1)), TypeError, "safetensors"),
        (lambda: t.ones(1).size(3), IndexError, "range"),
    ],
)
def test_what_has_no_answer(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()


def test_to_numpy_and_back() -> None:
    x = t.ones(2)
    assert x.numpy() is x.array
    x.numpy()[0] = 5
    assert x.tolist() == [5.0, 1.0]
    assert np.asarray(x).dtype == np.float32
    assert np.array(x, dtype=np.float64).dtype == np.float64
    copied = np.array(x)
    copied[0] = 7
    assert x.tolist() == [5.0, 1.0]
    assert np.stack([x, x]).shape == (2, 2) and np.mean(x.numpy()) == 3.0


def test_data() -> None:
    x = t.ones(2)
    x.data[0] = 3.0
    assert x.tolist() == [3.0, 1.0]
    x.data = t.zeros(3)
    assert x.shape == (3,)


def test_copies() -> None:
    x = t.ones(2)
    for y in (copy.deepcopy(x), x.clone(), t.tensor(x.tolist())):
        y.add_(1)
        assert x.tolist() == [1.0, 1.0]
    assert copy.deepcopy([x, x])[0].tolist() == [1.0, 1.0]
    twins = copy.deepcopy([x, x])
    assert twins[0] is twins[1]


def test_comparison_of_whole_tensors() -> None:
    x = t.tensor([1.0, 2.0])
    assert t.equal(x, x.clone()) and not t.equal(x, x[:1]) and not t.equal(x, x + 1e-6)
    assert t.allclose(x, x + 1e-7) and not t.allclose(x, x + 0.1)
    nan = t.tensor([float("nan")])
    assert not t.allclose(nan, nan) and t.allclose(nan, nan, equal_nan=True)
    assert t.isclose(x, t.tensor([1.0, 3.0])).tolist() == [True, False]


def test_axis_and_keepdims_are_understood_everywhere() -> None:
    x = t.arange(6.0).reshape(2, 3)
    reductions = {"sum", "mean", "var", "std", "amax", "amin", "max", "min", "argmax", "argmin"}
    for name in sorted(reductions | {"prod", "logsumexp", "any", "all", "norm"}):
        one = getattr(x, name)(dim=1, keepdim=True)
        other = getattr(x, name)(axis=1, keepdims=True)
        for a, b in zip(
            *((r if isinstance(r, tuple) else (r,)) for r in (one, other)), strict=True
        ):
            assert a.shape == (2, 1) and t.equal(a, b)
    for name in ("cumsum", "cumprod", "squeeze", "unsqueeze", "unbind", "argsort"):
        one, other = getattr(x, name)(dim=1), getattr(x, name)(axis=1)
        assert str(one) == str(other)
    assert t.equal(t.cat([x, x], axis=1), t.cat([x, x], dim=1))


def test_all_names_exist() -> None:
    for name in t.__all__:
        assert getattr(t, name) is not None
    assert len(set(t.__all__)) == len(t.__all__)


def test_everything_public_has_a_docstring() -> None:
    for name in t.__all__:
        value = getattr(t, name)
        if callable(value):
            assert value.__doc__, name
    for name, value in vars(Tensor).items():
        if not name.startswith("_") and name != "array":
            assert value.__doc__, name

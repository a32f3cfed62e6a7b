"""Dropout: off outside training, right on average, the same for the same seed."""

from collections.abc import Callable

import numpy as np
import pytest

import tt_nn as nn
import tt_nn.functional as F
from tt_autograd import gradcheck
from tt_tensor import Tensor, float16, float64, manual_seed, ones, tensor


def test_outside_training_it_is_the_input_itself() -> None:
    x = ones(3)
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 0.0) is x
    assert nn.Dropout(0.9).eval()(x) is x


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_statistics(p: float) -> None:
    y = nn.Dropout(p)(ones(200, 500)).numpy()
    deviation = (p * (1 - p) / y.size) ** 0.5
    assert abs((y == 0).mean() - p) < 5 * deviation
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - p)], 1e-6)
    assert abs(y.mean() - 1) < 5 * deviation / (1 - p)


def test_elements_are_dropped_independently() -> None:
    dropped = F.dropout(ones(300, 300), 0.3).numpy() == 0
    for axis in (0, 1):
        pairs = (dropped & np.roll(dropped, 1, axis)).mean()
        assert pairs == pytest.approx(0.09, abs=0.01)


def test_everything_dropped() -> None:
    x = ones(4, requires_grad=True)
    y = F.dropout(x, 1.0)
    y.sum().backward()
    assert y.tolist() == x.grad.tolist() == [0, 0, 0, 0]


def test_a_seed_determines_what_is_dropped() -> None:
    draws = []
    for seed in (1, 1, 2):
        manual_seed(seed)
        draws.append(F.dropout(ones(50)).tolist())
    assert draws[0] == draws[1] != draws[2]
    assert F.dropout(ones(50)).tolist() != draws[2], "each call draws anew"


def test_gradients_follow_the_mask(leaf: Callable[..., Tensor]) -> None:
    def seeded(x: Tensor) -> Tensor:
        manual_seed(3)
        return F.dropout(x, 0.4)

    assert gradcheck(seeded, (leaf(4, 5),))
    x = ones(100, requires_grad=True)
    y = F.dropout(x, 0.4)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


@pytest.mark.parametrize("dtype", [float16, float64])
def test_dtype_is_kept(dtype: object) -> None:
    assert F.dropout(ones(4, dtype=dtype), 0.3).dtype == dtype


def test_in_place(leaf: Callable[..., Tensor]) -> None:
    x = leaf(6)
    followed = x * 1
    y = nn.Dropout(0.5, inplace=True)(followed)
    assert y is followed
    y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), (x.grad * x).detach().numpy())


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_a_probability_lies_in_0_to_1(p: float) -> None:
    with pytest.raises(ValueError, match=f"must lie in 0 to 1, got {p}"):
        F.dropout(ones(2), p)
    with pytest.raises(ValueError, match=f"must lie in 0 to 1, got {p}"):
        nn.Dropout(p)


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match="floating dtype, got int64"):
        F.dropout(tensor([1, 2]))


def test_representation() -> None:
    assert repr(nn.Dropout(0.25)) == "Dropout(p=0.25, inplace=False)"

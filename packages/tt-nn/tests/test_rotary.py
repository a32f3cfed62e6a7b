"""Rotary positions turn without stretching, and only distances remain."""

import numpy as np
import pytest

import tt_nn as nn
from tt_tensor import Tensor, float16, float32, float64, randn, tensor

FLAGS = pytest.mark.parametrize("interleaved", [False, True])


def score(rotary: nn.RotaryEmbedding, q: Tensor, k: Tensor, t: int, s: int) -> float:
    turned = rotary(q, tensor([t])) * rotary(k, tensor([s]))
    return turned.sum().item()


@FLAGS
def test_only_the_distance_counts(interleaved: bool) -> None:
    rotary = nn.RotaryEmbedding(8, 64, interleaved=interleaved)
    q, k = randn(1, 1, 1, 8, dtype=float64), randn(1, 1, 1, 8, dtype=float64)
    near, far = (score(rotary, q, k, t, s) for t, s in ((5, 2), (63, 60)))
    assert near == pytest.approx(far, abs=1e-12)
    assert score(rotary, q, k, 5, 3) != pytest.approx(near, abs=1e-3)


@FLAGS
def test_lengths_stay(interleaved: bool) -> None:
    x = randn(2, 3, 7, 8, dtype=float64)
    y = nn.RotaryEmbedding(8, 7, interleaved=interleaved)(x)
    np.testing.assert_allclose(y.norm(2, -1).numpy(), x.norm(2, -1).numpy(), 1e-12)
    assert (y[:, :, 0] == x[:, :, 0]).all()


def test_a_long_window_costs_only_what_is_used() -> None:
    """A table of 10¹² positions would fill no memory there is."""
    rotary, x = nn.RotaryEmbedding(4, 10**12), randn(1, 1, 9, 4, dtype=float64)
    early = rotary(x[:, :, :2])
    whole, late = rotary(x), rotary(x, tensor([100, *range(1, 9)]))
    assert (whole[:, :, :2] == early).all() and (late[:, :, 1:] == whole[:, :, 1:]).all()
    angle = 100.0 * np.array([1.0, 0.01])
    first = x.numpy()[0, 0, 0, :2] * np.cos(angle) - x.numpy()[0, 0, 0, 2:] * np.sin(angle)
    np.testing.assert_allclose(late.numpy()[0, 0, 0, :2], first, 1e-12)


def test_positions_by_default_and_for_each_text() -> None:
    rotary, x = nn.RotaryEmbedding(4, 16), randn(2, 1, 3, 4)
    assert (rotary(x) == rotary(x, tensor([0, 1, 2]))).all()
    both = rotary(x, tensor([[0, 1, 2], [7, 8, 9]]))
    assert (both[1] == rotary(x[1:], tensor([7, 8, 9]))[0]).all()


def test_pairs() -> None:
    """A pair is one number of each half, or two neighbours."""
    x, theta = tensor([[1.0, 0.0, 0.0, 0.0]] * 2, dtype=float64), 1e300  # the second hardly turns
    turn = [np.cos(1), np.sin(1)]
    halves = nn.RotaryEmbedding(4, 2, theta)(x)[1]
    neighbours = nn.RotaryEmbedding(4, 2, theta, interleaved=True)(x)[1]
    np.testing.assert_allclose(halves.numpy(), [turn[0], 0, turn[1], 0], atol=1e-12)
    np.testing.assert_allclose(neighbours.numpy(), [turn[0], turn[1], 0, 0], atol=1e-12)


@pytest.mark.parametrize("dtype", [float16, float32, float64])
def test_the_dtype_stays(dtype: object) -> None:
    rotary = nn.RotaryEmbedding(4, 16)
    assert rotary(randn(1, 1, 3, 4, dtype=dtype)).dtype == dtype
    assert rotary.state_dict() == {}


def test_repr() -> None:
    shown = repr(nn.RotaryEmbedding(4, 16, interleaved=True))
    assert shown == "RotaryEmbedding(4, max_seq_len=16, theta=10000.0, interleaved=True)"


def test_changed_settings_show() -> None:
    """Angles are kept, but not those of another theta or dim."""
    rotary, x = nn.RotaryEmbedding(4, 16), randn(1, 1, 3, 4)
    rotary(x)
    rotary.theta = 5.0
    assert rotary(x).tolist() == nn.RotaryEmbedding(4, 16, theta=5.0)(x).tolist()
    rotary.dim = 2
    assert rotary(x[..., :2]).tolist() == nn.RotaryEmbedding(2, 16, theta=5.0)(x[..., :2]).tolist()

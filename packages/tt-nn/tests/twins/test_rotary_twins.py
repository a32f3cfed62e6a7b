"""Rotary positions are products of complex numbers, which PyTorch knows and NumPy's kernel not."""

import pytest

import tt_nn as nn
import tt_tensor

torch = pytest.importorskip("torch")

POSITIONS = [None, [0, 1, 2, 3, 4], [7, 7, 0, 3, 15], [[0, 3, 1, 2, 9], [4, 4, 4, 15, 0]]]


def turned(x, positions, theta, interleaved):
    """(a + bi) · e^(iφ) for each pair (a, b)."""
    size, length = x.shape[-1], x.shape[-2]
    where = torch.arange(length) if positions is None else torch.tensor(positions)
    angles = where[..., None] * theta ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = angles if angles.ndim == 2 else angles[:, None]
    unit = torch.polar(torch.ones_like(angles), angles)
    last = -2 if interleaved else -1
    pairs = x.unflatten(-1, (-1, 2) if interleaved else (2, -1)).movedim(-1 - (last == -1), -1)
    out = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * unit)
    return out.flatten(-2) if interleaved else out.movedim(-1, -2).flatten(-2)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("theta", [10000.0, 500000.0])
def test_as_complex_numbers(theta, interleaved, positions) -> None:
    x = torch.randn(2, 3, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rotary = nn.RotaryEmbedding(8, 16, theta, interleaved)
    given = None if positions is None else tt_tensor.tensor(positions)
    ours = rotary(tt_tensor.from_numpy(x.numpy()), given)
    expected = turned(x, positions, theta, interleaved).numpy()
    assert abs(ours.numpy() - expected).max() < 1e-12

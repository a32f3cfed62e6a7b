"""Marking positions: fixed waves and learned vectors."""

import math

import numpy as np
import pytest

from tt_tensor import arange, float64, manual_seed, ones, tensor, zeros
from tt_text import LearnedPositionalEmbedding, SinusoidalPositionalEncoding
from tt_text.positions import sinusoids


def test_the_formula() -> None:
    table = sinusoids(50, 8)
    assert table.shape == (50, 8) and table.dtype == np.float32
    for t in (0, 1, 7, 49):
        for i in range(4):
            angle = t / 10000 ** (2 * i / 8)
            assert table[t, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[t, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_every_position_has_a_fingerprint_of_its_own() -> None:
    table = sinusoids(1000, 16).numpy()
    distances = ((table[:, None] - table[None]) ** 2).sum(-1)
    assert (distances + 10 * np.eye(1000)).min() > 0.05
    near = (table[:-1] * table[1:]).sum(-1)
    np.testing.assert_allclose(near, near[0], rtol=1e-4)  # a step looks the same everywhere


@pytest.mark.parametrize(("length", "dim"), [(4, 3), (4, 0), (4, -2), (-1, 4)])
def test_sizes_that_make_no_sense(length: int, dim: int) -> None:
    with pytest.raises(ValueError, match="even and positive"):
        sinusoids(length, dim)


def test_the_encoding_adds_the_waves() -> None:
    layer = SinusoidalPositionalEncoding(6, max_len=10)
    waves = sinusoids(10, 6).numpy()
    x = ones(2, 4, 6)
    np.testing.assert_array_equal(layer(x).numpy(), 1 + np.broadcast_to(waves[:4], (2, 4, 6)))
    np.testing.assert_array_equal(layer(zeros(10, 6)).numpy(), waves)
    assert layer(zeros(0, 6)).shape == (0, 6)
    assert layer(ones(2, 3, 6, dtype=float64)).dtype == float64


def test_the_encoding_learns_nothing_and_saves_nothing() -> None:
    layer = SinusoidalPositionalEncoding(6)
    assert list(layer.parameters()) == [] and layer.state_dict() == {}
    assert [name for name, _ in layer.named_buffers()] == ["table"]
    assert layer.max_len == 5000 and layer.double().table.dtype == float64
    x = ones(3, 6, requires_grad=True)
    layer(x.float()).sum().backward()
    assert x.grad.tolist() == ones(3, 6).tolist()


def test_the_encoding_refuses_what_does_not_fit() -> None:
    layer = SinusoidalPositionalEncoding(6, max_len=10)
    with pytest.raises(ValueError, match="11 positions are more than max_len = 10"):
        layer(zeros(2, 11, 6))
    for shape in ((2, 4, 5), (6,), ()):
        with pytest.raises(ValueError, match=r"expected x of shape \(\.\.\., T, 6\)"):
            layer(zeros(shape))


def test_learned_positions() -> None:
    layer = LearnedPositionalEmbedding(16, 4)
    assert list(layer.state_dict()) == ["weight"] and layer.weight.shape == (16, 4)
    rows = layer.weight.detach().numpy()
    for positions in (8, arange(8)):
        np.testing.assert_array_equal(layer(positions).detach().numpy(), rows[:8])
    several = tensor([[3, 4], [0, 15]])
    np.testing.assert_array_equal(layer(several).detach().numpy(), rows[several.numpy()])
    assert layer(0).shape == (0, 4) and layer(16).shape == (16, 4)


def test_learned_positions_learn() -> None:
    layer = LearnedPositionalEmbedding(4, 2)
    (layer(3) + layer(1)).sum().backward()
    assert layer.weight.grad.tolist() == [[4, 4], [1, 1], [1, 1], [0, 0]]


def test_a_seed_determines_the_first_vectors() -> None:
    drawn = []
    for seed in (1, 1, 2):
        manual_seed(seed)
        drawn.append(LearnedPositionalEmbedding(4, 2).weight.tolist())
    assert drawn[0] == drawn[1] != drawn[2]


def test_positions_beyond_the_table() -> None:
    layer = LearnedPositionalEmbedding(4, 2)
    with pytest.raises(IndexError, match="index 4 is out of range; expected 0 to 3"):
        layer(5)
    with pytest.raises(IndexError, match="index -1 is out of range"):
        layer(tensor([0, -1]))
    with pytest.raises(TypeError, match="indices must be integers"):
        layer(ones(2))

"""However a product is written, it is the same product."""

from collections.abc import Callable

import numpy as np
import pytest

from tt_nn import functional as F
from tt_optimize.lessons import (
    fused_gelu,
    main,
    matmul_table,
    naive_matmul,
    tiled_matmul,
    unfused_gelu,
    vectorized_matmul,
)
from tt_tensor import tensor

WAYS = [naive_matmul, vectorized_matmul, tiled_matmul]
SHAPES = [(1, 1, 1), (3, 5, 7), (8, 8, 8), (1, 9, 4), (9, 1, 4), (13, 6, 1), (2, 0, 3), (0, 4, 2)]


def matrices(m: int, k: int, n: int, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(m * 100 + k * 10 + n)
    return rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_as_numpy(
    way: Callable[..., np.ndarray], shape: tuple[int, int, int], dtype: type
) -> None:
    a, b = matrices(*shape, dtype)
    out = way(a, b)
    assert out.dtype == dtype and out.shape == (shape[0], shape[2])
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(out, a @ b, tolerance, tolerance)


@pytest.mark.parametrize("tile", [1, 2, 3, 5, 16, 100])
def test_any_tile_fits_any_shape(tile: int) -> None:
    """Also tiles that leave an edge, and one larger than the matrices."""
    a, b = matrices(17, 11, 14)
    np.testing.assert_allclose(tiled_matmul(a, b, tile), a @ b, 1e-12, 1e-12)
    np.testing.assert_allclose(tiled_matmul(a.T.copy().T, b.T.copy().T, tile), a @ b, 1e-12, 1e-12)


class Watched(np.ndarray):
    """An array that notes the shapes of the products it takes part in."""

    products: list[tuple[tuple[int, ...], tuple[int, ...]]]

    def __matmul__(self, other: np.ndarray) -> np.ndarray:
        Watched.products.append((self.shape, other.shape))
        return np.asarray(self) @ np.asarray(other)


def test_it_really_tiles() -> None:
    """No product is larger than a tile, and there are as many as blocks of i, j and k."""
    a, b = matrices(10, 7, 9)
    Watched.products = []
    out = tiled_matmul(a.view(Watched), b, 4)
    np.testing.assert_allclose(out, a @ b, 1e-12, 1e-12)
    assert len(Watched.products) == 3 * 2 * 3
    assert max(max(*left, *right) for left, right in Watched.products) == 4


@pytest.mark.parametrize("way", WAYS)
def test_wrong_shapes(way: Callable[..., np.ndarray]) -> None:
    with pytest.raises(ValueError, match=rf"{way.__name__}: expected \(m, k\) and \(k, n\)"):
        way(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="expected"):
        way(np.ones(3), np.ones((3, 2)))
    with pytest.raises(ValueError, match="must be positive, got 0"):
        tiled_matmul(np.ones((2, 2)), np.ones((2, 2)), 0)


@pytest.mark.parametrize("shape", [(), (1,), (7,), (40, 3), (2, 5, 11), (0, 3)])
@pytest.mark.parametrize("block", [1, 4, 16384])
def test_gelu_in_blocks(shape: tuple[int, ...], block: int) -> None:
    """Against the formula, and against the framework's own kernel."""
    x = np.random.default_rng(1).standard_normal(shape) * 3
    expected = F.gelu(tensor(x), approximate="tanh").numpy()
    for found in (fused_gelu(x, block), np.asarray(unfused_gelu(x))):
        assert found.shape == shape
        np.testing.assert_allclose(found, expected, 1e-12, 1e-12)


def test_gelu_leaves_its_argument() -> None:
    x = np.linspace(-2, 2, 100, dtype=np.float32).reshape(10, 10)
    before = x.copy()
    assert fused_gelu(x.T, 7).dtype == np.float32
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(fused_gelu(x.T, 7), unfused_gelu(x.T), 1e-6, 1e-6)
    with pytest.raises(ValueError, match="block must be positive, got -1"):
        fused_gelu(x, -1)


def test_the_table_is_measured() -> None:
    rows = matmul_table(repeats=2, sizes=(12, 24, 48, 48))
    assert [row.size for row in rows] == [12, 24, 48, 48]
    for row in rows:
        assert row.seconds > 0
        assert row.gflops == pytest.approx(2 * row.size**3 / row.seconds / 1e9)
    assert rows[-1].gflops > rows[0].gflops


def test_the_table_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(
        "tt_optimize.lessons.WAYS",
        (("three loops", naive_matmul, 8), ("BLAS", np.matmul, 16)),
    )
    main()
    printed = capsys.readouterr().out
    assert "three loops" in printed and "times as fast" in printed

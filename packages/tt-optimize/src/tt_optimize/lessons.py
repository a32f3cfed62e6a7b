"""Why fast code is fast: one product, and one activation, written from slow to fast.

The arithmetic of a matrix product is the same however it is written: 2 m n k operations. What
differs is what surrounds it. A loop in Python spends its time on the interpreter; vectorised code
hands whole rows to compiled loops; tiled code works on pieces that stay in the cache, so that each
number fetched from memory is used many times; BLAS does all that, in registers too, with the
processor's widest instructions. ``matmul_table`` measures the four side by side:

    python -m tt_optimize.lessons
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

__all__ = [
    "MatmulSpeed",
    "fused_gelu",
    "matmul_table",
    "naive_matmul",
    "tiled_matmul",
    "unfused_gelu",
    "vectorized_matmul",
]

Array = np.ndarray[Any, np.dtype[Any]]


def naive_matmul(a: Array, b: Array) -> Array:
    """out[i, j] = Σₖ a[i, k] b[k, j], number by number in three loops.

    Shape: a (m, k), b (k, n) -> (m, n)

    Raises:
        ValueError: the arrays are no matrices, or their inner sizes differ.

    >>> naive_matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    m, inner, n = _sizes("naive_matmul", a, b)
    out = np.zeros((m, n), np.result_type(a, b))
    for i in range(m):
        for j in range(n):
            for k in range(inner):
                out[i, j] += a[i, k] * b[k, j]
    return out


def vectorized_matmul(a: Array, b: Array) -> Array:
    """Row i of the product is a sum of b's rows: out[i] = Σₖ a[i, k] b[k].

    Two loops are left, over i and k; the one over j runs in NumPy's compiled code, along memory.
    Each row of b is still fetched anew for each row of a.

    Shape: a (m, k), b (k, n) -> (m, n)
    """
    m, inner, n = _sizes("vectorized_matmul", a, b)
    out = np.zeros((m, n), np.result_type(a, b))
    for i in range(m):
        for k in range(inner):
            out[i] += a[i, k] * b[k]
    return out


def tiled_matmul(a: Array, b: Array, tile: int = 64) -> Array:
    """out[I, J] = Σ_K a[I, K] b[K, J] over blocks of at most tile × tile numbers.

    Three tiles are in use at a time: 3 · tile² numbers. If these fit into a core's own cache, each
    number that is fetched from memory is used ``tile`` times before it leaves, in the place of
    once. With tile = 64 and float32 they take 48 kB. The small products are NumPy's; to the tiles
    it is all the same who multiplies them.

    Args:
        tile: the largest number of rows and columns of a block; edges that are left are smaller.

    Shape: a (m, k), b (k, n) -> (m, n)

    Raises:
        ValueError: also if tile is not positive.

    >>> a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    >>> bool((tiled_matmul(a, b, tile=2) == a @ b).all())
    True

    Source: Lam, Rothberg and Wolf 1991, "The cache performance and optimizations of blocked
    algorithms".
    """
    m, inner, n = _sizes("tiled_matmul", a, b)
    if tile <= 0:
        raise ValueError(f"tiled_matmul: tile must be positive, got {tile}")
    out = np.zeros((m, n), np.result_type(a, b))
    for i in range(0, m, tile):
        for j in range(0, n, tile):
            block = out[i : i + tile, j : j + tile]  # a view: adding to it adds to out
            for k in range(0, inner, tile):
                block += a[i : i + tile, k : k + tile] @ b[k : k + tile, j : j + tile]
    return out


def _sizes(name: str, a: Array, b: Array) -> tuple[int, int, int]:
    """m, k and n."""
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"{name}: expected (m, k) and (k, n), got {a.shape} and {b.shape}")
    return a.shape[0], a.shape[1], b.shape[1]


_C = math.sqrt(2 / math.pi)


def unfused_gelu(x: Array) -> Array:
    """GELU(x) = x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))), as the formula stands.

    Each operation passes over all of memory: it reads one or two arrays and writes a new one. For
    arrays larger than the cache it is this traffic that takes the time, not the arithmetic.
    """
    return 0.5 * x * (1 + np.tanh(_C * (x + 0.044715 * x * x * x)))  # type: ignore[no-any-return]


def fused_gelu(x: Array, block: int = 16384) -> Array:
    """The same in one pass over memory: all operations on a block that stays in the cache, then
    the next block.

    A block is read once and written once. Within it the operations write to two small arrays that
    are used again for every block, so nothing is allocated on the way either.

    Args:
        block: how many numbers are worked on at once. Two float32 arrays of 16,384 take 128 kB,
            which a core's second-level cache holds; much smaller ones cost calls.

    Shape: any -> the same

    >>> x = np.linspace(-3, 3, 7)
    >>> bool(np.allclose(fused_gelu(x, block=2), unfused_gelu(x)))
    True
    """
    if block <= 0:
        raise ValueError(f"fused_gelu: block must be positive, got {block}")
    flat = np.ascontiguousarray(x).reshape(-1)
    out = np.empty_like(flat)
    for start in range(0, flat.size, block):
        piece, y = flat[start : start + block], out[start : start + block]
        np.multiply(piece, piece, out=y)
        y *= 0.044715
        y += 1.0
        y *= piece  # x + 0.044715 x³
        y *= _C
        np.tanh(y, out=y)
        y += 1.0
        y *= piece
        y *= 0.5
    return out.reshape(x.shape)


@dataclass(frozen=True, slots=True)
class MatmulSpeed:
    """How fast one way to multiply was."""

    name: str
    size: int  # of the square matrices
    seconds: float  # the best of several runs
    gflops: float  # billions of operations a second: 2 size³ / seconds / 10⁹


WAYS: tuple[tuple[str, Callable[[Array, Array], Array], int], ...] = (
    ("three loops", naive_matmul, 64),  # ~0.1 s; at 512 it would be a minute
    ("vectorised", vectorized_matmul, 256),
    ("tiled", tiled_matmul, 512),
    ("BLAS", np.matmul, 512),
)


def matmul_table(repeats: int = 3, sizes: Sequence[int] | None = None) -> list[MatmulSpeed]:
    """Measure the four ways now, on this machine, in float32.

    Args:
        repeats: the fastest of so many runs counts: what is slower was disturbed.
        sizes: of the square matrices, one for each way; small ones for the slow ways if None.

    >>> [row.name for row in matmul_table(repeats=1, sizes=(4, 8, 16, 16))]
    ['three loops', 'vectorised', 'tiled', 'BLAS']
    """
    rows = []
    chosen = [size for *_, size in WAYS] if sizes is None else sizes
    for (name, way, _), size in zip(WAYS, chosen, strict=True):
        a, b = np.random.default_rng(0).standard_normal((2, size, size), np.float32)
        times = []
        for _ in range(repeats):
            start = perf_counter()
            way(a, b)
            times.append(perf_counter() - start)
        rows.append(MatmulSpeed(name, size, min(times), 2 * size**3 / min(times) / 1e9))
    return rows


def main() -> None:
    """Print what was measured."""
    table = matmul_table()
    print("float32, square matrices         size      seconds      GFLOP/s")
    for row in table:
        print(f"{row.name:28} {row.size:8} {row.seconds:12.6f} {row.gflops:12.4f}")
    print(f"BLAS does {table[-1].gflops / table[0].gflops:,.0f} times as much a second as loops.")
    x = np.random.default_rng(0).standard_normal(2_000_000, np.float32)
    seconds = {}
    for gelu in (unfused_gelu, fused_gelu):
        runs = []
        for _ in range(5):
            start = perf_counter()
            gelu(x)
            runs.append(perf_counter() - start)
        seconds[gelu.__name__] = min(runs)
        print(f"{gelu.__name__:28} {x.size:8} {min(runs):12.6f}")
    print(f"Fused, GELU is {seconds['unfused_gelu'] / seconds['fused_gelu']:.1f} times as fast.")


if __name__ == "__main__":
    main()

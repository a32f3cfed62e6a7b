"""What int8 and float16 buy in NumPy, and what they do not: bytes, yes; time, no.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/int8.py [rounds]

1. Products: float32 by BLAS against int8, exact, with sums in int32: ours, NumPy's own integer
   loops, and PyTorch's int8 kernels where it is installed.
2. Layers in each scheme, for one row (a token being written) and for 64 (a batch).
3. A training step in float32 against one in float16 with float32 master weights.

Contenders take turns; the fastest of all rounds counts. Ratios are times by float32's.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import tt_tensor as tt
from tt_autograd import no_grad
from tt_models import MLP
from tt_nn import Linear, functional as F
from tt_nn.optim import SGD
from tt_optimize import GradScaler, MasterWeights, int8_matmul, quantize, size_of

PRODUCTS = [(1, 384, 1536), (64, 512, 512), (64, 1024, 4096), (512, 512, 512)]
LAYERS = [(384, 1536), (1024, 4096)]


def by_turns(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The seconds of each contender's fastest call."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, call in contenders.items():
            start = perf_counter()
            call()
            best[name] = min(best[name], perf_counter() - start)
    return best


def products(rounds: int) -> None:
    """(M, K) @ (K, N), of floats and of integers."""
    rng = np.random.default_rng(0)
    for m, k, n in PRODUCTS:
        a, b = (rng.integers(-127, 128, shape).astype(np.int8) for shape in ((m, k), (k, n)))
        floats = a.astype(np.float32), b.astype(np.float32)
        ours = tt.from_numpy(a), tt.from_numpy(b)
        contenders: dict[str, Callable[[], Any]] = {
            "float32 BLAS": lambda x=floats: x[0] @ x[1],
            "int8_matmul": lambda x=ours: int8_matmul(*x),
        }
        if m * k * n < 2**25:  # NumPy's loops over integers are too slow for more
            wide = a.astype(np.int32), b.astype(np.int32)
            contenders["NumPy's int32"] = lambda x=wide: x[0] @ x[1]
        contenders |= pytorch_products(a, b, floats)
        report(f"({m}, {k}) @ ({k}, {n})", by_turns(contenders, rounds))


def pytorch_products(a: Any, b: Any, floats: Any) -> dict[str, Callable[[], Any]]:
    """PyTorch's float and int8 products, if it is installed."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(1)
    x, y = (torch.from_numpy(array) for array in floats)
    q, w = torch.from_numpy(a), torch.from_numpy(b)
    return {
        "PyTorch float32": lambda: torch.mm(x, y),
        "PyTorch int8": lambda: torch._int_mm(q, w),
    }


def layers(rounds: int) -> None:
    """A Linear in each scheme: its bytes, and its time for one row and for 64."""
    for size_in, size_out in LAYERS:
        layer, sample = Linear(size_in, size_out), tt.randn(64, size_in)
        versions = {
            "float32": layer,
            "weight-only int8": quantize(layer),
            "weight-only int4": quantize(layer, bits=4),
            "float16": quantize(layer, "float16"),
            "dynamic": quantize(layer, "dynamic"),
            "static": quantize(layer, "static", calibration=[sample]),
        }
        for rows in (1, 64):
            calls = {
                f"{name} ({size_of(version) / size_of(layer):.3f} of the bytes)": (
                    lambda version=version, x=sample[:rows]: version(x)
                )
                for name, version in versions.items()
            }
            with no_grad():
                report(f"Linear({size_in}, {size_out}), {rows} rows", by_turns(calls, rounds))


def training(rounds: int) -> None:
    """One step of an MLP, in float32 and in mixed precision."""
    x, y = tt.randn(128, 64), tt.randint(0, 10, (128,))
    model = MLP([64, 128, 128, 10])
    masters = MasterWeights(model)
    small, scaler = x.half(), GradScaler()
    plain, mixed = SGD(model.parameters(), lr=0.01), SGD(masters.parameters(), lr=0.01)

    def full() -> None:
        plain.zero_grad()
        F.cross_entropy(model(x), y).backward()
        plain.step()

    def half() -> None:
        loss = F.cross_entropy(masters.half(small).float(), y)
        scaler.scale(loss).backward()
        masters.take_gradients()
        scaler.step(mixed)
        scaler.update()
        masters.give_weights()

    held = [activations(model, x), activations(masters.half, small)]
    report("a training step", by_turns({"float32": full, "float16": half}, max(3, rounds // 5)))
    print(f"  activations held for the backward pass: {held[1] / held[0]:.2f} of float32's bytes")


def activations(model: Any, x: tt.Tensor) -> int:
    """The bytes that a forward pass leaves allocated for the backward pass."""
    tracemalloc.start()
    out = model(x)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    out.sum().backward()
    return held


def report(title: str, seconds: dict[str, float]) -> None:
    """A line for each contender; the first is what the others are compared with."""
    print(title)
    base = next(iter(seconds.values()))
    for name, time in seconds.items():
        print(f"  {name:42} {time * 1e6:9.0f} µs  {time / base:7.2f} ×")


if __name__ == "__main__":
    tt.manual_seed(0)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    products(rounds)
    layers(rounds)
    training(rounds)

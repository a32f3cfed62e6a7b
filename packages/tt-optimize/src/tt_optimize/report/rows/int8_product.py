"""For the lesson: a product of int8 matrices is not faster without instructions for it.

Hardware has such instructions, and PyTorch and ONNX Runtime reach some 4 times the speed of floats
with them. NumPy cannot reach them, so what int8 buys here is memory.
"""

from __future__ import annotations

import numpy as np

from tt_tensor import Tensor, from_numpy

from ...quantize import int8_matmul
from ..outcome import Outcome, Setting
from ..timing import by_turns, repeated

__all__ = ["run"]


def run(setting: Setting) -> list[Outcome]:
    """Time of 64×1024 times 1024×1024, int8 against BLAS on floats."""
    side, batch = (64, 8) if setting.quick else (1024, 64)
    draw = np.random.default_rng(setting.seed)
    a, b = (
        from_numpy(draw.integers(-127, 128, shape, dtype=np.int8))
        for shape in ((batch, side), (side, side))
    )
    floats: list[Tensor] = [a.float(), b.float()]
    assert (int8_matmul(a, b).numpy() == a.numpy().astype(np.int32) @ b.numpy()).all()
    times = by_turns(
        {
            "floats": repeated(lambda: floats[0] @ floats[1], 10),
            "int8": repeated(lambda: int8_matmul(a, b), 10),
        },
        setting.samples(15),
    )
    ratio, low, high = times.ratio("floats", "int8")
    on = f"{1e3 * times.median('floats'):.3g} ms / {1e3 * times.median('int8'):.3g} ms"
    return [
        Outcome(
            f"int8 product against float BLAS, {batch}×{side} @ {side}×{side}",
            ratio,
            "x",
            on,
            None,
            low,
            high,
            quick=setting.quick,
        )
    ]

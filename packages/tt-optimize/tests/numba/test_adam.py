"""The compiled step of Adam gives the plain one's numbers."""

from typing import Any

import numpy as np
import pytest

from tt_nn.optim import Adam, AdamW
from tt_optimize import FusedAdam, FusedAdamW
from tt_tensor import Tensor, from_numpy

OPTIONS: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-5},
    {"amsgrad": True},
    {"maximize": True, "weight_decay": 0.2},
]
SHAPES = [(3,), (40, 30), (), (200, 100), (0, 4)]


def drawn(dtype: Any, seed: int) -> list[Any]:
    generator = np.random.default_rng(seed)
    return [np.asarray(generator.standard_normal(shape), dtype) for shape in SHAPES]


def stepped(kind: Any, dtype: Any, steps: int, **options: Any) -> tuple[list[Tensor], Any]:
    params = [from_numpy(array).requires_grad_() for array in drawn(dtype, 0)]
    optimizer = kind(params, lr=0.01, **options)
    for step in range(steps):
        for p, grad in zip(params, drawn(dtype, 1 + step), strict=True):
            p.grad = from_numpy(grad)
        params[1].grad = from_numpy(np.asfortranarray(params[1].grad.numpy()))
        params[2].grad = None if step == 1 else params[2].grad
        before = [None if p.grad is None else p.grad.numpy().copy() for p in params]
        optimizer.step()
        for p, old in zip(params, before, strict=True):
            if p.grad is not None:
                np.testing.assert_array_equal(p.grad.numpy(), old)
    return params, optimizer


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("fused", "plain"), [(FusedAdam, Adam), (FusedAdamW, AdamW)])
def test_the_same_numbers(fused: Any, plain: Any, dtype: Any, options: dict[str, Any]) -> None:
    found, optimizer = stepped(fused, dtype, 5, backend="numba", **options)
    expected, other = stepped(plain, dtype, 5, **options)
    assert optimizer.backend == "numba"
    tolerance = 1e-6 if dtype is np.float32 else 1e-13
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), tolerance, tolerance)
    saved, known = optimizer.state_dict(), other.state_dict()
    assert saved["param_groups"] == known["param_groups"]
    assert saved["state"].keys() == known["state"].keys()
    for i, state in known["state"].items():
        assert saved["state"][i].keys() == state.keys()
        for name, value in state.items():
            np.testing.assert_allclose(
                saved["state"][i][name].numpy(), value.numpy(), tolerance, tolerance
            )


def test_numba_is_what_is_taken_where_it_is_there() -> None:
    assert FusedAdam([from_numpy(np.ones(2)).requires_grad_()]).backend == "numba"

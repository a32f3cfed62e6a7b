"""Small parameters laid end to end: the plain optimizer's numbers to the last bit."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tt_nn.optim import Adam, AdamW
from tt_nn.optim.lr_scheduler import StepLR
from tt_optimize import FusedAdam, FusedAdamW
from tt_tensor import Tensor, from_numpy, tensor

OPTIONS: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-5},
    {"amsgrad": True},
    {"maximize": True, "weight_decay": 0.2},
]
SHAPES = [(3,), (40, 30), (), (200, 100), (0, 4)]  # one is large
KINDS = [(FusedAdam, Adam), (FusedAdamW, AdamW)]


def parameters(dtype: Any = np.float32) -> list[Tensor]:
    draw = np.random.default_rng(0)
    arrays = [np.asarray(draw.standard_normal(shape), dtype) for shape in SHAPES]
    return [from_numpy(array).requires_grad_() for array in arrays]


def step(optimizer: Any, params: list[Tensor], seed: int) -> None:
    """One step with gradients of that seed; one parameter has none at the second."""
    draw = np.random.default_rng(seed)
    for p in params:
        p.grad = from_numpy(np.asarray(draw.standard_normal(p.shape), p.dtype))
    if seed == 2:
        params[2].grad = None
    before = [None if p.grad is None else p.grad.numpy().copy() for p in params]
    optimizer.step()
    for p, old in zip(params, before, strict=True):
        assert (p.grad is None) == (old is None)
        if p.grad is not None:
            np.testing.assert_array_equal(p.grad.numpy(), old)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("fused", "plain"), KINDS)
def test_the_same_numbers(fused: Any, plain: Any, dtype: Any, options: dict[str, Any]) -> None:
    ours, others = parameters(dtype), parameters(dtype)
    optimizer = fused(ours, lr=0.01, backend="numpy", **options)
    other = plain(others, lr=0.01, **options)
    for seed in range(1, 6):
        step(optimizer, ours, seed)
        step(other, others, seed)
    for a, b in zip(ours, others, strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    saved, known = optimizer.state_dict(), other.state_dict()
    assert saved["param_groups"] == known["param_groups"]
    assert saved["state"].keys() == known["state"].keys()
    for i, state in known["state"].items():
        assert saved["state"][i].keys() == state.keys()
        for name, value in state.items():
            np.testing.assert_array_equal(saved["state"][i][name].numpy(), value.numpy())


@pytest.mark.parametrize(("first", "second"), [(Adam, FusedAdam), (FusedAdam, Adam)])
def test_state_goes_both_ways(first: Any, second: Any) -> None:
    """Two steps with one, two with the other, are four with the plain one."""
    ours, others = parameters(), parameters()
    before, reference = first(ours, lr=0.01), Adam(others, lr=0.01)
    for optimizer in (before, None):
        if optimizer is None:
            optimizer = second(ours, lr=0.5)
            optimizer.load_state_dict(before.state_dict())
        for seed in (1, 2):
            step(optimizer, ours, seed)
            step(reference, others, seed)
    for a, b in zip(ours, others, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), 1e-6, 1e-6)


def test_groups_closures_and_schedules() -> None:
    ours, others = parameters(), parameters()
    for params, kind, options in ((ours, FusedAdam, {"backend": "numpy"}), (others, Adam, {})):
        groups = [{"params": params[:2]}, {"params": params[2:], "lr": 0.1, "weight_decay": 0.3}]
        optimizer = kind(groups, lr=0.01, **options)
        schedule = StepLR(optimizer, 1, gamma=0.5)

        def closure(params: list[Tensor] = params) -> Tensor:
            for p in params:
                p.grad = None
            loss = sum(((p * p).sum() for p in params), start=tensor(0.0))
            loss.backward()
            return loss

        for _ in range(3):
            assert optimizer.step(closure).item() > 0
            schedule.step()
    for a, b in zip(ours, others, strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_transposed_memory() -> None:
    memory = np.asfortranarray(np.ones((3, 4), np.float32))
    p = from_numpy(memory).requires_grad_()
    p.grad = from_numpy(np.ones((3, 4), np.float32))
    FusedAdam([p], lr=0.1, backend="numpy").step()
    np.testing.assert_allclose(memory, 0.9, 1e-6)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="backend: expected 'numpy', 'numba' or None, got 'cuda'"):
        FusedAdam(parameters(), backend="cuda")
    with pytest.raises(ValueError, match="lr"):
        FusedAdam(parameters(), lr=-1.0)


def test_numba_absent() -> None:
    """The choice falls on NumPy; asked for by name, its absence is an error that helps."""
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "from tt_optimize import FusedAdam; from tt_tensor import tensor\n"
        "x = tensor([1.0], requires_grad=True)\n"
        "print(FusedAdam([x]).backend)\n"
        "try: FusedAdam([x], backend='numba')\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.strip().splitlines()
    assert first == "numpy" and "pip install numba" in second

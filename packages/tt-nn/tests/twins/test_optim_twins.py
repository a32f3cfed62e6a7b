"""Optimizers and schedules walk PyTorch's path."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as torch_schedules

import tt_autograd  # noqa: F401  switches gradients on
from tt_nn import optim
from tt_nn.optim import lr_scheduler as schedules
from tt_nn.utils import clip_grad_norm_, clip_grad_value_
from tt_tensor import Tensor, from_numpy

torch.set_num_threads(1)  # on a busy machine its threads wait for each other

SHAPES = [(3, 4), (5,), (), (0, 2), (70, 1000)]  # the last is longer than a block

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "maximize": True, "momentum": 0.5}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
]


def twins(dtype: str, seed: int = 0) -> tuple[list[Tensor], list[torch.Tensor]]:
    """The same parameters in both frameworks."""
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]
    ours = [from_numpy(a.copy()).requires_grad_() for a in arrays]
    return ours, [torch.tensor(a).requires_grad_() for a in arrays]


def set_gradients(ours: list[Tensor], theirs: list[torch.Tensor], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for p, q in zip(ours, theirs, strict=True):
        g = np.asarray(rng.standard_normal(p.shape) + 0.3, p.dtype)
        p.grad, q.grad = from_numpy(g.copy()), torch.tensor(g)


def same(ours: Tensor, theirs: torch.Tensor, rtol: float) -> None:
    expected = theirs.detach().numpy()
    size = np.abs(expected).max(initial=1.0)  # rounding is that of the largest numbers on the way
    np.testing.assert_allclose(ours.array, expected, rtol=rtol, atol=rtol * size)


@pytest.mark.parametrize("dtype, rtol", [("float32", 2e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("name, options", OPTIMIZERS)
def test_fifty_steps(name: str, options: dict, dtype: str, rtol: float) -> None:
    ours, theirs = twins(dtype)
    optimizer = getattr(optim, name)(ours, **options)
    oracle = getattr(torch.optim, name)(theirs, **options)
    for step in range(50):
        set_gradients(ours, theirs, step)
        optimizer.step()
        oracle.step()
    for p, q in zip(ours, theirs, strict=True):
        assert p.dtype == np.dtype(dtype)
        same(p, q, rtol)


@pytest.mark.parametrize("name, options", OPTIMIZERS)
def test_the_state_has_the_same_layout_and_values(name: str, options: dict) -> None:
    ours, theirs = twins("float64")
    optimizer = getattr(optim, name)(
        [{"params": ours[:2]}, {"params": ours[2:], "lr": 0.5}], **options
    )
    oracle = getattr(torch.optim, name)(
        [{"params": theirs[:2]}, {"params": theirs[2:], "lr": 0.5}], **options
    )
    for step in range(3):
        set_gradients(ours, theirs, step)
        ours[1].grad = theirs[1].grad = None
        optimizer.step()
        oracle.step()
    saved, expected = optimizer.state_dict(), oracle.state_dict()
    assert saved["state"].keys() == expected["state"].keys()
    for i, values in expected["state"].items():
        assert saved["state"][i].keys() == values.keys()
        for key, value in values.items():
            same(saved["state"][i][key], value, 1e-12)
    for group, other in zip(saved["param_groups"], expected["param_groups"], strict=True):
        assert group == {key: other[key] for key in group}


def test_a_state_of_theirs_continues_here() -> None:
    ours, theirs = twins("float64")
    optimizer, oracle = optim.Adam(ours, lr=0.1), torch.optim.Adam(theirs, lr=0.01)
    set_gradients(ours, theirs, 0)
    oracle.step()
    for p, q in zip(ours, theirs, strict=True):
        p.array[...] = q.detach().numpy()
    state = oracle.state_dict()
    state["state"] = {
        i: {k: from_numpy(v.numpy().copy()) for k, v in values.items()}
        for i, values in state["state"].items()
    }
    optimizer.load_state_dict(state)
    for step in range(5):
        set_gradients(ours, theirs, step)
        optimizer.step()
        oracle.step()
    for p, q in zip(ours, theirs, strict=True):
        same(p, q, 1e-12)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.5, math.inf, -math.inf, 0.0])
@pytest.mark.parametrize("max_norm", [0.01, 1e9])
@pytest.mark.parametrize("size", [1.0, 1e-30, 1e25])
def test_clipping_the_norm(norm_type: float, max_norm: float, size: float) -> None:
    ours, theirs = twins("float32" if 1e-6 < size < 1e6 else "float64")
    ours, theirs = ours[:3], theirs[:3]
    set_gradients(ours, theirs, 0)
    for p, q in zip(ours, theirs, strict=True):
        p.grad.array[...] *= size
        q.grad *= size
    norm = clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    np.testing.assert_allclose(norm.array, expected.numpy(), rtol=1e-6)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.array, q.grad.numpy(), rtol=2e-6)


def test_clipping_values() -> None:
    ours, theirs = twins("float32")
    set_gradients(ours, theirs, 0)
    clip_grad_value_(ours, 0.3)
    torch.nn.utils.clip_grad_value_(theirs, 0.3)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(p.grad.array, q.grad.numpy())


SCHEDULES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("StepLR", {"step_size": 1}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 30], "gamma": 0.3}),
    ("MultiStepLR", {"milestones": [0, 4]}),
    ("ExponentialLR", {"gamma": 0.93}),
    ("CosineAnnealingLR", {"T_max": 10}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.03}),
    ("CosineAnnealingLR", {"T_max": 1}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.01, "end_factor": 0.7, "total_iters": 13}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 4}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 3}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.95**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 1 / (1 + epoch), lambda epoch: epoch % 3]}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 60}),
    ("OneCycleLR", {"max_lr": [0.3, 0.1], "epochs": 6, "steps_per_epoch": 10, "pct_start": 0.2}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 60, "three_phase": True}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 60, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 60, "cycle_momentum": False}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 60, "base_momentum": 0.5, "div_factor": 3.0}),
]


def two_groups(name: str) -> tuple[optim.Optimizer, torch.optim.Optimizer]:
    """Optimizers with two groups of different learning rates."""
    options = {"lr": 0.1, **({"momentum": 0.9} if name == "SGD" else {})}
    ours, theirs = twins("float32")
    groups = [{"params": ours[:2]}, {"params": ours[2:], "lr": 0.02}]
    others = [{"params": theirs[:2]}, {"params": theirs[2:], "lr": 0.02}]
    return getattr(optim, name)(groups, **options), getattr(torch.optim, name)(others, **options)


def follow(optimizer, oracle, schedule, expected, steps: int = 50) -> None:
    """The learning rates and momenta stay the same for many steps."""
    for _ in range(steps):
        ours = [(g["lr"], g.get("betas", g.get("momentum"))) for g in optimizer.param_groups]
        theirs = [(g["lr"], g.get("betas", g.get("momentum"))) for g in oracle.param_groups]
        for (lr, momentum), (other, beta) in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(lr, other, rtol=1e-12, atol=1e-17)
            np.testing.assert_allclose(momentum, beta, rtol=1e-12)
        assert schedule.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
        assert schedule.last_epoch == expected.last_epoch
        optimizer.step()
        oracle.step()
        schedule.step()
        expected.step()


@pytest.mark.parametrize("optimizer_name", ["SGD", "Adam"])
@pytest.mark.parametrize("name, options", SCHEDULES)
def test_schedules(name: str, options: dict, optimizer_name: str) -> None:
    optimizer, oracle = two_groups(optimizer_name)
    schedule = getattr(schedules, name)(optimizer, **options)
    expected = getattr(torch_schedules, name)(oracle, **options)
    follow(optimizer, oracle, schedule, expected)


@pytest.mark.parametrize(
    "names", [*itertools.permutations(["LinearLR", "CosineAnnealingLR", "StepLR", "ConstantLR"], 3)]
)
def test_schedules_in_sequence(names: tuple[str, ...]) -> None:
    options = {"CosineAnnealingLR": {"T_max": 8}, "StepLR": {"step_size": 4}}
    optimizer, oracle = two_groups("SGD")
    sides = []
    for module, target in ((schedules, optimizer), (torch_schedules, oracle)):
        parts = [getattr(module, name)(target, **options.get(name, {})) for name in names]
        sides.append(module.SequentialLR(target, parts, milestones=[7, 20]))
    follow(optimizer, oracle, *sides)


def test_two_schedules_at_once() -> None:
    optimizer, oracle = two_groups("SGD")
    pairs = [
        (schedules.ExponentialLR(optimizer, 0.9), torch_schedules.ExponentialLR(oracle, 0.9)),
        (schedules.LinearLR(optimizer), torch_schedules.LinearLR(oracle)),
        (schedules.CosineAnnealingLR(optimizer, 9), torch_schedules.CosineAnnealingLR(oracle, 9)),
    ]
    for _ in range(30):
        optimizer.step()
        oracle.step()
        for schedule, expected in pairs:
            schedule.step()
            expected.step()
            np.testing.assert_allclose(schedule.get_last_lr(), expected.get_last_lr(), rtol=1e-12)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("more", [{}, {"cooldown": 2}, {"min_lr": [0.05, 0.001]}, {"patience": 0}])
def test_reduce_on_plateau(mode: str, threshold_mode: str, more: dict) -> None:
    options = {"mode": mode, "factor": 0.5, "patience": 2, "threshold": 0.05} | more
    optimizer, oracle = two_groups("SGD")
    schedule = schedules.ReduceLROnPlateau(optimizer, threshold_mode=threshold_mode, **options)
    expected = torch_schedules.ReduceLROnPlateau(oracle, threshold_mode=threshold_mode, **options)
    rng = np.random.default_rng(0)
    for epoch in range(60):
        metric = float(1 / (1 + epoch) + 0.3 * rng.random())
        schedule.step(metric)
        expected.step(metric)
        assert schedule.get_last_lr() == expected.get_last_lr()
        assert schedule.num_bad_epochs == expected.num_bad_epochs


@pytest.mark.parametrize("name, options", SCHEDULES)
def test_a_reloaded_schedule_goes_on_as_theirs(name: str, options: dict) -> None:
    optimizer, oracle = two_groups("SGD")
    schedule = getattr(schedules, name)(optimizer, **options)
    expected = getattr(torch_schedules, name)(oracle, **options)
    follow(optimizer, oracle, schedule, expected, 9)
    again, _ = two_groups("SGD")
    second = getattr(schedules, name)(again, **options)
    again.load_state_dict(optimizer.state_dict())
    second.load_state_dict(schedule.state_dict())
    follow(again, oracle, second, expected, 30)

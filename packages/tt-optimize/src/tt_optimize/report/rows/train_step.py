"""A training step of a GPT: forward, backward and AdamW, compiled by numba, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tt_models import GPT
from tt_nn.optim import AdamW
from tt_tensor import from_numpy

from ...accelerate import accelerate
from ..gpts import VOCABULARY, fresh_gpt, installed
from ..outcome import Goal, Outcome, Setting, missing
from ..pytorch_gpt import build, pytorch
from ..timing import by_turns, repeated

__all__ = ["run"]

GOAL = Goal(1.10, aim=1.20)
LR = 1e-4


def run(setting: Setting) -> list[Outcome]:
    """Against PyTorch's default AdamW, which has the goal, and against its fused one."""
    layers, width, T, B = (1, 32, 16, 2) if setting.quick else (4, 128, 64, 16)
    shape = f"GPT d{width} L{layers} H4 T{T} B{B}"
    peers = {"PyTorch": GOAL, "PyTorch, fused AdamW": None}
    absent = [package for package in ("torch", "numba") if not installed(package)]
    if absent:
        return [
            missing(f"training step, {peer} / numba, {shape}", "x", goal, absent[0], setting)
            for peer, goal in peers.items()
        ]
    model = fresh_gpt(layers, 4, width, T, setting.seed)
    tokens = np.random.default_rng(setting.seed).integers(0, VOCABULARY, (B, T + 1))
    steps = {peer: _theirs(model, tokens, fused="fused" in peer) for peer in peers}
    fast = accelerate(GPT(model.config), backend="numba").train()
    fast.load_state_dict(model.state_dict())
    steps["numba"] = _ours(fast, tokens)
    steps["plain"] = _ours(model.train(), tokens)
    losses = {name: step() for name, step in steps.items()}
    worst = max(abs(loss - losses["plain"]) for loss in losses.values())
    if worst > 1e-3 * abs(losses["plain"]):
        raise RuntimeError(f"training step: the contenders compute different losses: {losses}")
    times = by_turns({n: repeated(s, 1) for n, s in steps.items()}, setting.samples(15))
    outcomes = []
    for peer, goal in peers.items():
        ratio, low, high = times.ratio(peer, "numba")
        shown = {name: f"{1e3 * times.median(name):.3g} ms" for name in steps}
        on = f"{shown[peer]} / {shown['numba']} (plain {shown['plain']})"
        what = f"training step, {peer} / numba, {shape}"
        outcomes.append(Outcome(what, ratio, "x", on, goal, low, high, quick=setting.quick))
    return outcomes


def _ours(model: GPT, tokens: Any) -> Callable[[], float]:
    x, y = from_numpy(tokens[:, :-1].copy()), from_numpy(tokens[:, 1:].copy())
    optimizer = AdamW(model.parameters(), lr=LR)

    def step() -> float:
        optimizer.zero_grad()
        _, loss = model(x, y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def _theirs(model: GPT, tokens: Any, fused: bool) -> Callable[[], float]:
    torch = pytorch()
    twin = build(model).train()
    x, y = torch.from_numpy(tokens[:, :-1].copy()), torch.from_numpy(tokens[:, 1:].copy())
    optimizer = torch.optim.AdamW(twin.parameters(), lr=LR, fused=fused or None)

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(twin(x).view(-1, VOCABULARY), y.reshape(-1))
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step

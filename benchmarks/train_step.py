"""Seconds of a GPT's training step: plain, compiled by numba, and PyTorch's, by turns.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/train_step.py [rounds]

Every contender is a process of its own with one thread; one works at a time. All begin with the
same weights and learn from the same texts: 16 of 64 characters, 4 layers of 128 channels, AdamW.
What their losses are after ten steps is compared before anything is timed. A sample is five steps,
the least of wall and processor time; the median counts. "kept" means ``keep_memory()``.

Set by the environment, OPENBLAS_CORETYPE and the like hold here as well: unset them to let OpenBLAS
choose its kernels for this processor.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

import numpy as np

CONTENDERS = {
    "plain": "tt",
    "plain, kept": "tt keep",
    "numba": "tt numba",
    "numba, kept": "tt numba keep",
    "numba, kept, FusedAdamW": "tt numba keep fused",
    "PyTorch": "torch",
    "PyTorch, fused AdamW": "torch fused",
}
VOCABULARY, LENGTH, LAYERS, HEADS, WIDTH, TEXTS = 96, 64, 4, 4, 128, 16
CHECKED, STEPS = 10, 5


def plain_model() -> Any:
    """The model with which all begin."""
    from tt_models import GPT, GPTConfig
    from tt_tensor import manual_seed

    manual_seed(0)
    return GPT(GPTConfig(VOCABULARY, LENGTH, LAYERS, HEADS, WIDTH))


def ours(options: list[str], tokens: Any) -> Callable[[], float]:
    """A step of ours, which returns the loss."""
    from tt_nn.optim import AdamW
    from tt_optimize import FusedAdamW, accelerate, keep_memory
    from tt_tensor import from_numpy

    if "keep" in options:
        keep_memory()
    model = plain_model()
    if "numba" in options:
        model = accelerate(model, backend="numba")
    adamw = (FusedAdamW if "fused" in options else AdamW)(model.parameters(), lr=1e-3)
    inputs, targets = from_numpy(tokens[:, :-1]), from_numpy(tokens[:, 1:])

    def step() -> float:
        adamw.zero_grad()
        loss = model(inputs, targets)[1]
        loss.backward()
        adamw.step()
        return loss.item()

    return step


def pytorchs(options: list[str], tokens: Any) -> Callable[[], float]:
    """A step of PyTorch's, on the same weights."""
    from tt_bench.peers.workloads import build_gpt, load_framework

    framework = load_framework("torch")
    torch = framework.torch
    model = build_gpt(framework, VOCABULARY, LENGTH, LAYERS, HEADS, WIDTH)
    names = [("transformer.h.", "blocks."), ("transformer.", ""), (".attn.", ".")]
    names += [("mlp.c_fc", "mlp.0"), ("mlp.c_proj", "mlp.2")]
    weights = {}
    for name, tensor in plain_model().state_dict().items():
        for old, new in names:
            name = name.replace(old, new)
        weights[name] = torch.from_numpy(tensor.numpy().copy())
    model.load_state_dict(weights)
    adamw = torch.optim.AdamW(model.parameters(), lr=1e-3, fused="fused" in options or None)
    inputs, targets = torch.from_numpy(tokens[:, :-1]), torch.from_numpy(tokens[:, 1:])

    def step() -> float:
        adamw.zero_grad()
        logits = model(inputs)
        loss = framework.F.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1))
        loss.backward()
        adamw.step()
        return float(loss.item())

    return step


def work(description: str) -> None:
    """A contender's process: the loss after ten steps, then a sample for each line that comes."""
    framework, *options = description.split()
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, (TEXTS, LENGTH + 1))
    start = perf_counter()
    step = (ours if framework == "tt" else pytorchs)(options, tokens)
    step()
    print(perf_counter() - start, flush=True)
    print([step() for _ in range(CHECKED - 1)][-1], flush=True)
    for _ in sys.stdin:
        wall, processor = perf_counter(), process_time()
        for _ in range(STEPS):
            step()
        print(min(perf_counter() - wall, process_time() - processor) / STEPS, flush=True)


def main(rounds: int) -> None:
    """Start everyone, compare losses, take turns, print."""
    processes = {
        name: subprocess.Popen(
            [sys.executable, __file__, "--work", description],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, description in CONTENDERS.items()
    }

    def heard(name: str) -> float:
        answer = processes[name].stdout.readline()  # type: ignore[union-attr]
        if not answer:
            raise SystemExit(f"{name} stopped; its error stands above")
        return float(answer)

    first = {name: heard(name) for name in processes}
    losses = {name: heard(name) for name in processes}
    if max(losses.values()) - min(losses.values()) > 1e-3:
        raise SystemExit(f"the contenders do not compute the same: {losses}")
    seconds: dict[str, list[float]] = {name: [] for name in processes}
    for _ in range(rounds):
        for name, process in processes.items():
            process.stdin.write("\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            seconds[name].append(heard(name))
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"loss after {CHECKED} steps: {losses['PyTorch']:.4f}, everyone's to 1e-3\n")
    print(f"{'':26}{'ms a step':>10}{'PyTorch /':>11}{'plain /':>9}{'to first step, s':>18}")
    for name, time in middle.items():
        ratios = middle["PyTorch"] / time, middle["plain"] / time
        print(f"{name:26}{1e3 * time:10.1f}{ratios[0]:11.2f}{ratios[1]:9.2f}{first[name]:18.1f}")
    for process in processes.values():
        process.communicate()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 21)

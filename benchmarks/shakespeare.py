"""A GPT on tiny Shakespeare, on TinyTorch and on PyTorch: python benchmarks/shakespeare.py

The training loop of milestones/2017_transformer/vaswani_shakespeare.py, with nanoGPT's settings for
a CPU, is written once, against names that both frameworks have, and run by each in a process of its
own: same first weights, same batches, same threads. They take turns, for other programs run on the
machine as well, and of the times of a turn's steps the middle one counts. At the end the losses are
compared, so that it is known that both did the same. PyTorch runs eagerly.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tt_bench.peers.processes import THREAD_VARIABLES
from tt_bench.peers.workloads import Framework, load_framework
from tt_data.datasets import TinyShakespeare

BATCH, BLOCK, LAYERS, HEADS, WIDTH = 12, 64, 4, 4, 128
PEAK, WARMUP, STEPS, DECAY = 1e-3, 100, 2_000, 0.1


def build(framework: Framework, vocabulary: int) -> Any:
    """nanoGPT's model: no biases, one table for reading and writing."""
    nn, F = framework.nn, framework.F

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1 = nn.LayerNorm(WIDTH, bias=False)
            self.c_attn = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
            self.c_proj = nn.Linear(WIDTH, WIDTH, bias=False)
            self.ln_2 = nn.LayerNorm(WIDTH, bias=False)
            self.fc = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
            self.gelu = nn.GELU(approximate="tanh")
            self.proj = nn.Linear(4 * WIDTH, WIDTH, bias=False)

        def forward(self, x: Any) -> Any:
            B, T, C = x.shape  # batch, time, channels
            q, k, v = (
                part.view(B, T, HEADS, C // HEADS).transpose(1, 2)  # (B, H, T, D)
                for part in self.c_attn(self.ln_1(x)).split(C, dim=2)
            )
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.c_proj(y.transpose(1, 2).reshape(B, T, C))
            return x + self.proj(self.gelu(self.fc(self.ln_2(x))))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte = nn.Embedding(vocabulary, WIDTH)
            self.wpe = nn.Embedding(BLOCK, WIDTH)
            self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
            self.ln_f = nn.LayerNorm(WIDTH, bias=False)
            self.lm_head = nn.Linear(WIDTH, vocabulary, bias=False)
            self.wte.weight = self.lm_head.weight

        def forward(self, idx: Any, targets: Any) -> Any:
            x = self.wte(idx) + self.wpe(framework.torch.arange(idx.shape[1]))
            for block in self.blocks:
                x = block(x)
            logits = self.lm_head(self.ln_f(x))  # (B, T, V)
            return F.cross_entropy(logits.view(-1, vocabulary), targets.reshape(-1))

    return GPT()


class Training:
    """The loop, a step at a time."""

    def __init__(self, framework: Framework, ids: np.ndarray) -> None:
        self.framework, self.ids = framework, ids
        self.draw = np.random.default_rng(0)
        self.model = build(framework, int(ids.max()) + 1)
        weights = list(self.model.parameters())
        with framework.no_grad():
            for weight in weights:
                if weight.ndim >= 2:
                    values = self.draw.normal(0, 0.02, tuple(weight.shape)).astype(np.float32)
                    weight.copy_(framework.torch.from_numpy(values))
        matrices = [weight for weight in weights if weight.ndim >= 2]
        vectors = [weight for weight in weights if weight.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": DECAY},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.weights = weights
        self.optimizer = framework.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.99))
        self.steps = 0

    def step(self) -> float:
        """Batch, learning rate, loss, gradients, clipping, AdamW; the loss."""
        starts = self.draw.integers(0, len(self.ids) - BLOCK, (BATCH, 1))
        tokens = self.framework.torch.from_numpy(self.ids[starts + np.arange(BLOCK + 1)])
        fallen = 0.5 * (1 + math.cos(math.pi * (self.steps - WARMUP) / (STEPS - WARMUP)))
        share = (self.steps + 1) / WARMUP if self.steps < WARMUP else 0.1 + 0.9 * fallen
        for group in self.optimizer.param_groups:
            group["lr"] = PEAK * share
        self.optimizer.zero_grad()
        loss = self.model(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        self.framework.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.steps += 1
        return float(loss.item())


def work(name: str, threads: int, data: Path | None) -> None:
    """One framework's process: for each number on stdin so many steps; their times as JSON."""
    framework = load_framework(name, threads)
    if name == "tt":
        from tt_optimize import keep_memory

        keep_memory()  # as the milestone does; PyTorch does not gain by it
    text = TinyShakespeare(data, "train", download=data is None).text
    characters = {c: i for i, c in enumerate(sorted(set(text)))}
    training = Training(framework, np.array([characters[c] for c in text]))
    for line in sys.stdin:
        seconds, loss = [], math.nan
        for _ in range(int(line)):
            start = time.perf_counter()
            loss = training.step()
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "loss": loss}), flush=True)


def main() -> None:
    """Let them take turns, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=100, help="of each, after 10 to warm up")
    parser.add_argument("--turns", type=int, default=10, help="in how many turns (10)")
    parser.add_argument("--threads", type=int, default=1, help="for each (1)")
    parser.add_argument("--data", type=Path, help="folder with input.txt; else it is downloaded")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker, args.threads, args.data)
        return
    workers = {name: start(name, args) for name in ("tt", "torch")}
    try:
        turns: dict[str, list[float]] = {name: [] for name in workers}
        losses = dict.fromkeys(workers, math.nan)
        for worker in workers.values():
            ask(worker, 10)
        for _ in range(args.turns):
            for name, worker in workers.items():
                answer = ask(worker, max(1, args.steps // args.turns))
                turns[name].append(median(answer["seconds"]))
                losses[name] = answer["loss"]
    finally:
        for worker in workers.values():
            worker.stdin.close()
            worker.wait()
    ours, theirs = turns["tt"], turns["torch"]
    ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    print(f"a step of {BATCH} x {BLOCK} characters, {args.threads} thread(s), ms:")
    for name, seconds in turns.items():
        print(f"  {name:5}  middle {1e3 * median(seconds):6.1f}  least {1e3 * min(seconds):6.1f}"
              f"  loss {losses[name]:.4f}")  # fmt: skip
    print(f"ratio of the times, PyTorch's to ours: middle {median(ratios):.2f}", end="")
    print(f" ({ratios[0]:.2f} to {ratios[-1]:.2f} in {len(ratios)} turns)")
    if not math.isclose(losses["tt"], losses["torch"], rel_tol=1e-3):
        sys.exit("The losses differ: they did not do the same.")


def start(name: str, args: argparse.Namespace) -> Any:
    """The process of a framework, every library in it limited to so many threads."""
    command = [sys.executable, __file__, "--worker", name, "--threads", str(args.threads)]
    command += ["--data", str(args.data)] if args.data else []
    threads = dict.fromkeys(THREAD_VARIABLES, str(args.threads))
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"} | threads
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)


def ask(worker: Any, steps: int) -> dict[str, Any]:
    """Let a process take so many steps, while the others wait."""
    worker.stdin.write(f"{steps}\n")
    worker.stdin.flush()
    return dict(json.loads(worker.stdout.readline()))


if __name__ == "__main__":
    main()

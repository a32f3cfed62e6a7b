"""Tokens per second of writing with a KV cache: plain, accelerated, and PyTorch, by turns.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/decode.py [rounds]

Every contender holds the same weights and writes the same text, greedily: after a prompt, the last
tokens up to a context of 256. Ours are timed as their users call them, through ``generate_stream``.
PyTorch's have keys and values in memory allocated once, scaled_dot_product_attention, and a bare
loop under ``inference_mode``: "PyTorch" is a model of modules, as such models are written (nanoGPT
with a cache); "bare" the same without a single module, the fastest we could write. They take turns,
and the median counts.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from time import perf_counter, process_time
from typing import Any

import numpy as np

import tt_tensor as tt
from tt_autograd import no_grad
from tt_models import GPT, GPTConfig, generate_stream
from tt_optimize import KVCache, accelerate

CONTEXT, NEW = 256, 32
SIZES = {"d128 L4 H4": (4, 4, 128), "d384 L6 H6": (6, 6, 384)}


def ours(model: GPT) -> Callable[[list[int]], Iterator[int]]:
    """The text's continuation token by token, by generate_stream with a cache."""
    cache = KVCache(model)

    def write(prompt: list[int]) -> Iterator[int]:
        idx = tt.tensor([prompt])
        for token in generate_stream(model, idx, CONTEXT, temperature=0, cache=cache):
            yield token.item()

    return write


def pytorch(model: GPT) -> Callable[[list[int]], Iterator[int]]:
    """The same by PyTorch: a model of modules."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(1)
    config = model.config

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width = config.n_embd
            self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            shape = (1, config.n_head, CONTEXT, width // config.n_head)
            self.keys, self.values = torch.empty(shape), torch.empty(shape)

        def forward(self, x: Any, past: int) -> Any:
            B, T, C = x.shape
            heads = (B, T, config.n_head, C // config.n_head)
            q, k, v = (part.view(heads).transpose(1, 2) for part in self.c_attn(x).split(C, dim=2))
            self.keys[:, :, past : past + T] = k
            self.values[:, :, past : past + T] = v
            k, v = self.keys[:, :, : past + T], self.values[:, :, : past + T]
            y = F.scaled_dot_product_attention(q, k, v, is_causal=T > 1)
            return self.c_proj(y.transpose(1, 2).reshape(B, T, C))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width = config.n_embd
            self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(width), Attention(), nn.LayerNorm(width)
            self.mlp = nn.ModuleDict(
                {"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)}
            )
            self.gelu = nn.GELU(approximate="tanh")

        def forward(self, x: Any, past: int) -> Any:
            x = x + self.attn(self.ln_1(x), past)
            return x + self.mlp.c_proj(self.gelu(self.mlp.c_fc(self.ln_2(x))))

    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = nn.ModuleDict(
                {
                    "wte": nn.Embedding(config.vocab_size, config.n_embd),
                    "wpe": nn.Embedding(config.block_size, config.n_embd),
                    "h": nn.ModuleList(Block() for _ in range(config.n_layer)),
                    "ln_f": nn.LayerNorm(config.n_embd),
                }
            )
            self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

        def forward(self, idx: Any, past: int) -> Any:
            parts = self.transformer
            x = parts.wte(idx) + parts.wpe(torch.arange(past, past + idx.shape[1]))
            for block in parts.h:
                x = block(x, past)
            return self.lm_head(parts.ln_f(x[:, -1:]))

    theirs = Transformer().eval()
    theirs.load_state_dict(
        {k: torch.from_numpy(v.numpy().copy()) for k, v in model.state_dict().items()}
    )
    return _loop(theirs)


def bare(model: GPT) -> Callable[[list[int]], Iterator[int]]:
    """The same by PyTorch's functions, without modules."""
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(1)
    config = model.config
    n, heads, width = config.n_layer, config.n_head, config.n_embd
    state = {k: torch.from_numpy(v.numpy().copy()) for k, v in model.state_dict().items()}
    names = ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
    layers = [
        [state[f"transformer.h.{i}.{name}.{kind}"] for name in names for kind in ("weight", "bias")]
        for i in range(n)
    ]
    wte, wpe = state["transformer.wte.weight"], state["transformer.wpe.weight"]
    last = state["transformer.ln_f.weight"], state["transformer.ln_f.bias"]
    keys, values = torch.empty(2, n, 1, heads, CONTEXT, width // heads)

    def step(idx: Any, past: int) -> Any:
        new = idx.shape[1]
        x = F.embedding(idx, wte) + wpe[past : past + new]
        for i, (g1, b1, wa, ba, wp, bp, g2, b2, wf, bf, wo, bo) in enumerate(layers):
            h = F.layer_norm(x, (width,), g1, b1)
            q, k, v = (
                F.linear(h, wa, ba).view(1, new, 3 * heads, -1).transpose(1, 2).split(heads, 1)
            )
            keys[i, :, :, past : past + new] = k
            values[i, :, :, past : past + new] = v
            y = F.scaled_dot_product_attention(
                q, keys[i, :, :, : past + new], values[i, :, :, : past + new], is_causal=new > 1
            )
            x = x + F.linear(y.transpose(1, 2).reshape(1, new, width), wp, bp)
            h = F.linear(F.layer_norm(x, (width,), g2, b2), wf, bf)
            x = x + F.linear(F.gelu(h, approximate="tanh"), wo, bo)
        return F.linear(F.layer_norm(x[:, -1:], (width,), *last), wte)

    return _loop(step)


def _loop(step: Callable[[Any, int], Any]) -> Callable[[list[int]], Iterator[int]]:
    """The highest score, over and over."""
    import torch

    def write(prompt: list[int]) -> Iterator[int]:
        with torch.inference_mode():
            idx, past = torch.tensor([prompt]), 0
            while True:
                scores = step(idx, past)
                past += idx.shape[1]
                idx = scores[:, -1].argmax(-1, keepdim=True)
                yield int(idx)

    return write


def contenders(model: GPT) -> dict[str, Callable[[list[int]], Iterator[int]]]:
    """Whoever is installed, by name."""
    found = {"plain": ours(model), "numpy": ours(accelerate(model, backend="numpy"))}
    for name, make in (
        ("numba", lambda: ours(accelerate(model, backend="numba"))),
        ("PyTorch", lambda: pytorch(model)),
        ("bare", lambda: bare(model)),
    ):
        try:
            found[name] = make()
        except ImportError as error:
            print(f"without {name}: {error}")
    return found


def timed(
    write: Callable[[list[int]], Iterator[int]], prompt: list[int]
) -> tuple[float, list[int]]:
    """Seconds per token after the first, and the tokens.

    All run on one thread, so the time that the processor gave to this process is what a busy
    machine would have taken if it had not been busy; wall time counts where it is less.
    """
    stream = write(prompt)
    text = [next(stream)]
    start, cpu = perf_counter(), process_time()
    text += [next(stream) for _ in range(NEW)]
    return min(perf_counter() - start, process_time() - cpu) / NEW, text


def lively(layers: int, heads: int, width: int) -> GPT:
    """A model that does not only repeat itself, as fresh ones do."""
    tt.manual_seed(0)
    model = GPT(GPTConfig(65, CONTEXT, layers, heads, width)).eval()
    with no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4.0)
    return model


def measure(title: str, model: GPT, rounds: int) -> None:
    """Print each contender's tokens per second, and the ratios to PyTorch and plain."""
    prompt = np.random.default_rng(0).integers(0, 65, CONTEXT - NEW - 1).tolist()
    everyone = contenders(model)
    texts = {name: timed(write, prompt)[1] for name, write in everyone.items()}  # warms up, too
    same = sum(text == texts["plain"] for text in texts.values())
    print(f"\n{title}, context {CONTEXT}: {same} of {len(texts)} wrote the same text")
    seconds: dict[str, list[float]] = {name: [] for name in everyone}
    for _ in range(rounds):
        for name, write in everyone.items():
            seconds[name].append(timed(write, prompt)[0])
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    for name, time in middle.items():
        against = " ".join(
            f"{middle[other] / time:6.2f} x {other}"
            for other in ("plain", "PyTorch", "bare")
            if other in middle and other != name
        )
        print(f"  {name:8} {1 / time:8.0f} tokens/s  {1e6 * time:7.0f} µs  {against}")


if __name__ == "__main__":
    for size, (n_layer, n_head, n_embd) in SIZES.items():
        count = int(sys.argv[1]) if len(sys.argv) > 1 else 15
        measure(size, lively(n_layer, n_head, n_embd), count)

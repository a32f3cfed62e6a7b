"""Tokens a second of writing with a KV cache: ours and PyTorch in the same bare loop.

Every contender holds the same weights and writes the same text, greedily: after a prompt, the last
tokens up to the context. A token is one call of the model and one argmax. ``generate``, which knows
temperatures, stops and texts side by side, takes 10 to 15 µs more a token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tt_autograd import no_grad
from tt_models import GPT
from tt_tensor import from_numpy, tensor

from ...accelerate import accelerate
from ...kv_cache import KVCache
from ...quantize import quantize
from ..gpts import VOCABULARY, fresh_gpt, installed
from ..outcome import Goal, Outcome, Setting, missing
from ..pytorch_gpt import Writer, write_bare, write_with_modules
from ..timing import Stopwatch, by_turns

__all__ = ["Size", "decode", "run_large", "run_small"]


@dataclass(frozen=True)
class Size:
    """A GPT to write with, and what its contenders are to reach against PyTorch."""

    layers: int
    heads: int
    width: int
    goals: dict[str, Goal]
    context: int = 256
    new: int = 32  # tokens a sample

    def __str__(self) -> str:
        return f"GPT d{self.width} L{self.layers} H{self.heads}, context {self.context}"


SMALL = Size(4, 4, 128, {"NumPy": Goal(2.3, aim=2.8), "numba": Goal(4.5, aim=6.3)})
LARGE = Size(
    6,
    6,
    384,
    {"NumPy": Goal(1.7, aim=1.9), "numba": Goal(3, aim=3.7), "numba, int8": Goal(6, aim=8)},
)
QUICK = {"layers": 1, "heads": 2, "width": 32, "context": 32, "new": 8}


def run_small(setting: Setting) -> list[Outcome]:
    """128 channels, 4 layers."""
    return decode(SMALL, setting)


def run_large(setting: Setting) -> list[Outcome]:
    """384 channels, 6 layers: 43 MB of weights, which come from memory for every token."""
    return decode(LARGE, setting)


def decode(size: Size, setting: Setting) -> list[Outcome]:
    """Each contender against PyTorch, which has goals, and against PyTorch without modules."""
    small = Size(goals=size.goals, **QUICK) if setting.quick else size
    model = fresh_gpt(small.layers, small.heads, small.width, small.context, setting.seed)
    writers = contenders(model, tuple(size.goals))
    drawn = np.random.default_rng(setting.seed).integers(0, VOCABULARY, small.context)
    prompt = drawn.tolist()[: small.context - small.new - 1]
    texts = {name: _text(write, prompt, small.new) for name, write in writers.items()}
    samplers = {name: _sampler(write, prompt, small.new) for name, write in writers.items()}
    times = by_turns(samplers, setting.samples(15))
    rates = {name: f"{1 / times.median(name):,.0f}" for name in writers}
    outcomes = []
    for name, goal in size.goals.items():
        for peer, against in (("PyTorch", goal), ("PyTorch, bare", None)):
            what = f"tokens/s, {name} / {peer}, {small}"
            absent = [p for p, n in (("torch", peer), ("numba", name)) if n not in writers]
            if absent:
                outcomes.append(missing(what, "x", against, absent[0], setting))
                continue
            ratio, low, high = times.ratio(peer, name)
            same = sum(a == b for a, b in zip(texts[name], texts["plain"], strict=True))
            on = f"{rates[name]} / {rates[peer]} (plain {rates['plain']}); {same} of {small.new} "
            on += "tokens as the plain model's"
            outcomes.append(Outcome(what, ratio, "x", on, against, low, high, quick=setting.quick))
    return outcomes


def contenders(model: GPT, wanted: tuple[str, ...]) -> dict[str, Writer]:
    """Whoever is installed, by name."""
    found = {"plain": ours(model), "NumPy": ours(accelerate(model, backend="numpy"))}
    if installed("numba"):
        found["numba"] = ours(accelerate(model, backend="numba"))
        if "numba, int8" in wanted:
            found["numba, int8"] = ours(accelerate(quantize(model), backend="numba"))
    if installed("torch"):
        found |= {"PyTorch": write_with_modules(model), "PyTorch, bare": write_bare(model)}
    return found


def ours(model: GPT) -> Writer:
    """The highest score, over and over, with a cache."""
    cache = KVCache(model)

    def write(prompt: list[int]) -> Iterator[int]:
        cache.reset()
        idx, following = tensor([prompt]), np.zeros((1, 1), np.int64)
        while True:
            with no_grad():
                scores, _ = model(idx, cache=cache)
            following[0, 0] = token = int(scores.numpy()[0, -1].argmax())
            idx = from_numpy(following)  # on the same memory
            yield token

    return write


def _text(write: Writer, prompt: list[int], new: int) -> list[int]:
    stream = write(prompt)
    return [next(stream) for _ in range(new)]


def _sampler(write: Writer, prompt: list[int], new: int) -> Callable[[], float]:
    """Seconds of a token after the first, which the prompt has a share in."""

    def sample() -> float:
        stream = write(prompt)
        next(stream)
        with Stopwatch() as watch:
            for _ in range(new):
                next(stream)
        return watch.seconds / new

    return sample

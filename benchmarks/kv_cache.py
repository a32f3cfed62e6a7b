"""What a KV cache saves: the plain GPT with it and without, by turns.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/kv_cache.py [rounds]

For one more token at a context, and for a whole text from a short prompt up to it. All run on one
thread, so the processor's time counts where it is less than the wall's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time

import tt_tensor as tt
from tt_autograd import no_grad
from tt_models import GPT, GPTConfig, generate
from tt_optimize import KVCache

CONTEXTS, PROMPT, TOKENS = (256, 1024), 8, 30


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start, cpu = perf_counter(), process_time()
    work()
    return min(perf_counter() - start, process_time() - cpu)


def one_more_token(model: GPT, context: int, rounds: int) -> tuple[float, float]:
    """Seconds for the token at a context, with a cache and without."""
    idx = tt.randint(0, 65, (1, context))
    cache, few, many = KVCache(model), [], []

    def steps() -> None:
        for column in range(context - TOKENS, context):
            model(idx[:, column : column + 1], cache=cache)

    with no_grad():
        for _ in range(rounds):
            cache.reset()
            model(idx[:, : context - TOKENS], cache=cache)
            few.append(seconds(steps) / TOKENS)
            many.append(seconds(lambda: model(idx)))
    return median(few), median(many)


def whole_text(model: GPT, context: int) -> tuple[float, float]:
    """Seconds for a text from a short prompt up to the context, with a cache and without."""
    idx = tt.randint(0, 65, (1, PROMPT))
    count, cache = context - PROMPT, KVCache(model)

    def few() -> None:
        generate(model, idx, count, temperature=0, cache=cache)

    return (
        median(seconds(few) for _ in range(5)),
        seconds(lambda: generate(model, idx, count, temperature=0)),
    )


def main(rounds: int) -> None:
    """Print both, and the ratios."""
    tt.manual_seed(0)
    for context in CONTEXTS:
        model = GPT(GPTConfig(65, context, n_layer=4, n_head=4, n_embd=128)).eval()
        few, many = one_more_token(model, context, rounds)
        print(
            f"d128 L4 H4, context {context}: one more token {1e6 * few:.0f} µs with a cache of "
            f"{KVCache(model).nbytes / 1e6:.1f} MB, {1e6 * many:.0f} µs without: {many / few:.1f} x"
        )
        few, many = whole_text(model, context)
        print(f"  the whole text {few:.2f} s with, {many:.2f} s without: {many / few:.1f} x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)

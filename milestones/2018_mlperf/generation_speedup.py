"""2018: the same text, sooner.

To write the next word, a GPT looks at all words before it. What it computed of
them for the last word it computes again, for they have not changed: n words
cost as much as n * n / 2. A cache of keys and values remembers, and the cost
of a word is that of a word. After that most of the time is no longer
arithmetic: a framework asks, for each of some hundred operations, whether
anyone wants a gradient. A backend that knows the whole model need not ask.

Here is a GPT of 4 layers and 128 channels that has learned nothing. It fills
its context of 256 tokens, with and without such help, and always with the
same text.

It claims: with the cache it writes at least 5 times as fast, with NumPy's
backend as well at least 7 times, and not one token is different.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from measuring import by_turns, table, thousands
from story import Claim, begin, chapter, conclude, options, say, stoppable

import tt_tensor as torch
from tt_models import GPT, GPTConfig, generate
from tt_optimize import KVCache, Profiler, accelerate
from tt_tensor import Tensor

PROMPT = 16  # tokens


def main() -> None:
    """Run the milestone."""
    args = options(__doc__).parse_args()
    context, least, least_fast = (96, 1.5, 2.0) if args.quick else (256, 5.0, 7.0)
    quick = f"a context of {context} tokens; it claims {least:g} and {least_fast:g} times."
    begin(__doc__, quick if args.quick else "")

    torch.manual_seed(args.seed)
    config = GPTConfig(vocab_size=512, block_size=context, n_layer=4, n_head=4, n_embd=128)
    model = GPT(config).eval()
    prompt = torch.randint(0, config.vocab_size, (1, PROMPT))
    new = context - PROMPT

    chapter("How much work it is")
    cache = KVCache(model)
    for name, chosen in (("without a cache", None), ("with the cache", cache)):
        with Profiler() as p:
            generate(model, prompt, new, temperature=0, cache=chosen)
        say(f"  {name}: {p.result.flops / 1e9:.2f} GFLOP for {new} tokens")
    say(f"The cache takes {thousands(cache.nbytes)}: keys and values of {context} tokens.")

    chapter("How long it takes")
    writers = {"no help": writer(model, prompt, new), "cache": writer(model, prompt, new, cache)}
    for backend in ("numpy", "numba"):
        if backend == "numba" and importlib.util.find_spec("numba") is None:
            say("(numba is not installed: pip install numba adds a row to this table)")
            continue
        fast = accelerate(model, backend=backend)
        writers[f"cache, {backend}"] = writer(fast, prompt, new, KVCache(fast))
    texts = {name: write() for name, write in writers.items()}
    times = by_turns(writers, args.quick)
    plain = times["no help"].median_seconds
    speed = {name: plain / result.median_seconds for name, result in times.items()}
    table(
        ("how it writes", "tokens/s", "ms a token", "times as fast"),
        [
            (
                name,
                f"{new / result.median_seconds:,.0f}",
                f"{1e3 * result.median_seconds / new:.3g}",
                f"{speed[name]:.3g}",
            )
            for name, result in times.items()
        ],
    )
    wrong = sum(int((text != texts["no help"]).sum().item()) for text in texts.values())
    claims = [
        Claim("tokens that are different with any help", wrong, 0, 0),
        Claim("with the cache, times as fast", speed["cache"], least),
        Claim("with NumPy's backend too, times as fast", speed["cache, numpy"], least_fast),
    ]
    if "cache, numba" in speed:
        fastest = Claim("with numba's, times as fast", speed["cache, numba"], least_fast)
        claims.append(fastest)
    conclude(*claims)


def writer(
    model: GPT, prompt: Tensor, new: int, cache: KVCache | None = None
) -> Callable[[], Tensor]:
    """Writes so many tokens after the prompt, always the likeliest."""
    return lambda: generate(model, prompt, new, temperature=0, cache=cache)


if __name__ == "__main__":
    with stoppable():
        main()

"""2018: measure first.

"We should forget about small efficiencies, say about 97 % of the time", wrote
Donald Knuth in 1974, and that programmers are usually wrong about the other
3 %. So look before you optimise. Of each operation: how long does it take, how
many floating-point operations does it do, how many bytes does it move? The
roofline says which of the two limits it on this machine. Amdahl's law of 1967
says what a faster part would buy: if it is a tenth of the time, never more
than a ninth.

Here a network that reads digits and a small GPT take steps of training. Then
Amdahl's law is put to the test: the optimizer is made faster by fusing its
operations into one, and what that buys is foretold before it is measured.

It claims: the profiler takes at most 5 % of the GPT's step for itself, the
operations it counts in the GPT's products are those that one counts by hand,
and Amdahl foretells what a faster optimizer buys to within 10 %.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from measuring import table
from story import Claim, begin, chapter, conclude, options, say, stoppable

import tt_tensor as torch
from tt_models import CNN, GPT, MLP, GPTConfig
from tt_nn.functional import cross_entropy
from tt_nn.optim import AdamW, Optimizer
from tt_optimize import (
    Ceilings,
    FusedAdamW,
    Profile,
    Profiler,
    flops,
    measure_ceilings,
    roofline,
    speedup,
)
from tt_tensor import Tensor

Step = Callable[[], None]


def main() -> None:
    """Run the milestone."""
    args = options(__doc__).parse_args()
    off = 30 if args.quick else 10
    begin(__doc__, f"fewer samples; Amdahl to within {off} %." if args.quick else "")
    torch.manual_seed(args.seed)

    chapter("This machine")
    top = measure_ceilings(seconds=0.05 if args.quick else 0.3)
    say(
        f"At best {top.flops_per_second / 1e9:.0f} GFLOP/s in products of matrices, and "
        f"{top.bytes_per_second / 1e9:.1f} GB/s from memory.",
        f"Below {top.ridge:.1f} FLOP a byte, memory is what an operation waits for.",
    )

    chapter("A CNN of 70,314 numbers learns from 64 digits")
    cnn = CNN(in_channels=1, widths=(16, 32, 64))
    images, labels = torch.randn(64, 1, 8, 8), torch.randint(0, 10, (64,))
    steps = [look(training(AdamW(cnn.parameters()), lambda: cross_entropy(cnn(images), labels)))]
    show(steps[0], top)

    chapter("A GPT of 867,072 numbers learns from 16 x 64 tokens")
    config = GPTConfig(vocab_size=512, block_size=64, n_layer=4, n_head=4, n_embd=128)
    gpt = GPT(config)
    idx = torch.randint(0, config.vocab_size, (16, config.block_size))
    steps.append(look(training(AdamW(gpt.parameters()), lambda: gpt(idx, idx)[1])))
    show(steps[1], top)
    counted, by_hand = flops(gpt, idx), products(config, *idx.shape)
    say("", f"Its forward pass: {counted / 1e9:.3f} GFLOP, of which {by_hand / 1e9:.3f} are of")
    say("products of matrices with weights, counted by hand from the shapes.")

    chapter("Amdahl's law, put to the test")
    mlp = MLP([64, 512, 512, 10])
    say("A perceptron of 301,066 numbers learns from 8 digits; its optimizer gets faster.")
    share, factor, measured = fuse(mlp, images[:8], labels[:8], args.quick)
    foretold = speedup(share, factor)
    say(f"Amdahl: 1 / ({1 - share:.3f} + {share:.3f} / {factor:.2f}) = {foretold:.3f} times")
    say(f"Measured: {measured:.3f} times")

    itself = 100 * steps[1].profiler_seconds / steps[1].seconds
    ratio = in_products(gpt, idx) / by_hand
    wrong = 100 * abs(foretold / measured - 1)
    conclude(
        Claim("the profiler's own share of the GPT's step", itself, at_most=5, unit=" %"),
        Claim("FLOPs of the GPT's products, as profiled / by hand", ratio, 1, 1),
        Claim("what Amdahl foretold is off by", wrong, at_most=off, unit=" %"),
    )


# ---- looking -------------------------------------------------------------------------------------


def training(optimizer: Optimizer, loss: Callable[[], Tensor]) -> Step:
    """A step of training."""

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def look(step: Step) -> Profile:
    """Where a step's time goes, once everything has been warmed up; the quickest of five."""
    step()
    found = []
    for _ in range(5):
        with Profiler() as p:
            step()
        found.append(p.result)
    return min(found, key=lambda profile: profile.seconds)


def show(profile: Profile, top: Ceilings) -> None:
    """The operations that take the most time, what limits them, and what they would buy."""
    rows = [
        (
            point.name,
            point.phase,
            f"{1e3 * point.seconds:.2f}",
            f"{point.seconds / profile.seconds:.1%}",
            f"{point.flops_per_second / 1e9:.1f}" if point.flops else "-",
            point.bound,
            f"{speedup(point.seconds / profile.seconds, 2):.2f}",
        )
        for point in roofline(profile, top).points[:7]
    ]
    rest = profile.outside_seconds + profile.python_seconds
    rows.append(
        (
            "outside operations",
            "",
            f"{1e3 * rest:.2f}",
            f"{rest / profile.seconds:.1%}",
            "-",
            "",
            "",
        )
    )
    table(("operation", "phase", "ms", "share", "GFLOP/s", "bound", "x if 2x"), rows)
    say("(bound: what limits it; x if 2x: the step's speed-up if it were twice as fast)")


# ---- counting ------------------------------------------------------------------------------------


def products(config: GPTConfig, batch: int, time: int) -> int:
    """FLOPs of the products with weights, and the biases, in a forward pass, by hand.

    A product (T, m) by (m, n) is 2 T m n operations; a bias is T n more.
    """
    d, tokens = config.n_embd, batch * time
    layers = ((d, 3 * d), (d, d), (d, 4 * d), (4 * d, d))
    block = sum(2 * tokens * m * n + tokens * n for m, n in layers)
    return config.n_layer * block + 2 * tokens * d * config.vocab_size


def in_products(gpt: GPT, idx: Tensor) -> int:
    """The same, as the profiler counts it."""
    with Profiler() as p:
        gpt(idx)
    return p.result.ops["linear", "forward"].flops


# ---- Amdahl --------------------------------------------------------------------------------------


def fuse(model: MLP, images: Tensor, labels: Tensor, quick: bool) -> tuple[float, float, float]:
    """The optimizer's share of a step, how much faster a fused one is, and what a step gains.

    Steps with one and with the other take turns.
    """
    optimizers = {"AdamW": AdamW(model.parameters()), "FusedAdamW": FusedAdamW(model.parameters())}
    inside: dict[str, list[float]] = {name: [] for name in optimizers}
    whole: dict[str, list[float]] = {name: [] for name in optimizers}
    for i in range(100 if quick else 400):
        for name, optimizer in optimizers.items():
            start = perf_counter()
            optimizer.zero_grad()
            cross_entropy(model(images), labels).backward()
            ready = perf_counter()
            optimizer.step()
            end = perf_counter()
            if i >= 10:  # warm by then
                inside[name].append(end - ready)
                whole[name].append(end - start)
    rows = [
        (name, f"{1e3 * median(inside[name]):.3f} ms", f"{1e3 * median(whole[name]):.3f} ms")
        for name in optimizers
    ]
    table(("medians", "optimizer", "whole step"), rows)
    (slow, fast), (step, faster_step) = map(median, inside.values()), map(median, whole.values())
    return slow / step, slow / fast, step / faster_step


if __name__ == "__main__":
    with stoppable():
        main()

"""Can the verdicts of tt_bench be trusted? Two hundred comparisons whose right answers are known.

    python benchmarks/trust.py [COMPARISONS]

A/A: a model against itself, in two names. Any winner is a false alarm.
A/B: twenty calls of the model against twenty-one: a true difference of 5 %. A tie is a miss.

Each comparison is a Benchmark of its own, as a user would run it: contenders in turns, one thread.
The program fails if fewer than 95 % of the first are ties, or fewer than 90 % of the second are
found the right way round.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import tt_tensor as tt
from tt_autograd import no_grad
from tt_bench import LEAST, Benchmark, Comparison, Table, compare
from tt_models import MLP

CALLS = 20  # one call more is 5 %
SAMPLES = 30


def repeated(function: Callable[[], object], times: int) -> Callable[[], None]:
    """A function that calls another so many times."""

    def run() -> None:
        for _ in range(times):
            function()

    return run


def verdict(a: Callable[[], object], b: Callable[[], object]) -> Comparison:
    """What one benchmark says of a against b."""
    results = Benchmark({"a": a, "b": b}, samples=SAMPLES, clocks=LEAST).run()
    return compare(results["a"], results["b"])


def main() -> int:
    """Run both experiments; 0 if the verdicts can be trusted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("comparisons", type=int, nargs="?", default=100, help="of each kind (100)")
    count = parser.parse_args().comparisons
    tt.manual_seed(0)
    model, x = MLP([64, 128, 10]).eval(), tt.rand(64, 64)

    def predict() -> None:
        with no_grad():
            model(x)

    plain, longer = repeated(predict, CALLS), repeated(predict, CALLS + 1)
    ties = found = 0
    ratios = []
    for done in range(1, count + 1):
        ties += verdict(plain, plain).verdict == "no difference found"
        comparison = verdict(plain, longer)
        found += comparison.verdict == "faster"
        ratios.append(comparison.ratio)
        if done % 10 == 0:
            print(f"{done} of {count}: {ties} ties, {found} differences found", flush=True)
    ratios.sort()
    rows = (
        ("the same twice", "a tie", f"{ties / count:.0%}", "95 %"),
        ("5 % apart", "the right winner", f"{found / count:.0%}", "90 %"),
    )
    note = (
        f"{count} comparisons each, of {SAMPLES} pairs of samples; ratios of the second: "
        f"{ratios[0]:.3f} to {ratios[-1]:.3f}, median {ratios[count // 2]:.3f}"
    )
    Table("Verdicts", ("contenders", "right answer", "given", "at least"), rows, note).print()
    return 0 if ties >= 0.95 * count and found >= 0.9 * count else 1


if __name__ == "__main__":
    sys.exit(main())

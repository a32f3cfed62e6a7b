"""What the milestones that measure share: tables that fit any terminal, times taken by turns, and
digits read.

What they print differs from run to run, as times do; what they claim must not.
"""

from collections.abc import Callable, Mapping, Sequence

from story import say

import tt_tensor as torch
from tt_autograd import no_grad
from tt_bench import LEAST, Benchmark, BenchmarkResult
from tt_data import DataLoader, datasets
from tt_data.transforms import RandomCrop
from tt_models.recipes.digits import train_classifier
from tt_nn import Module
from tt_tensor import Tensor


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Names at the left, numbers below one another at the right."""
    lines = [list(columns), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    say("")
    for line in lines:
        cells = zip(line, widths, strict=True)
        first, *others = (c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(cells))
        say("  ".join([first, *others]).rstrip())


def by_turns(
    contenders: Mapping[str, Callable[[], object]], quick: bool
) -> dict[str, BenchmarkResult]:
    """Time them in one run, by turns, on one thread: what disturbs one, disturbs all.

    The processor's own clock counts, where it is less than the time on the wall: what other
    programs take is not theirs.
    """
    samples, precision = (10, None) if quick else (20, 0.03)
    return Benchmark(contenders, samples=samples, precision=precision, clocks=LEAST).run()


def milliseconds(result: BenchmarkResult) -> str:
    """Its median."""
    return f"{1e3 * result.median_seconds:.3g} ms"


def thousands(count: int) -> str:
    """Bytes, in kB."""
    return f"{count / 1e3:,.1f} kB"


# ---- digits --------------------------------------------------------------------------------------


def moved_digits(seed: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """The 1,437 digits to learn from, each moved by up to a pixel whenever it is shown."""
    moved = datasets.digits(train=True, transform=RandomCrop(8, padding=1))
    draw = torch.Generator().manual_seed(seed)
    return DataLoader(moved, batch_size=64, shuffle=True, generator=draw)


def train_reader(model: Module, epochs: int, seed: int, peak: float = 0.2) -> None:
    """Train a model on the digits, without a word."""
    train_classifier(model, moved_digits(seed), epochs, peak=peak, progress=False)
    model.eval()


def per_cent_read(model: Module) -> float:
    """How many of the 360 digits it has not seen it reads correctly."""
    images, labels = datasets.digits(train=False).tensors()
    with no_grad():
        right = model.eval()(images).argmax(1) == labels
    return 100 * float(right.float().mean().item())

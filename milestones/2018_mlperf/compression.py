"""2018: smaller.

In 1989 Yann LeCun, John Denker and Sara Solla took away from a network that
reads digits what mattered least to it, and named it "Optimal Brain Damage". In
2015 Song Han and others pruned, rounded and packed a network of 240 MB into
6.9, for telephones; in the same year Geoffrey Hinton and others let a small
network learn from a large one. Since 2018 MLPerf measures what is left.

Here a CNN learns to read digits in some seconds, and is made smaller in five
ways: by integers of 8 bits, without half of its channels, by two thin layers
in the place of a wide one, as a student of a quarter of the size, and by some
of these together.

It claims: int8 takes at most 0.27 of the memory and costs at most half a point
of accuracy; without half of its channels it reads at least 1.3 times as fast
and loses at most one point; no other way loses more than two.
"""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from measuring import (
    by_turns,
    milliseconds,
    moved_digits,
    per_cent_read,
    table,
    thousands,
    train_reader,
)
from story import Claim, begin, chapter, conclude, options, reading_data, say, stoppable

import tt_tensor as torch
from tt_autograd import no_grad
from tt_bench import disk_bytes, held_bytes
from tt_data import datasets
from tt_models import CNN
from tt_nn import Module
from tt_optimize import Pipeline, distill, finetune, low_rank, prune, quantize

BATCH = 64


def main() -> None:
    """Run the milestone."""
    args = options(__doc__).parse_args()
    epochs, mending, lost, student_lost = (6, 3, 2.5, 5.0) if args.quick else (20, 10, 1.0, 2.0)
    quick = f"{epochs} epochs; pruning may cost {lost:g} points, the others {student_lost:g}."
    begin(__doc__, quick if args.quick else "")
    torch.manual_seed(args.seed)
    with reading_data():
        images, _ = datasets.digits(train=False).tensors()

    chapter("A CNN learns to read")
    cnn = CNN(in_channels=1, widths=(16, 32, 64))
    train_reader(cnn, epochs, args.seed)
    say(f"{size(cnn):,} numbers; it reads {per_cent_read(cnn):.2f} % of 360 unseen digits.")

    chapter("Made smaller")

    def mend(model: Module) -> None:
        """Train on for a while: what is left has to be fitted together again."""
        train_reader(model, mending, args.seed, peak=0.05)

    steps: dict[str, Callable[[CNN], Module]] = {
        "int8": quantize(bits=8),
        "half the channels": Pipeline(
            [prune(amount=0.5, method="structured"), finetune(train=mend)]
        ),
        "low rank": Pipeline([low_rank(ratio=0.5), finetune(train=mend)]),
        "student": lambda teacher: taught(teacher, epochs, args.seed),
        "half, int8": lambda _: quantize(models["half the channels"], bits=8),
        "student, int4": lambda _: quantize(models["student"], bits=4),
    }
    models: dict[str, Module] = {"the CNN": cnn}
    for name, step in steps.items():
        models[name] = step(cnn)
        say(f"  {name}")

    readers = {name: reading(model, images[:BATCH]) for name, model in models.items()}
    times = by_turns(readers, args.quick)
    right = {name: per_cent_read(model) for name, model in models.items()}
    plain = times["the CNN"].median_seconds
    speed = {name: plain / result.median_seconds for name, result in times.items()}
    table(
        ("", "reads", "memory", "on disk", f"time of {BATCH}", "speed"),
        [
            (
                name,
                f"{right[name]:.2f} %",
                thousands(held_bytes(model)),
                thousands(disk_bytes(model)),
                milliseconds(times[name]),
                f"{speed[name]:.2f}",
            )
            for name, model in models.items()
        ],
    )
    say("", "Integers save memory. Time they do not save: NumPy has no products of bytes.")

    loss = {name: right["the CNN"] - share for name, share in right.items()}
    others = max(loss[name] for name in ("low rank", "student", "half, int8", "student, int4"))
    share = held_bytes(models["int8"]) / held_bytes(cnn)
    conclude(
        Claim("bytes of int8 in memory, of the CNN's", share, at_most=0.27),
        Claim("points of accuracy that int8 costs", loss["int8"], at_most=0.5),
        Claim("half the channels, times as fast", speed["half the channels"], 1.3),
        Claim("points that half the channels cost", loss["half the channels"], at_most=lost),
        Claim("points that any other way costs", others, at_most=student_lost),
    )


def taught(teacher: CNN, epochs: int, seed: int) -> Module:
    """A CNN of half the widths, a quarter of the numbers, that learns from the large one."""
    student = CNN(in_channels=1, widths=(8, 16, 31))
    taught: Module = distill(
        student,
        teacher,
        moved_digits(seed),
        epochs=epochs,
        lr=0.01,
        temperature=3.0,
        alpha=0.7,
        seed=seed,
        progress=False,
    )
    return taught


def reading(model: Module, images: torch.Tensor) -> Callable[[], None]:
    """Reads these images."""

    def read() -> None:
        with no_grad():
            model(images)

    return read


def size(model: Module) -> int:
    """How many numbers it has learned."""
    return sum(p.numel() for p in model.parameters())


if __name__ == "__main__":
    with stoppable():
        main()

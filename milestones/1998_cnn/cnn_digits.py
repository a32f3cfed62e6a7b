"""1998: a convolutional network reads handwriting.

A multilayer perceptron has to learn anew, for each place, what a stroke looks
like. Yann LeCun's networks look at a few neighbouring pixels at a time, with
the same weights everywhere. Here is a small one, with two blocks of them. It
learns from the 1,437 images of 8 x 8 pixels that mlp_digits.py learned from,
each moved by up to a pixel whenever it is shown.

It claims: of the same 360 unseen digits it reads at least 98 % correctly, and
at least 95 % when they are moved by a pixel.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from story import Claim, begin, chapter, conclude, reading_data, say, stoppable
from vision import (
    Reader,
    Report,
    answers,
    compare,
    confusion,
    learn,
    learn_plainly,
    mistakes,
    names_of,
    vision_options,
)

import tt_tensor as torch
from tt_data import DataLoader, TensorDataset, datasets
from tt_data.transforms import Pad, RandomCrop
from tt_models import CNN, MLP


def main() -> None:
    """Run the milestone."""
    args = vision_options(__doc__).parse_args()
    epochs, wanted, wanted_moved = (6, 95, 90) if args.quick else (20, 98, 95)
    epochs = epochs if args.epochs is None else args.epochs
    quick = f"{epochs} epochs, and it claims {wanted} % and {wanted_moved} %."
    begin(__doc__, quick if args.quick else "")

    torch.manual_seed(args.seed)
    with reading_data():
        train = datasets.digits(train=True, transform=RandomCrop(8, padding=1))
        test = datasets.digits(train=False)
    images, labels = train.tensors()  # (1437, 1, 8, 8) and (1437,), not moved
    unseen, truth = test.tensors()  # (360, 1, 8, 8) and (360,)
    report = Report(images, labels)
    batches = DataLoader(train, batch_size=64, shuffle=True)
    model = CNN(in_channels=1, widths=(16, 32, 64))

    chapter("Learning")
    numbers = sum(p.numel() for p in model.parameters())
    say(f"{len(images)} images, {numbers:,} numbers to learn.\n")
    seconds = learn(model, batches, epochs, peak=0.2, weight_decay=5e-4, report=report)
    new = Reader("the CNN", model, seconds, answers(model, unseen))
    say(f"\nThat took {seconds:.2f} s.")

    chapter(f"Reading {len(unseen)} digits it has never seen")
    confusion(new.answers, truth, names_of(test))
    mistakes(unseen, truth, new.answers, names_of(test), args.png)

    chapter("Its predecessor: the MLP, trained as in mlp_digits.py")
    still = DataLoader(TensorDataset(images, labels), batch_size=32, shuffle=True)
    mlp = MLP([64, 128, 10])
    seconds = learn_plainly(mlp, still, epochs, report)
    old = Reader("the MLP", mlp, seconds, answers(mlp, unseen))
    compare(old, new, truth)

    moved = Pad((1, 0, 0, 0))(unseen)[..., :8]  # a column of paper on the left, none on the right
    share = {r.name: (answers(r.model, moved) == truth).float().mean() * 100 for r in (old, new)}
    say("\nIf each of these digits is moved to the right by one pixel:")
    say(*(f"  {name} reads {right.item():.2f} %" for name, right in share.items()))

    moved_right = share[new.name].item()
    conclude(
        Claim("unseen digits read correctly", new.right(truth), wanted, unit=" %"),
        Claim("the same digits, moved by a pixel", moved_right, wanted_moved, unit=" %"),
    )


if __name__ == "__main__":
    with stoppable():
        main()

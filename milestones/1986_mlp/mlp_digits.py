"""1986: a multilayer perceptron reads handwriting.

David Rumelhart, Geoffrey Hinton and Ronald Williams showed that backpropagation
lets hidden neurons find features of their own. Here is such a network with 64
inputs, 128 hidden neurons and 10 outputs, one for each digit. It learns from
1,437 images of 8 x 8 pixels, in small batches, by gradients with momentum.

It claims: of 360 handwritten digits that it has never seen it reads at least
96 % correctly, after less than 15 seconds of training on two cores.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from story import Claim, at_least, begin, chapter, conclude, reading_data, say, stoppable
from vision import (
    Reader,
    Report,
    answers,
    compare,
    confusion,
    learn_plainly,
    mistakes,
    names_of,
    vision_options,
)

import tt_tensor as torch
from tt_data import DataLoader, TensorDataset, datasets
from tt_models import MLP


def main() -> None:
    """Run the milestone."""
    parser = vision_options(__doc__)
    parser.add_argument("--hidden", type=at_least(1), default=128, help="hidden neurons")
    args = parser.parse_args()
    epochs, wanted = (5, 90) if args.quick else (30, 96)
    epochs = epochs if args.epochs is None else args.epochs
    begin(__doc__, f"{epochs} epochs, and it claims {wanted} %." if args.quick else "")

    torch.manual_seed(args.seed)
    with reading_data():
        train, test = datasets.digits(train=True), datasets.digits(train=False)
    images, labels = train.tensors()  # (1437, 1, 8, 8) and (1437,)
    unseen, truth = test.tensors()  # (360, 1, 8, 8) and (360,)
    batches = DataLoader(TensorDataset(images, labels), batch_size=32, shuffle=True)
    model, report = MLP([64, args.hidden, 10]), Report(images, labels)

    chapter("Learning")
    numbers = sum(p.numel() for p in model.parameters())
    say(f"{len(images)} images, {numbers:,} numbers to learn.\n")
    seconds = learn_plainly(model, batches, epochs, report)
    say(f"\nThat took {seconds:.2f} s.")
    new = Reader("the MLP", model, seconds, answers(model, unseen))

    chapter(f"Reading {len(unseen)} digits it has never seen")
    confusion(new.answers, truth, names_of(test))
    mistakes(unseen, truth, new.answers, names_of(test), args.png)

    chapter("Its predecessor: one layer, trained in the same way")
    layer = MLP([64, 10])
    seconds = learn_plainly(layer, batches, epochs, report)
    compare(Reader("one layer", layer, seconds, answers(layer, unseen)), new, truth)

    claims = [Claim("unseen digits read correctly", new.right(truth), wanted, unit=" %")]
    if not args.quick:
        claims.append(Claim("training time", round(new.seconds, 2), at_most=15, unit=" s"))
    conclude(*claims)


if __name__ == "__main__":
    with stoppable():
        main()

"""1986, with the digits of 1998: a multilayer perceptron reads MNIST.

MNIST has 60,000 handwritten digits of 28 x 28 pixels to learn from, and 10,000
by other people to be asked about. For a perceptron with a hidden layer an image
is 784 numbers in no order: it does not know which pixels are neighbours.

It claims: of those 10,000 digits it reads at least 98 % correctly, after less
than 90 seconds of training on two cores.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from story import Claim, at_least, begin, chapter, conclude, say, stoppable
from vision import (
    Reader,
    answers,
    compare,
    confusion,
    learn,
    mistakes,
    names_of,
    read,
    vision_options,
)

import tt_tensor as torch
from tt_data import DataLoader
from tt_data.datasets import MNIST
from tt_data.transforms import Normalize
from tt_models import MLP


def main() -> None:
    """Run the milestone."""
    parser = vision_options(__doc__, "MNIST")
    parser.add_argument("--hidden", type=at_least(1), default=512, help="hidden neurons")
    args = parser.parse_args()
    most, epochs, wanted = (10_000, 3, 92) if args.quick else (60_000, 12, 98)
    epochs = epochs if args.epochs is None else args.epochs
    quick = f"{most:,} images, {epochs} epochs, and it claims {wanted} %."
    begin(__doc__, quick if args.quick else "")

    torch.manual_seed(args.seed)
    train, test = read(MNIST, args.data, most)
    train.transform = normalize = Normalize(0.1307, 0.3081)  # of all pixels to learn from
    pictures, truth = test.tensors()  # (10000, 1, 28, 28) and (10000,)
    unseen = normalize(pictures)
    batches = DataLoader(train, batch_size=128, shuffle=True, num_workers=1)
    model = MLP([784, args.hidden, 10])

    chapter("Learning")
    numbers = sum(p.numel() for p in model.parameters())
    say(f"{len(train):,} images, {numbers:,} numbers to learn.\n")
    seconds = learn(model, batches, epochs, peak=0.1)
    new = Reader("the MLP", model, seconds, answers(model, unseen))

    chapter(f"Reading {len(unseen):,} digits by other people")
    confusion(new.answers, truth, names_of(test))
    mistakes(pictures, truth, new.answers, names_of(test), args.png)

    chapter("Its predecessor: one layer")
    layer = MLP([784, 10])
    seconds = learn(layer, batches, epochs, peak=0.005)
    compare(Reader("one layer", layer, seconds, answers(layer, unseen)), new, truth)

    claims = [Claim("unseen digits read correctly", new.right(truth), wanted, unit=" %")]
    if not args.quick:
        claims.append(Claim("training time", round(new.seconds, 2), at_most=90, unit=" s"))
    conclude(*claims)


if __name__ == "__main__":
    with stoppable():
        main()

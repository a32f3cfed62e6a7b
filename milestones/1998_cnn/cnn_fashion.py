"""1998, with the clothes of 2017: a convolutional network tells shirts from coats.

When networks read nearly all digits, Han Xiao, Kashif Rasul and Roland Vollgraf
made Fashion-MNIST: 70,000 pictures of clothes in MNIST's format, of ten kinds.
A perceptron with a hidden layer and a convolutional network learn from the same
60,000, each mirrored half of the times it is shown to the latter.

It claims: of the 10,000 others the perceptron recognises at least 89 % and the
convolutional network at least 91.5 %.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from story import Claim, begin, chapter, conclude, say, stoppable
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
from tt_data.datasets import FashionMNIST
from tt_data.transforms import Compose, Normalize, RandomHorizontalFlip
from tt_models import CNN, MLP


def main() -> None:
    """Run the milestone."""
    args = vision_options(__doc__, "Fashion-MNIST").parse_args()
    most, epochs, wanted = (10_000, 2, (80, 82)) if args.quick else (60_000, 8, (89, 91.5))
    epochs = epochs if args.epochs is None else args.epochs
    quick = f"{most:,} pictures, {epochs} epochs, and it claims {wanted[0]} and {wanted[1]} %."
    begin(__doc__, quick if args.quick else "")

    torch.manual_seed(args.seed)
    train, test = read(FashionMNIST, args.data, most)
    normalize = Normalize(0.2860, 0.3530)  # of all pixels to learn from
    pictures, truth = test.tensors()  # (10000, 1, 28, 28) and (10000,)
    unseen = normalize(pictures)
    batches = DataLoader(train, batch_size=128, shuffle=True, num_workers=1)

    chapter("The predecessor, a perceptron with a hidden layer, learns")
    say(f"{len(train):,} pictures.\n")
    train.transform = normalize
    mlp = MLP([784, 512, 10])
    longer = epochs + epochs // 2  # an epoch takes a fraction of the other network's
    seconds = learn(mlp, batches, longer, peak=0.1)
    old = Reader("the MLP", mlp, seconds, answers(mlp, unseen))

    chapter("A convolutional network learns")
    train.transform = Compose([RandomHorizontalFlip(), normalize])
    cnn = CNN(in_channels=1, widths=(8, 16, 32, 64))
    seconds = learn(cnn, batches, epochs, peak=0.2, weight_decay=5e-4)
    new = Reader("the CNN", cnn, seconds, answers(cnn, unseen, flips=True))

    chapter(f"Recognising {len(unseen):,} others")
    confusion(new.answers, truth, names_of(test))
    mistakes(pictures, truth, new.answers, names_of(test), args.png)
    compare(old, new, truth)

    conclude(
        Claim("unseen clothes, perceptron", old.right(truth), wanted[0], unit=" %"),
        Claim("unseen clothes, convolutions", new.right(truth), wanted[1], unit=" %"),
    )


if __name__ == "__main__":
    with stoppable():
        main()

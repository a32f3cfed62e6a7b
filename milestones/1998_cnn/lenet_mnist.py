"""1998: LeNet-5 reads MNIST.

Yann LeCun, Leon Bottou, Yoshua Bengio and Patrick Haffner described a network
that read bank cheques: convolutions that find strokes, pooling that forgets
where exactly they were, and three affine layers that decide. It has not a sixth
of the weights of the multilayer perceptron that reads the same digits.

It claims: of the 10,000 test digits of MNIST it reads at least 99 % correctly,
after less than 4 minutes of training on two cores.
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
from tt_data.datasets import MNIST
from tt_data.transforms import Normalize
from tt_models import MLP, LeNet5


def main() -> None:
    """Run the milestone."""
    args = vision_options(__doc__, "MNIST").parse_args()
    most, epochs, wanted = (10_000, 2, 95) if args.quick else (60_000, 6, 99)
    epochs = epochs if args.epochs is None else args.epochs
    quick = f"{most:,} images, {epochs} epochs, and it claims {wanted} %."
    begin(__doc__, quick if args.quick else "")

    torch.manual_seed(args.seed)
    train, test = read(MNIST, args.data, most)
    train.transform = normalize = Normalize(0.1307, 0.3081)  # of all pixels to learn from
    pictures, truth = test.tensors()  # (10000, 1, 28, 28) and (10000,)
    unseen = normalize(pictures)
    batches = DataLoader(train, batch_size=128, shuffle=True, num_workers=1)
    model = LeNet5()

    chapter("Learning")
    numbers = sum(p.numel() for p in model.parameters())
    say(f"{len(train):,} images, {numbers:,} numbers to learn.\n")
    seconds = learn(model, batches, epochs, peak=0.1)
    new = Reader("LeNet-5", model, seconds, answers(model, unseen))

    chapter(f"Reading {len(unseen):,} digits by other people")
    confusion(new.answers, truth, names_of(test))
    mistakes(pictures, truth, new.answers, names_of(test), args.png)

    chapter("Its predecessor: the MLP of 1986, trained in the same way")
    mlp = MLP([784, 512, 10])
    seconds = learn(mlp, batches, epochs, peak=0.1)
    compare(Reader("the MLP", mlp, seconds, answers(mlp, unseen)), new, truth)

    claims = [Claim("unseen digits read correctly", new.right(truth), wanted, unit=" %")]
    if not args.quick:
        claims.append(Claim("training time", round(new.seconds, 2), at_most=240, unit=" s"))
    conclude(*claims)


if __name__ == "__main__":
    with stoppable():
        main()

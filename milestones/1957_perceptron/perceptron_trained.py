"""1957: the perceptron learns.

Rosenblatt's rule changes the weights only after a mistake. If the neuron should
have fired and did not, the input is added to the weights; if it fired and
should not have, the input is subtracted:

    w += (target - output) x        b += (target - output)

If any line (in 64 dimensions: a plane) separates the two classes, the rule
finds one after a limited number of mistakes: that is the convergence theorem.
There are no gradients here. Those come in 1986.

It claims: a perceptron that learned to tell eights from nines is right about at
least 95 % of the handwritten ones that it has never seen.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from story import (
    Claim,
    at_least,
    bars,
    begin,
    chapter,
    conclude,
    options,
    picture,
    reading_data,
    say,
    show,
    stoppable,
)

import tt_tensor as torch
from tt_data import datasets
from tt_data.datasets import Digits
from tt_models import Perceptron
from tt_tensor import Tensor


def pair_of(data: Digits, low: int, high: int) -> tuple[Tensor, Tensor]:
    """The images of two digits as rows (N, 64), and (N,) with 1 where it is `high`."""
    images, labels = data.tensors()
    wanted = (labels == low) | (labels == high)
    return images[wanted].flatten(1), (labels[wanted] == high).float()


def percent_right(perceptron: Perceptron, x: Tensor, target: Tensor) -> float:
    """How many decisions are right, in percent."""
    return float((perceptron(x) == target).float().mean().item()) * 100


def train(perceptron: Perceptron, x: Tensor, target: Tensor, epochs: int) -> list[int]:
    """Show all images again and again, in random order; the number of mistakes in each epoch."""
    mistakes: list[int] = []
    while len(mistakes) < epochs and 0 not in mistakes:
        order = torch.randperm(len(x)).tolist()
        mistakes.append(sum(perceptron.learn(x[i], target[i].item()) for i in order))
    return mistakes


def main() -> None:
    """Run the milestone."""
    parser = options(__doc__)
    parser.add_argument(
        "--pair",
        type=int,
        nargs=2,
        default=(8, 9),
        choices=range(10),
        help="two digits",
        metavar=("A", "B"),
    )
    parser.add_argument("--epochs", type=at_least(0), help="stop after so many")
    args = parser.parse_args()
    low, high = args.pair
    if low == high:
        parser.error(f"--pair: expected two digits, got {low} twice")
    epochs, wanted = (5, 85) if args.quick else (100, 95)
    begin(__doc__, f"it stops after {epochs} epochs and claims {wanted} %." if args.quick else "")

    torch.manual_seed(args.seed)
    with reading_data():
        x, target = pair_of(datasets.digits(train=True), low, high)
        unseen_x, unseen_target = pair_of(datasets.digits(train=False), low, high)
    perceptron = Perceptron(64)

    chapter("The data")
    say(f"{len(x)} images to learn from, {len(unseen_x)} that stay unseen, 8 x 8 pixels each:")
    pictures = x.reshape(-1, 8, 8)
    show(*(picture(pictures[i], f"{high if target[i].item() else low}") for i in range(4)))
    before = percent_right(perceptron, unseen_x, unseen_target)
    say(f"\nWith random weights the perceptron gets {before:.1f} % of the unseen ones right.")

    chapter("Learning")
    say("Mistakes among the training images in each epoch:\n")
    mistakes = train(perceptron, x, target, epochs if args.epochs is None else args.epochs)
    bars([(f"epoch {n:>3}", count) for n, count in enumerate(mistakes, 1)])
    if mistakes[-1:] == [0]:
        say(
            "\nAn epoch without a mistake: the rule has nothing left to change. A plane that",
            "separates all training images has been found.",
        )
    else:
        say("\nNo epoch was free of mistakes, so there is still something to learn.")

    chapter("What it learned")
    say(f"Blue pixels (+ and #) speak for {high}, orange ones (- and =) for {low}:")
    show(
        picture(perceptron.linear.weight.detach().reshape(8, 8), "the weights"),
        picture(pictures[target == 0].mean(0), f"the average {low}"),
        picture(pictures[target == 1].mean(0), f"the average {high}"),
    )
    after = percent_right(perceptron, unseen_x, unseen_target)
    say(f"\nAfter {sum(mistakes)} corrections it gets {after:.1f} % of the unseen images right.")

    conclude(Claim(f"unseen digits told apart, {low} from {high}", after, wanted, unit=" %"))


if __name__ == "__main__":
    with stoppable():
        main()

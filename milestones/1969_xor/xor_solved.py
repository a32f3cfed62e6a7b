"""XOR solved: a hidden layer.

One line cannot separate the four points of XOR, but two can: a first layer
draws the lines, a second one combines them. That this works was known in 1969.
What was missing was a rule to learn the hidden weights, because the data say
nothing about what a hidden neuron should answer. Backpropagation is such a
rule. Several people found it; in 1986 it became widely known.

It claims: three perceptrons in two layers, with weights set by hand, are right
about all four points; and so is a network that found its weights by training.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from rich.text import Text
from story import (
    Claim,
    at_least,
    bars,
    begin,
    chapter,
    conclude,
    options,
    say,
    show,
    stoppable,
    surface,
)

import tt_nn as nn
import tt_tensor as torch
from tt_models import MLP
from tt_nn import functional as F, optim
from tt_tensor import Tensor

POINTS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = torch.tensor([0.0, 1.0, 1.0, 0.0])


def neurons(weight: list[list[float]], bias: list[float]) -> nn.Linear:
    """A layer with these weights, one row for each neuron."""
    layer = nn.Linear(len(weight[0]), len(weight))
    layer.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    return layer


def fire(sums: Tensor) -> Tensor:
    """The perceptron's threshold."""
    return (sums > 0).float()


def percent_right(answers: Tensor) -> float:
    """How many of the four points have the right answer, in percent."""
    return float((answers == XOR).float().mean().item()) * 100


def set_by_hand() -> float:
    """Two lines and a neuron that combines them: XOR is OR and NAND."""
    chapter("With weights set by hand")
    hidden = neurons([[1, 1], [-1, -1]], [-0.5, 1.5])  # OR: x1 + x2 > 0.5; NAND: x1 + x2 < 1.5
    output = neurons([[1, 1]], [-1.5])  # AND: fires if both of them do

    say("XOR is true where OR is true and NAND is true:\n")
    say("  x1  x2   OR  NAND   both of them")
    for point in POINTS:
        features = fire(hidden(point))
        row = [*point.tolist(), *features.tolist(), *fire(output(features)).tolist()]
        say("  {:2.0f}  {:2.0f}   {:2.0f}  {:4.0f}   {:.0f}".format(*row))
    say("\nGreen (or +) is where the answer is 1; the numbers are what XOR wants:")
    show(
        surface(lambda x: fire(hidden(x))[:, 0], "OR, one line"),
        surface(lambda x: fire(hidden(x))[:, 1], "NAND, another"),
        surface(lambda x: fire(output(fire(hidden(x))))[:, 0], "both: a strip"),
    )
    say(
        "\nSeen from the hidden layer, (0,1) and (1,0) have become the same point, (1,1).",
        "That is what it is for: it describes the input anew, and one line is enough.",
    )
    return percent_right(fire(output(fire(hidden(POINTS))))[:, 0])


def trained(hidden: int, steps: int) -> float:
    """A network that learns XOR by backpropagation."""
    chapter("With weights that were learned")
    say(
        f"Now {hidden} hidden neurons with random weights. The threshold gives way to tanh,",
        "which is smooth, so that each weight can be told which way the loss falls.",
    )
    model = MLP([2, hidden, 1], activation=nn.Tanh)
    optimizer = optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    losses: list[tuple[str, float]] = []
    pictures: list[Text] = []

    def look(step: int) -> None:
        pictures.append(surface(lambda x: (model(x)[:, 0] > 0).float(), f"after {step} steps"))

    look(0)
    for step in range(1, steps + 1):
        loss = F.binary_cross_entropy_with_logits(model(POINTS)[:, 0], XOR)
        optimizer.zero_grad()
        loss.backward()  # the error goes back through the output layer to the hidden one
        optimizer.step()
        if step in (20, steps):
            look(step)
        if step in (1, 5, 10, 20, 50, 100, 200, 500, 1000, 2000):
            losses.append((f"step {step:>4}", round(loss.item(), 4)))
    say("\nThe loss:\n")
    bars(losses)
    show(*pictures)
    return percent_right((model(POINTS)[:, 0] > 0).float())


def main() -> None:
    """Run the milestone."""
    parser = options(__doc__)
    parser.add_argument("--hidden", type=at_least(1), default=8, help="hidden neurons; try 1 and 2")
    parser.add_argument("--epochs", type=at_least(0), help="how often to show the four points")
    parser.add_argument("--by-hand", action="store_true", help="only the part without training")
    args = parser.parse_args()
    epochs = (200 if args.quick else 1000) if args.epochs is None else args.epochs
    begin(__doc__, f"{epochs} steps of training; the claim is the same." if args.quick else "")

    torch.manual_seed(args.seed)
    claims = [
        Claim("points that the network set by hand gets right", set_by_hand(), 100, unit=" %")
    ]
    if not args.by_hand:
        right = trained(args.hidden, epochs)
        claims.append(Claim("points that the trained network gets right", right, 100, unit=" %"))
    conclude(*claims)


if __name__ == "__main__":
    with stoppable():
        main()

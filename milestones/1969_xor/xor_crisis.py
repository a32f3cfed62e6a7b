"""1969: the perceptron meets XOR.

In their book "Perceptrons" Marvin Minsky and Seymour Papert proved what a
single layer cannot do, whatever its weights. The smallest case is XOR, "one or
the other, but not both":

    x1  x2   XOR
     0   0    0
     0   1    1
     1   0    1
     1   1    0

It claims: the best single perceptron is right about 75 % of the four points,
never more; of the 16 functions of two bits a perceptron can be 14; and
Rosenblatt's rule, which finds a solution wherever there is one, makes mistakes
on XOR for ever.
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
from tt_models import Perceptron
from tt_tensor import Tensor

POINTS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR, AND = torch.tensor([0, 1, 1, 0]), torch.tensor([0, 0, 0, 1])
NAMES = {0: "always 0", 1: "AND", 3: "x1", 5: "x2", 6: "XOR", 7: "OR", 8: "NOR", 9: "XNOR"}
NAMES |= {10: "not x2", 12: "not x1", 14: "NAND", 15: "always 1"}


def grid_of_perceptrons(steps: int) -> nn.Linear:
    """Perceptrons with all w1, w2, b from -2 to 2 in steps of 1/steps; each is a row of a layer."""
    ticks = torch.arange(-2 * steps, 2 * steps + 1) / steps
    n = len(ticks)
    shapes = ((n, 1, 1), (n, 1), (n,))
    w1, w2, b = (ticks.reshape(*shape).expand(n, n, n).flatten() for shape in shapes)
    layer = nn.Linear(2, n**3)
    layer.load_state_dict({"weight": torch.stack([w1, w2], 1), "bias": b})
    return layer


def picture_of(name: str, w: float, b: float) -> Text:
    """What the perceptron with both weights w decides, and how much of XOR it gets right."""

    def decide(x: Tensor) -> Tensor:
        return (x.sum(1) * w + b > 0).long()

    right = float((decide(POINTS) == XOR).float().mean().item()) * 100
    return surface(decide, f"{name}: {right:g} % of XOR")


def what_perceptrons_can_be(sums: Tensor) -> tuple[float, int]:
    """The % of XOR's points that the best one gets right, and how many functions there are."""
    chapter("Trying them all")
    answers = (sums > 0).long()  # (4, perceptrons)
    say(
        f"{answers.shape[1]:,} perceptrons, w1, w2 and b from -2 to 2: each is one of the 16",
        "functions of two bits. Their answers at 00, 01, 10, 11, and how many give them:\n",
    )
    numbers = (answers * torch.tensor([[8], [4], [2], [1]])).sum(0)  # the answers read as binary
    counts = [int((numbers == n).sum().item()) for n in range(16)]
    bars([(f"{n:04b}  {NAMES.get(n, ''):8}", count) for n, count in enumerate(counts)])
    found = sum(count > 0 for count in counts)
    missing = [NAMES.get(n, f"{n:04b}") for n, count in enumerate(counts) if not count]
    best = float((answers == XOR.reshape(4, 1)).float().mean(0).max().item()) * 100
    say(
        f"\n{found} of 16 are there; {', '.join(missing)} are not.",
        f"The best perceptron gets {best:g} % of XOR right. Three of them,",
        "green (or +) where they answer 1; the numbers are what XOR wants at its points:",
    )
    show(picture_of("OR", 1, -0.5), picture_of("NAND", -1, 1.5), picture_of("AND", 1, -1.5))
    say("\nThe border is a straight line. It can cut off one corner, not two opposite ones.")
    return best, found


def why_none_can(sums: Tensor) -> float:
    """The proof, and by how much its two sums differ, over all perceptrons."""
    chapter("Why a finer grid would not help")
    say(
        "XOR asks four things of w1, w2 and b:\n",
        "  (1) at 0,0 output 0:             b <= 0",
        "  (2) at 0,1 output 1:        w2 + b >  0",
        "  (3) at 1,0 output 1:   w1      + b >  0",
        "  (4) at 1,1 output 0:   w1 + w2 + b <= 0\n",
        "Add (2) and (3):   w1 + w2 + 2b >  0",
        "Add (1) and (4):   w1 + w2 + 2b <= 0     One number cannot be both.\n",
    )
    gap = float(((sums[1] + sums[2]) - (sums[0] + sums[3])).abs().max().item())
    holding = ((sums > 0) == (XOR.reshape(4, 1) > 0)).sum(0)  # of the four, for each perceptron
    say(
        "Checked with the outputs of every perceptron above: (2) + (3) and (1) + (4)",
        f"differ by {gap:g} at most. So many of the four conditions hold for so many of them:\n",
    )
    bars([(f"{n} of 4", (holding == n).sum().item()) for n in range(5)])
    return gap


def learn(target: Tensor, epochs: int) -> tuple[list[int], int]:
    """Rosenblatt's rule: mistakes in each epoch, and after how many epochs its weights recur."""
    perceptron = Perceptron(2)
    w, b = torch.randint(-3, 4, (1, 2)), torch.randint(-3, 4, (1,))  # whole numbers stay exact
    perceptron.load_state_dict({"linear.weight": w.float(), "linear.bias": b.float()})
    mistakes: list[int] = []
    seen: list[list[list[float]]] = []
    while len(mistakes) < epochs and 0 not in mistakes:
        mistakes.append(sum(perceptron.learn(POINTS[i], target[i].item()) for i in range(4)))
        weights = [value.flatten().tolist() for value in perceptron.state_dict().values()]
        if weights in seen:
            return mistakes, len(seen) - seen.index(weights)
        seen.append(weights)
    return mistakes, 0


def round_in_circles(epochs: int) -> float:
    """The rule on AND, then on XOR; the fewest mistakes in any epoch, if it recurs on XOR."""
    chapter("Learning does not help either")
    on_and, _ = learn(AND, epochs)
    on_xor, period = learn(XOR, epochs)
    say(f"Rosenblatt's rule on AND, mistakes in each epoch: {', '.join(map(str, on_and))}")
    say(f"The same rule on XOR:                             {', '.join(map(str, on_xor))}\n")
    if not period:
        say("That was too short to see whether it ever ends.")
        return float("nan")
    last, first = len(on_xor), len(on_xor) - period
    say(
        f"After epoch {last} it has the same weights as after epoch {first}. The rule knows",
        "nothing but the weights, so from here on it goes round in circles, for ever.",
    )
    return min(on_xor)


def main() -> None:
    """Run the milestone."""
    parser = options(__doc__)
    parser.add_argument(
        "--epochs", type=at_least(0), default=1000, help="stop learning after so many"
    )
    parser.add_argument("--steps", type=at_least(1), help="of the grid, from 0 to 1")
    args = parser.parse_args()
    steps = args.steps or (2 if args.quick else 8)
    begin(
        __doc__,
        f"steps of 1/{steps} in the grid; the claim is the same." if args.quick else "",
    )

    torch.manual_seed(args.seed)
    sums = grid_of_perceptrons(steps)(POINTS)  # (4, perceptrons)
    best, found = what_perceptrons_can_be(sums)
    gap = why_none_can(sums)
    fewest = round_in_circles(args.epochs)
    conclude(
        Claim("points of XOR the best single perceptron gets right", best, 75, 75, " %"),
        Claim("functions of two bits a perceptron can be", found, 14, 14),
        Claim("difference between the two sums of the proof", gap, 0, 0),
        Claim("mistakes in the best epoch of a cycle that never ends", fewest, 1),
    )


if __name__ == "__main__":
    with stoppable():
        main()

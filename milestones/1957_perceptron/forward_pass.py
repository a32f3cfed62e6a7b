"""1957: the perceptron decides.

Frank Rosenblatt's perceptron is one artificial neuron. It multiplies each
input by a weight, adds everything up, and fires if the sum is above zero:

    output = 1 if w1 x1 + w2 x2 + ... + b > 0 else 0

In July 1958 it was shown to the press on an IBM 704: it told cards marked on
the left from cards marked on the right. Here is that task, on cards of 4 x 4
spots. Nothing is learned in this program: it shows what weights can do.

It claims: weights set by hand are right about every possible card, and weights
drawn at random are right about half of the cards, as if they tossed a coin.
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
    say,
    show,
    stoppable,
)

import tt_nn as nn
import tt_tensor as torch
from tt_tensor import Tensor


def all_cards() -> tuple[Tensor, Tensor]:
    """Every card marked in one half only: (510, 4, 4); and (510,) with 1 if that is the right."""
    numbers = torch.arange(1, 256).reshape(255, 1)
    marks = (numbers >> torch.arange(8)) & 1  # (255, 8): the binary digits of 1 to 255
    half, blank = marks.reshape(255, 4, 2), torch.zeros(255, 4, 2, dtype=torch.int64)
    cards = torch.cat([torch.cat([half, blank], 2), torch.cat([blank, half], 2)])
    return cards.float(), torch.cat([torch.zeros(255), torch.ones(255)])


def decide(neurons: nn.Linear, cards: Tensor) -> Tensor:
    """The forward pass: weighted sums, then the threshold; (B, 4, 4) -> (B, neurons) of 0 and 1."""
    x = cards.flatten(1)  # a neuron knows nothing of rows and columns, only of 16 inputs
    fires: Tensor = neurons(x) > 0
    return fires.float()


def set_by_hand(cards: Tensor, is_right: Tensor, bias: float) -> float:
    """A perceptron with weights that anyone can think of; the % of cards it gets right."""
    chapter("Weights set by hand")
    weights = torch.tensor([[-1.0, -1.0, 1.0, 1.0]] * 4)
    neuron = nn.Linear(16, 1)
    neuron.load_state_dict({"weight": weights.reshape(1, 16), "bias": torch.tensor([bias])})
    say("A mark on the left counts against, a mark on the right in favour:")
    show(picture(weights))

    examples = [6, 252, 256, 500]
    sums = neuron(cards.flatten(1))
    captions = [
        f"sum {sums[i].item():+g}: {'right' if sums[i].item() > 0 else 'left'}" for i in examples
    ]
    say("\nFour cards, and what it says of them:")
    show(*(picture(cards[i], caption) for i, caption in zip(examples, captions, strict=True)))

    correct = (decide(neuron, cards)[:, 0] == is_right).float().mean().item() * 100
    say(f"\nThere are {len(cards)} such cards. It gets {correct:.4g} % of them right.")
    return float(correct)


def drawn_at_random(cards: Tensor, is_right: Tensor, count: int) -> float:
    """Many perceptrons with random weights; the % of cards they get right, on average."""
    chapter("Weights drawn at random")
    neurons = nn.Linear(
        16, count
    )  # a layer is many neurons side by side: one in each row of weights
    answers = decide(neurons, cards)  # (510, count)
    correct = (answers == is_right.reshape(-1, 1)).float().mean(0) * 100  # (count,)
    say(f"{count} random perceptrons, by how many % of the cards each gets right:\n")
    groups = (correct / 20).floor().clamp(max=4)
    bars([(f"{20 * g:>3} to {20 * g + 20:>3} %", (groups == g).sum().item()) for g in range(5)])
    best, worst, mean = correct.max().item(), correct.min().item(), correct.mean().item()
    say(f"\nThe best gets {best:.4g} % right, the worst {worst:.4g} %, all together {mean:.4g} %.")
    say(
        "What a perceptron knows is in its weights, and luck rarely finds them. They",
        "have to be learned: that is the next program, perceptron_trained.py.",
    )
    return float(mean)


def main() -> None:
    """Run the milestone."""
    parser = options(__doc__)
    parser.add_argument("--perceptrons", type=at_least(1), help="how many to draw at random")
    parser.add_argument("--bias", type=float, default=0.0, help="of the one set by hand; try -3")
    args = parser.parse_args()
    count, off = (100, 10) if args.quick else (1000, 5)
    begin(
        __doc__,
        f"{count} random perceptrons, {50 - off} to {50 + off} % right." if args.quick else "",
    )

    torch.manual_seed(args.seed)
    cards, is_right = all_cards()
    by_hand = set_by_hand(cards, is_right, args.bias)
    at_random = drawn_at_random(cards, is_right, args.perceptrons or count)
    conclude(
        Claim("cards the perceptron set by hand gets right", by_hand, 100, 100, " %"),
        Claim("cards random perceptrons get right", at_random, 50 - off, 50 + off, " %"),
    )


if __name__ == "__main__":
    with stoppable():
        main()

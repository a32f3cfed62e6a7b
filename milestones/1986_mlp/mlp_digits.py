"""1986: a multilayer perceptron reads handwriting.

David Rumelhart, Geoffrey Hinton and Ronald Williams showed that backpropagation
lets hidden neurons find features of their own. Here is such a network with 64
inputs, 128 hidden neurons and 10 outputs, one for each digit. It learns from
1,437 images of 8 x 8 pixels, in small batches, by gradients with momentum.

It claims: of 360 handwritten digits that it has never seen it reads at least
96 % correctly, after less than 15 seconds of training on two cores.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from rich.text import Text
from story import (
    Claim,
    at_least,
    begin,
    chapter,
    conclude,
    console,
    options,
    picture,
    reading_data,
    say,
    show,
)

import tt_tensor as torch
from tt_autograd import no_grad
from tt_data import DataLoader, TensorDataset, datasets
from tt_models import MLP
from tt_nn import CrossEntropyLoss, optim
from tt_nn.training import Callback, Trainer, accuracy
from tt_tensor import Tensor


class Report(Callback):
    """A line now and then: the loss, and how many training images are misread."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def on_epoch_end(self, trainer: Trainer) -> None:
        """A line for the first three epochs and for every fifth."""
        if trainer.epoch > 3 and trainer.epoch % 5:
            return
        with no_grad():
            right = accuracy(trainer.model(self.images), self.labels)
        misread = round((1 - right) * len(self.labels))
        line = Text(f"epoch {trainer.epoch:>2}  loss {trainer.history['loss'][-1]:.3f}  ")
        line.append("#" * round(min(misread, 200) / 5), "yellow")
        console.print(line, f"{misread} misread", soft_wrap=True)


def train(model: MLP, images: Tensor, labels: Tensor, epochs: int) -> float:
    """Learn from these images; the seconds it took."""
    batches = DataLoader(TensorDataset(images, labels), batch_size=32, shuffle=True)
    trainer = Trainer(
        model,
        optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        CrossEntropyLoss(label_smoothing=0.1),  # never be surer than about 90 %
        callbacks=[Report(images, labels)],
        progress=False,
    )
    start = time.perf_counter()
    trainer.fit(batches, epochs)
    return time.perf_counter() - start


def confusion(answers: Tensor, labels: Tensor) -> None:
    """A row for each digit: what the network took it for, and how many it got right."""
    say("Each row is a digit, each column what the network took it for:\n")
    say("        " + "".join(f"{digit:4}" for digit in range(10)))
    for digit in range(10):
        taken_for = answers[labels == digit]
        counts = [int((taken_for == other).sum().item()) for other in range(10)]
        line = Text(f"{digit:>8}")
        for other, count in enumerate(counts):
            style = "green" if other == digit else "bold red" if count else "dim"
            line.append(f"{count or '.':>4}", style)
        share = 100 * counts[digit] / len(taken_for)
        console.print(line, f"  {share:5.1f} % right", soft_wrap=True)


def mistakes(images: Tensor, labels: Tensor, answers: Tensor) -> None:
    """Pictures of some digits that were misread."""
    wrong = (answers != labels).nonzero().flatten().tolist()
    if not wrong:
        say("\nNot one of them was misread.")
        return
    say(f"\n{len(wrong)} were misread. Would you have read these?")
    shown = wrong[:8]
    names = [f"a {labels[i].item()}, read as {answers[i].item()}" for i in shown]
    show(*(picture(images[i, 0], name) for i, name in zip(shown, names, strict=True)))


def main() -> None:
    """Run the milestone."""
    parser = options(__doc__)
    parser.add_argument("--epochs", type=at_least(0), help="how often to show every image")
    parser.add_argument("--hidden", type=at_least(1), default=128, help="hidden neurons")
    args = parser.parse_args()
    epochs, wanted = (5, 90) if args.quick else (30, 96)
    begin(__doc__, f"{epochs} epochs, and it claims {wanted} %." if args.quick else "")

    torch.manual_seed(args.seed)
    with reading_data():
        images, labels = datasets.digits(train=True).tensors()  # (1437, 1, 8, 8) and (1437,)
        unseen, truth = datasets.digits(train=False).tensors()  # (360, 1, 8, 8) and (360,)
    model = MLP([64, args.hidden, 10])

    chapter("Learning")
    numbers = sum(p.numel() for p in model.parameters())
    say(f"{len(images)} images, {numbers:,} numbers to learn.\n")
    seconds = train(model, images, labels, epochs if args.epochs is None else args.epochs)
    say(f"\nThat took {seconds:.2f} s.")

    chapter(f"Reading {len(unseen)} digits it has never seen")
    with no_grad():
        answers = model(unseen).argmax(1)
    confusion(answers, truth)
    mistakes(unseen, truth, answers)

    right = (answers == truth).float().mean().item() * 100
    claims = [Claim("unseen digits read correctly", right, wanted, unit=" %")]
    if not args.quick:
        claims.append(Claim("training time", round(seconds, 2), at_most=15, unit=" s"))
    conclude(*claims)


if __name__ == "__main__":
    main()

"""What the milestones that write text share: batches, learning, and how well text is foretold.

Each of them trains a GPT and its predecessor, which only counts what follows what, and compares the
two on text that neither has seen.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from dashboard import printable
from story import console, say

import tt_tensor as torch
from tt_autograd import no_grad
from tt_models import GPT
from tt_models.recipes.gpt import train_gpt
from tt_nn import Module
from tt_nn.functional import cross_entropy
from tt_nn.training import Callback, Checkpoint, Trainer
from tt_tensor import Tensor

# ---- learning ------------------------------------------------------------------------------------


class Windows:
    """Batches of windows at random places of a text: the tokens, and the one after each of them.

    Args:
        ids: the text, (N,).
        block_size: the length of a window.
        batch_size: how many of them are side by side in a batch.
        steps: how many batches there are.

    Shape: (batch_size, block_size) twice
    """

    def __init__(self, ids: Tensor, block_size: int, batch_size: int, steps: int) -> None:
        self.ids, self.steps = ids, steps
        self.shape = (batch_size, block_size)

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        batch_size, block_size = self.shape
        starts = torch.randint(0, len(self.ids) - block_size, (self.steps, batch_size, 1))
        window = torch.arange(block_size + 1)
        for start in starts:
            tokens = self.ids[start + window]  # (batch_size, block_size + 1)
            yield tokens[:, :-1], tokens[:, 1:]


class Clock(Callback):
    """The seconds that the steps of a training took; what is done between them does not count.

    Args:
        tokens: how many tokens a step learns from.
    """

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.seconds, self.steps = 0.0, 0

    def on_train_begin(self, trainer: Trainer) -> None:
        """The first step begins."""
        self.mark = time.perf_counter()

    def on_batch_end(self, trainer: Trainer) -> None:
        """A step has ended."""
        self.seconds += time.perf_counter() - self.mark
        self.steps += 1
        self.between_steps(trainer)
        self.mark = time.perf_counter()

    def between_steps(self, trainer: Trainer) -> None:
        """What else there is to do after a step."""

    def rate(self) -> str:
        """How fast it has been so far: "12.3 s, 20,000 tokens/s"."""
        speed = self.tokens * self.steps / max(self.seconds, 1e-9)
        return f"{self.seconds:.1f} s, {round(speed, -2):,.0f} tokens/s"


class Settings(Callback):
    """Refuses to go on from the checkpoint of other settings."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)

    def state_dict(self) -> dict[str, Any]:
        """The settings."""
        return self.settings

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Compare them."""
        if dict(state_dict) != self.settings:
            raise ValueError(
                f"the checkpoint was made with {_listed(state_dict)}; now it is "
                f"{_listed(self.settings)}. help: the same options again, or another --out"
            )


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def widen(model: GPT, std: float) -> None:
    """Make the weights that a GPT begins with larger: as if drawn with this standard deviation.

    GPT-2 has 0.02, which suits its 768 channels and more. With 128, the gradients are so small at
    first that a tenth of the training passes before anything but frequencies is learned.
    """
    with no_grad():
        for weight in model.parameters():
            if weight.ndim >= 2:
                weight.mul_(std / 0.02)


def learn(
    model: GPT,
    batches: Windows,
    peak: float,
    watch: Callback,
    *,
    last: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.99),
    folder: Path | None = None,
    resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Learn from the batches, the learning rate up to its peak and down to a share of it, `last`.

    Ctrl-C ends the program; with a folder there is a checkpoint in it then, from which training
    goes on if it is to `resume`, and if the settings are the same.
    """
    checkpoint = None if folder is None else Checkpoint(folder, every=250)
    try:
        train_gpt(
            model,
            batches,
            1,
            peak,
            betas=betas,
            last=last,
            callbacks=[watch, Settings(settings or {})],
            checkpoint=checkpoint,
            resume=resume,
            progress=False,
        )
    except KeyboardInterrupt as stopped:
        say(f"\n{stopped}")
        if checkpoint is not None and checkpoint.last_file.exists():
            say("To go on: the same command with --resume.")
        sys.exit(130)
    except ValueError as error:
        if not resume:
            raise
        sys.exit(f"{error}")


# ---- foretelling ---------------------------------------------------------------------------------


class Score(NamedTuple):
    """How well a text was foretold.

    Attributes:
        loss: the mean of -log P(token) in nats: 0 for who knows it all, log V for who knows nothing
            of V tokens.
        right: the per cent of tokens that were held to be the likeliest.
    """

    loss: float
    right: float


def foretell(model: Module, ids: Tensor, block_size: int, every: int = 1) -> Score:
    """How well a model foretells a text, window after window.

    Each token is foretold once, from those before it in its window.

    Args:
        every: look only at each window with such a number, from the first.

    Shape: ids (N,)
    """
    count = (len(ids) - 1) // block_size * block_size
    inputs = ids[:count].view(-1, block_size)[::every]
    targets = ids[1 : count + 1].view(-1, block_size)[::every]
    loss = right = 0.0
    was_training = model.training
    model.eval()
    with no_grad():
        for x, y in zip(inputs.split(16), targets.split(16), strict=True):
            logits = model(x)[0]  # (B, T, V)
            loss += cross_entropy(logits.flatten(0, 1), y.reshape(-1), reduction="sum").item()
            right += (logits.argmax(-1) == y).sum().item()
    model.train(was_training)
    return Score(loss / targets.numel(), 100 * right / targets.numel())


class Bigram(Module):
    """The predecessor: how often each token follows each other one, counted.

    P(b | a) = (count of a b + P(b)) / (count of a + 1), where P(b) is the share of b in the text:
    what was never seen after a is not impossible.

    Shape: idx (B, T) -> logits (B, T, V), and None as there is no loss

    Source: C. E. Shannon 1948, "A Mathematical Theory of Communication", §3, did it by hand.
    """

    def __init__(self, ids: Tensor, vocab_size: int) -> None:
        super().__init__()
        self.config = SimpleNamespace(vocab_size=vocab_size, block_size=1)
        pairs = ids[:-1] * vocab_size + ids[1:]
        counts = torch.zeros(vocab_size * vocab_size)
        counts = counts.scatter_add(0, pairs, torch.ones(len(pairs))).view(vocab_size, vocab_size)
        share = torch.zeros(vocab_size).scatter_add(0, ids, torch.ones(len(ids))) + 1e-3
        share = share / share.sum()
        self.table = ((counts + share) / (counts.sum(1, keepdim=True) + 1)).log()

    def forward(self, idx: Tensor) -> tuple[Tensor, None]:
        """The logarithms of P(b | a) for each a."""
        return self.table[idx], None


def indented(text: str, width: int = 74) -> str:
    """A text that a model wrote, set off by a bar; long lines are broken."""
    rows = []
    for line in text.expandtabs(4).splitlines():
        rows += [line[i : i + width] for i in range(0, len(line), width)] or [""]
    plain = not console.encoding.startswith("utf")
    return "\n".join(f"  | {printable(row, plain)}".rstrip() for row in rows)

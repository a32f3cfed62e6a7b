"""2017: a transformer learns to write like Shakespeare, letter by letter.

Since Claude Shannon counted by hand, in 1948, which letter follows which, every
better way to foretell the next one has been a better model of the language. A
table of letter pairs knows one letter of the past. The transformer looks at 64
of them at once, and learns where to look: words, names and the form of a play.

It learns from a million characters, with the sizes that Andrej Karpathy's
nanoGPT has for a computer without graphics card: 4 layers, 128 channels, 2,000
steps of 12 windows. nanoGPT published a loss of 1.88 after some 3 minutes.

It claims: on the tenth of the text that it has not seen, its loss is at most
1.76 nats a character, after less than 3 minutes of training on two cores.
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from story import Claim, at_least, begin, chapter, conclude, options, reading_data, say, stoppable
from texts import Bigram, Clock, Score, Windows, foretell, indented, learn, widen

import tt_tensor as torch
from tt_data.datasets import TinyShakespeare
from tt_models import GPT, GPTConfig, generate
from tt_nn import Module
from tt_nn.training import Trainer
from tt_optimize import keep_memory
from tt_tensor import Tensor
from tt_text import CharTokenizer

BLOCK, BATCH, STEPS = 64, 12, 2_000
TOO_SHORT = 20 * BLOCK  # characters


class Preset(NamedTuple):
    """How the weights begin and how the learning rate goes; all else is the same.

    Attributes:
        std: the standard deviation of the weights at the beginning.
        peak: the learning rate after a twentieth of the steps.
        last: the share of it that is left at the end, after a fall along a cosine.
        wanted: the loss to claim.
    """

    std: float
    peak: float
    last: float
    wanted: float


PRESETS = {
    "swift": Preset(std=0.06, peak=4e-3, last=0.0, wanted=1.76),
    "nanogpt": Preset(std=0.02, peak=1e-3, last=0.1, wanted=1.92),
}
QUICK = Preset(std=0.06, peak=4e-3, last=0.0, wanted=2.45)


class Report(Clock):
    """A line now and then, and what the model writes by now.

    Args:
        every: how many steps there are from line to line.
    """

    def __init__(self, tokenizer: CharTokenizer, unseen: Tensor, every: int, seed: int) -> None:
        super().__init__(BATCH * BLOCK)
        self.tokenizer, self.unseen, self.seed = tokenizer, unseen, seed
        self.every = max(1, every)

    def between_steps(self, trainer: Trainer) -> None:
        """A line, with the loss on a tenth of the unseen text; after a few of them a text."""
        if trainer.step % self.every:
            return
        score = foretell(trainer.model, self.unseen, BLOCK, every=10)
        losses = trainer.history.losses[-self.every :]
        say(
            f"step {trainer.step:>4}  loss {sum(losses) / len(losses):.3f}  "
            f"unseen {score.loss:.3f}  {self.rate()}"
        )
        if trainer.step // self.every in (1, 4, 8) and trainer.step != trainer.batches:
            say("", indented(write(trainer.model, self.tokenizer, 200, self.seed)), "")


def write(model: Module, tokenizer: CharTokenizer, length: int, seed: int) -> str:
    """So many characters by the model, after a line's end."""
    start = torch.tensor([[tokenizer.encode("\n")[0]]])
    chance = torch.Generator().manual_seed(seed)
    text = generate(model, start, length, temperature=0.8, generator=chance)
    return tokenizer.decode(text[0].tolist()[1:])


def read(args: Namespace) -> tuple[str, str]:
    """The text to learn from, nine tenths, and the unseen rest of it."""
    if args.corpus is None:
        help_ = "--data FOLDER names the folder that has input.txt; --corpus FILE is another text"
        with reading_data(help_):
            text = TinyShakespeare(args.data, "all", download=args.data is None).text
    else:
        with reading_data("--corpus needs a plain text, in UTF-8"):
            text = args.corpus.read_text(encoding="utf-8")
            if len(text) < TOO_SHORT or "\n" not in text:
                raise ValueError(
                    f"{args.corpus}: expected lines with at least {TOO_SHORT:,} characters, got "
                    f"{len(text):,}"
                )
    cut = len(text) * 9 // 10
    return text[:cut], text[cut:]


def main() -> None:
    """Run the milestone."""
    parser = options(__doc__)
    parser.add_argument("--corpus", type=Path, metavar="FILE", help="learn from another text")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="where input.txt lies (default: it is downloaded once and kept)",
    )
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        default="swift",
        help="first weights and learning rate: nanoGPT's, or swifter ones (default)",
    )
    parser.add_argument("--steps", type=at_least(0), help=f"how many steps (default: {STEPS:,})")
    args = parser.parse_args()
    steps, lines, preset = (200, 4, QUICK) if args.quick else (STEPS, 16, PRESETS[args.preset])
    begin(__doc__, f"{steps} steps, and it claims {preset.wanted}." if args.quick else "")
    steps = steps if args.steps is None else args.steps

    torch.manual_seed(args.seed)
    keep_memory()  # or a quarter of the time goes into asking for it again
    seen, unseen = read(args)
    tokenizer = CharTokenizer.train(seen + unseen)
    train, test = torch.tensor(tokenizer.encode(seen)), torch.tensor(tokenizer.encode(unseen))
    config = GPTConfig(tokenizer.vocab_size, BLOCK, n_layer=4, n_head=4, n_embd=128, bias=False)
    model = GPT(config)
    widen(model, preset.std)

    chapter("Its predecessor: a table of letter pairs")
    say(
        f"{len(train):,} characters to learn from, {len(test):,} to foretell; "
        f"{tokenizer.vocab_size} different ones.\n"
    )
    pairs = Bigram(train, tokenizer.vocab_size)
    old = foretell(pairs, test, BLOCK)
    say(indented(write(pairs, tokenizer, 200, args.seed)))

    chapter("A transformer learns")
    say(
        f"{model.num_parameters():,} numbers to learn, in {steps:,} steps of {BATCH} x {BLOCK} "
        "characters.\n"
    )
    report = Report(tokenizer, test, steps // lines, args.seed)
    windows = Windows(train, BLOCK, BATCH, steps)
    if steps:
        learn(model, windows, preset.peak, report, last=preset.last)

    chapter(f"Foretelling {len(test):,} characters that it has not seen")
    new = foretell(model, test, BLOCK)
    compare({"letter pairs": old, "the transformer": new})
    say(f"\nIt took {report.rate()}. Now it writes:\n")
    say(indented(write(model, tokenizer, 600, args.seed)))

    claims = [Claim("loss on unseen text", round(new.loss, 4), at_most=preset.wanted)]
    if args.corpus is not None:  # of which nobody knows how easy it is
        name = "loss on unseen text, at most that of letter pairs"
        claims = [Claim(name, round(new.loss, 4), at_most=round(old.loss, 4))]
    elif not args.quick:
        claims.append(Claim("training time", round(report.seconds, 1), at_most=180, unit=" s"))
    conclude(*claims)


def compare(scores: dict[str, Score]) -> None:
    """A row for each model."""
    say(f"{'':15}  {'loss':>5}  {'as likely as 1 of':>17}  {'foretold':>8}")
    for name, score in scores.items():
        choices = torch.tensor(score.loss).exp().item()
        say(f"{name:15}  {score.loss:>5.3f}  {choices:>17.1f}  {score.right:>6.1f} %")


if __name__ == "__main__":
    with stoppable():
        main()

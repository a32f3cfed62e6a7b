"""2021: the transformer completes programs.

Trained on public source code instead of books, GPT was called Codex; from June
2021 it sat in editors, as Copilot, and wrote bodies under the heads of
functions. Nobody had told it the grammar: programs are text, too.

This one learns from the Python library that is installed here, in the form of
Llama: rotary positions, RMS norms, gated layers. Every tenth file is held out;
neither the tokenizer nor the model has seen anything of it.

It claims: in the files held out it foretells at least 34 % of the tokens, that
is 17 % more than a table of token pairs at least, and of the function bodies
that it writes there at least 45 % are Python.
"""

import ast
import contextlib
import hashlib
import os
import sys
import sysconfig
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from chat import typed
from dashboard import Dashboard
from story import (
    Claim,
    at_least,
    begin,
    chapter,
    conclude,
    console,
    options,
    reading_data,
    say,
    stoppable,
)
from texts import Bigram, Windows, foretell, indented, learn, widen

import tt_tensor as torch
from tt_autograd import no_grad
from tt_models import GPT, GPTConfig, generate
from tt_nn import Module
from tt_optimize import KVCache, keep_memory
from tt_tensor import Tensor
from tt_text import BPETokenizer

END = "<|end|>"  # of a file; and so what comes before its beginning
LEFT_OUT = {  # tests, what others wrote, what a program wrote
    *("test", "tests", "idle_test", "site-packages", "dist-packages", "ensurepip", "lib2to3"),
    *("__pycache__", "encodings", "pydoc_data", "entities.py", "stringprep.py"),
}
BODY = 64  # tokens that it may write under a head, and as many that it may see before
ASKED = ("for i in range(", "def __init__(self, ", "if __name__ == ", "raise ValueError(")
SHOWN = (
    *ASKED,
    "import os\n",
    "class Error(",
    "try:\n    import ",
    "    def __repr__(self):\n",
    "def is_empty(self):\n    ",
)


@dataclass(frozen=True)
class Plan:
    """How much is read, by how large a model, and what is claimed."""

    files: int | None = None  # all if None
    vocab_size: int = 1024
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    batch_size: int = 8
    steps: int = 4000
    peak: float = 4e-3
    lines: int = 20  # or how often the display has news
    heads: int = 200  # functions whose bodies it writes
    accuracy: float = 34  # per cent of the next tokens that it claims
    lead: float | None = 17  # per cent more than token pairs
    python: float | None = 45  # per cent of the bodies

    def model(self, tokenizer: BPETokenizer) -> GPT:
        """A GPT in Llama's form that sees a head and what is before it, and has room for a body."""
        config = GPTConfig(
            tokenizer.vocab_size, 2 * BODY, self.n_layer, self.n_head, self.n_embd, bias=False,
            norm="rms", mlp="swiglu", position="rotary", tie_weights=False,
        )  # fmt: skip
        model = GPT(config)
        widen(model, 0.06)
        return model


QUICK = Plan(
    files=60,
    vocab_size=400,
    n_layer=2,
    n_head=2,
    n_embd=64,
    batch_size=4,
    steps=500,
    lines=4,
    heads=20,
    accuracy=14,
    lead=None,
    python=None,
)


# ---- what it reads -------------------------------------------------------------------------------


def python_files(folder: Path, most: int | None) -> dict[str, str]:
    """The texts of the Python files in a folder and those below it, by their names, in order.

    Raises:
        OSError: the folder, or a file in it, cannot be read.
        ValueError: there are too few to learn from some and be asked about others.
    """
    found = {}
    for place, below, names in os.walk(folder):
        below[:] = [name for name in below if name not in LEFT_OUT]
        for name in names:
            if name.endswith(".py") and name not in LEFT_OUT and "_sysconfigdata" not in name:
                path = Path(place, name)
                found[path.relative_to(folder).as_posix()] = path
    texts = {}
    for name, path in sorted(found.items()):
        text = path.read_bytes().decode("utf-8", errors="replace").replace("\r\n", "\n")
        if "\ufffd" not in text and text.strip():
            texts[name] = text
    if most is not None and most < len(texts):
        names = list(texts)
        texts = {name: texts[name] for name in names[:: len(names) // most][:most]}
    if not any(map(is_held_out, texts)) or all(map(is_held_out, texts)):
        raise ValueError(f"{folder}: expected some dozens of Python files, got {len(texts)}")
    return texts


def is_held_out(name: str) -> bool:
    """Is a file of this name one of the tenth that is asked about? By its name's hash alone."""
    return hashlib.sha256(name.encode()).digest()[0] < 26  # of 256


# ---- completing ----------------------------------------------------------------------------------


def complete(model: GPT, tokenizer: BPETokenizer, prompt: str, most: int = BODY) -> str:
    """The prompt and what the model holds to be its likeliest continuation, up to most tokens.

    White space at the prompt's end belongs to the token that comes next: " range" is one, and so
    is the end of a line with all spaces of the next. So it is taken off, and the first new token is
    the likeliest of those that begin with it.
    """
    text = prompt.rstrip(" \n")
    space = prompt[len(text) :].encode()
    end = tokenizer.special_tokens[END]
    fitting = [i for i, token in tokenizer.vocab.items() if token.startswith(space)]
    if not fitting:  # more spaces than any token has
        text = prompt
    ids = [end, *tokenizer.encode(text)][most - model.config.block_size :]
    first: list[int] = []
    if fitting:
        with no_grad():
            scores = model(torch.tensor([ids]))[0][0, -1].tolist()  # (V,)
        first = [max(fitting, key=scores.__getitem__)]
    [written] = generate(
        model, [ids + first], most - 1, temperature=0, stop=end, cache=KVCache(model)
    )
    return text + tokenizer.decode(written.tolist()[len(ids) :]).partition(END)[0]


def show(text: str, prompt: str, most: int = 6) -> None:
    """A completion's first lines: a whole definition, if it is short."""
    lines = text.rstrip().split("\n")
    first = prompt.rstrip().count("\n") + 1
    for i in range(first + 1, len(lines)):
        if not lines[i].strip() and not lines[i - 1].strip():  # two blank lines
            lines = lines[: i - 1]
            break
    console.print(repr(prompt), style="bold", soft_wrap=True)
    say(indented("\n".join(lines[:most])), "")


# ---- bodies under heads --------------------------------------------------------------------------


class Head(NamedTuple):
    """The head of a function in a file.

    Attributes:
        before: the file up to it.
        text: itself, from "def" to the colon.
        after: the rest of the file.
    """

    before: str
    text: str
    after: str

    def body(self, written: str, whole: bool = False) -> str:
        """The body in what was written: up to a line that is not indented more than the head.

        Args:
            whole: the last line is known to be complete; otherwise it does not count.
        """
        indent = len(self.before) - len(self.before.rstrip(" "))
        lines = written.split("\n")
        for i, line in enumerate(lines[1:], start=1):
            if line.strip() and len(line) - len(line.lstrip()) <= indent:
                return "\n".join(lines[:i])
        return "\n".join(lines if whole else lines[:-1])

    def makes_python(self, written: str, whole: bool = False) -> bool:
        """Is the head, with the body in what was written, a function that Python can parse?"""
        indent = len(self.before) - len(self.before.rstrip(" "))
        outside = "if True:\n" if indent else ""
        source = outside + " " * indent + self.text + self.body(written, whole) + "\n"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" is no reason to refuse
            try:
                ast.parse(source)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return False
        return True


def heads(text: str) -> list[Head]:
    """The heads of functions in a source text, of those with their bodies right below."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text if text.isascii() else "")  # whose columns are not bytes
        except SyntaxError:  # of another version of Python
            return []
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            start = starts[node.lineno - 1] + node.col_offset
            stop = starts[node.body[0].lineno - 1] - 1
            if text[start:stop].endswith(":"):
                found.append(Head(text[:start], text[start:stop], text[stop:]))
    return found


def write_bodies(model: Module, tokenizer: BPETokenizer, asked: Sequence[Head]) -> list[str]:
    """What a model writes under each head: its likeliest tokens, at most BODY, END included."""
    end = tokenizer.special_tokens[END]
    texts: list[str] = []
    for start in range(0, len(asked), 50):
        prompts = [
            [end, *tokenizer.encode((head.before + head.text)[-20 * BODY :])][-BODY:]
            for head in asked[start : start + 50]
        ]
        cache = (lambda size: KVCache(model, size)) if isinstance(model, GPT) else None
        written = generate(model, prompts, BODY, temperature=0, stop=end, cache=cache)
        for prompt, row in zip(prompts, written, strict=True):
            texts.append(tokenizer.decode(row.tolist()[len(prompt) :]))
    return texts


def share_of_python(asked: Sequence[Head], written: Sequence[str]) -> float:
    """The per cent of the heads under which there is a body that Python can parse."""
    right = 0
    for head, text in zip(asked, written, strict=True):
        text, end, _ = text.partition(END)
        right += head.makes_python(text, whole=bool(end))
    return 100 * right / len(asked)


# ---- the story -----------------------------------------------------------------------------------


def arguments() -> ArgumentParser:
    """What can be chosen."""
    parser = options(__doc__)
    parser.add_argument(
        "--corpus", type=Path, metavar="FOLDER", help="Python files (default: Python's library)"
    )
    parser.add_argument("--steps", type=at_least(1), help="of training (default: 4,000)")
    parser.add_argument("--resume", action="store_true", help="go on where training was stopped")
    parser.add_argument(
        "--prompt",
        metavar="TEXT",
        help=r"complete this and end; \n is a new line; with the model in --out, if there is one",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default=Path("vaswani-copilot"),
        help="for the checkpoint and the model (default: %(default)s, in the working folder)",
    )
    return parser


def main() -> None:
    """Run the milestone."""
    args = arguments().parse_args()
    plan = QUICK if args.quick else Plan()
    keep_memory()  # or a quarter of the time goes into asking for it again
    torch.manual_seed(args.seed)
    if args.prompt is not None and (args.out / "model.safetensors").exists():
        with reading_data(f"delete {args.out} to have a model trained again"):
            tokenizer = BPETokenizer.from_file(args.out / "tokenizer.json")
            model = GPT.from_pretrained(args.out)
        answer(model, tokenizer, args.prompt)
        return
    quick = f"{plan.files} files, a small model; it claims {plan.accuracy:g} %."
    begin(__doc__, quick if args.quick else "")

    chapter("What it reads")
    folder = args.corpus or Path(sysconfig.get_path("stdlib"))
    with reading_data("--corpus FOLDER names a folder with Python files, to learn from those"):
        files = python_files(folder, plan.files)
    learned = [text for name, text in files.items() if not is_held_out(name)]
    held_out = [text for name, text in files.items() if is_held_out(name)]
    tokenizer = BPETokenizer.train((text + END for text in learned), plan.vocab_size, [END])
    train, test = (
        torch.tensor(tokenizer.encode("".join(text + END for text in texts)))
        for texts in (learned, held_out)
    )
    asked = short_functions(held_out, tokenizer, plan.heads)
    with reading_data("--corpus FOLDER names a folder with Python files, to learn from those"):
        if min(len(train), len(test)) <= 2 * BODY or not asked:
            raise ValueError(
                f"{folder}: expected more than {2 * BODY} tokens to learn from and as many held "
                f"out, with short functions; got {len(train)} and {len(test)}, with {len(asked)}"
            )
    tell(learned, held_out, train, test, tokenizer)

    chapter("It learns Python")
    model = plan.model(tokenizer)
    train_on(train, test, model, tokenizer, plan, args)
    model.save_pretrained(args.out)
    tokenizer.save(args.out)
    model = GPT.from_pretrained(args.out)  # what is examined is what was saved
    if args.prompt is not None:
        answer(model, tokenizer, args.prompt)
        return

    chapter("What it completes")
    for prompt in SHOWN:
        show(complete(model, tokenizer, prompt), prompt)
    pairs = Bigram(train, tokenizer.vocab_size)
    claims = examine(model, pairs, tokenizer, test, asked, plan)
    watched = sys.stdin.isatty() and sys.stdout.isatty()
    conclude(*claims, afterwards=(lambda: session(model, tokenizer)) if watched else None)


def tell(
    learned: list[str], held_out: list[str], train: Tensor, test: Tensor, tokenizer: BPETokenizer
) -> None:
    """How much there is, and what the tokens are like."""
    version = sys.version.partition(" ")[0]
    say(f"Python {version}:")
    for name, texts, ids in (("learned from", learned, train), ("held out", held_out, test)):
        size = sum(map(len, texts))
        say(f"  {name:<12}  {len(texts):>4} files  {size:>10,} characters  {len(ids):>9,} tokens")
    line = "    def __len__(self):"
    pieces = [tokenizer.decode([token]) for token in tokenizer.encode(line)]
    say(f"\n{tokenizer.vocab_size:,} tokens. A line, in pieces: {'|'.join(pieces)}")


def train_on(
    train: Tensor,
    test: Tensor,
    model: GPT,
    tokenizer: BPETokenizer,
    plan: Plan,
    args: Namespace,
) -> None:
    """Train the model, and show how it gets on."""
    steps = plan.steps if args.steps is None else args.steps
    block = model.config.block_size

    def ask(prompts: Sequence[str]) -> list[str]:
        texts = [complete(model, tokenizer, prompt, 16) for prompt in prompts]
        return [
            text[len(prompt.rstrip(" \n")) :].strip("\n").partition("\n")[0]
            for text, prompt in zip(texts, prompts, strict=True)
        ]

    def look() -> dict[str, tuple[int, int]]:
        share = foretell(model, test, block, every=max(1, len(test) // (50 * block))).right
        return {"tokens held out": (round(share), 100)}

    watch = Dashboard(
        console,
        steps,
        plan.batch_size * block,
        ASKED,
        ask,
        max(1, steps // plan.lines),
        title=f"A GPT learns Python: {model.num_parameters():,} numbers",
        examine=look,
        examine_every=max(1, steps // plan.lines),
    )
    windows = Windows(train, block, plan.batch_size, steps)
    learn(
        model,
        windows,
        plan.peak,
        watch,
        folder=args.out / "checkpoint",
        resume=args.resume,
        settings={"seed": args.seed, "steps": steps, "quick": args.quick, "tokens": len(train)},
    )
    say(f"\nThat took {watch.seconds:.1f} s.")


def examine(
    model: GPT,
    pairs: Bigram,
    tokenizer: BPETokenizer,
    test: Tensor,
    asked: list[Head],
    plan: Plan,
) -> list[Claim]:
    """Ask it, and others for comparison, about the files held out and heads of functions there."""
    chapter(f"Foretelling {len(test):,} tokens of files that it has not seen")
    block = model.config.block_size
    untrained = plan.model(tokenizer)
    scores = {
        "not trained": foretell(untrained, test, block, every=50),
        "token pairs": foretell(pairs, test, block),
        "the transformer": foretell(model, test, block),
    }
    say(f"{'':15}  {'loss':>5}  {'foretold':>8}")
    for name, score in scores.items():
        say(f"{name:15}  {score.loss:>5.3f}  {score.right:>6.1f} %")
    new, old = scores["the transformer"].right, scores["token pairs"].right

    chapter(f"Writing bodies under {len(asked)} heads of functions there")
    say(
        f"It sees up to {BODY} tokens, the head at their end, and writes up to {BODY}; in the file",
        "the body has no more either. What is indented more than the head, up to the last",
        "complete line, is the body.\n",
    )
    shares = {
        "not trained": share_of_python(asked, write_bodies(untrained, tokenizer, asked)),
        "token pairs": share_of_python(asked, write_bodies(pairs, tokenizer, asked)),
        "the transformer": share_of_python(asked, write_bodies(model, tokenizer, asked)),
        "as it is there": share_of_python(asked, [head.after + END for head in asked]),
    }
    for name, share in shares.items():
        say(f"{name:15}  {share:>5.1f} % are Python")
    share = shares["the transformer"]
    claims = [Claim("tokens foretold in unseen files", round(new, 2), plan.accuracy, unit=" %")]
    if plan.lead is not None:
        claims.append(Claim("lead over token pairs", round(new - old, 2), plan.lead, unit=" %"))
    if plan.python is not None:
        claims.append(Claim("bodies that are Python", share, plan.python, unit=" %"))
    return claims


def short_functions(texts: Sequence[str], tokenizer: BPETokenizer, most: int) -> list[Head]:
    """Functions in these texts with bodies of at most BODY tokens; of many, some of each part."""
    short = []
    for head in (head for text in texts for head in heads(text)):
        body = head.body(head.after, whole=True)
        if len(body) <= 20 * BODY and len(tokenizer.encode(body)) <= BODY:
            short.append(head)
    number = min(most, len(short))
    return [short[i * len(short) // number] for i in range(number)]


# ---- at the keyboard -----------------------------------------------------------------------------


def answer(model: GPT, tokenizer: BPETokenizer, line: str) -> None:
    """Complete what was typed on one line."""
    prompt = typed(line).replace("\\n", "\n")
    show(complete(model, tokenizer, prompt), prompt, most=20)


def session(model: GPT, tokenizer: BPETokenizer) -> None:
    """Complete what is typed, until `exit`, Ctrl-D or Ctrl-C."""
    chapter("Begin, and it completes")
    say(r"\n stands for a new line; `exit` ends.", "")
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while (line := input("code  > ")).strip() not in ("exit", "quit"):
            if line:
                answer(model, tokenizer, line)


if __name__ == "__main__":
    with stoppable():
        main()

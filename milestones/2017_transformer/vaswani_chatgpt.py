"""2017: attention learns to answer.

Ashish Vaswani and seven others left out of their translator what everyone had
built on: nothing in it read word by word. Each word looks at all words before
it, in one product of matrices. "Attention is all you need", they called it;
GPT is the half of it that writes, and in 2022 one of them began to chat.

Here is a GPT of less than a million numbers. It learns from TinyTalks, 3,000
short dialogues that come with tt-data, and is then asked: what it has seen
word for word, what it knows but was never asked in these words, and sums that
it never saw. An answer counts only if every character is right. Then talk to
it yourself.

It claims: of the questions it has seen it answers at least 95 % exactly right,
and of those in unseen wordings at least 60 %.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from chat import chat
from dashboard import Dashboard
from story import Claim, begin, chapter, conclude, console, options, reading_data, say, stoppable
from texts import Settings

import tt_tensor as torch
from tt_data import DataLoader, TensorDataset
from tt_data.tinytalks import LEVELS, Dialogue, Question, exam, grade, load_tinytalks
from tt_models import GPT
from tt_models.recipes import tinytalks
from tt_models.recipes.tinytalks import Recipe, packed_rows, write_answers
from tt_nn import load, save
from tt_nn.training import Checkpoint
from tt_text import BPETokenizer

CALLED = {
    "seen": "seen questions",
    "unseen-wording": "unseen wordings",
    "unseen-template": "unseen manners",
    "unseen-sum": "unseen sums",
    "unseen-instance": "unseen cases",
}


@dataclass(frozen=True)
class Plan:
    """What is learned, by how large a model, and how often in a minute it is all shown.

    Minutes are a measure of work: about those of one thread that does 10,000 tokens in a second.
    The number of steps, and with it the learning rate at each, follows from them, so that a seed
    gives the same model on a slow machine and on a fast one.
    """

    shown: tuple[str, ...] = (  # asked again and again
        "What is your name?",
        "What is the capital of France?",
        "Which city is the capital of Poland?",
        "Which day follows Thursday?",
        "What is 3 + 4?",
        "What is 10 plus 2?",
    )
    levels: tuple[str, ...] = LEVELS
    recipe: Recipe = field(default_factory=lambda: Recipe(last_rate=0.01))
    minutes: float = 5.0
    shows_per_minute: float = 6.4
    ask_every: int = 50
    examine_every: int = 200
    sample: int = 60  # questions of a kind that are asked during training
    seen: int = 95  # per cent that it claims
    wordings: int = 60

    def follow(self, minutes: float) -> Recipe:
        """The recipe for so many minutes."""
        shows = round(minutes * self.shows_per_minute)
        return replace(self.recipe, packings=max(1, shows), epochs=min(1, shows))

    def dialogues(self, split: str) -> list[Dialogue]:
        """Those of its levels."""
        return [d for d in load_tinytalks(split) if d.level in self.levels]

    def questions(self) -> dict[str, list[Question]]:
        """Those it learns from, and the test's by what is new in them."""
        questions: dict[str, list[Question]] = {}
        for question in exam(self.dialogues("train") + self.dialogues("test")):
            questions.setdefault(question.kind, []).append(question)
        return questions


QUICK = Plan(
    shown=("What is your name?", "What can you do?", "Good evening, Tiny.", "Can you be sad?"),
    levels=("greetings",),
    recipe=Recipe(n_layer=2, n_head=2, n_embd=64, learning_rate=5e-3),
    minutes=0.1,
    shows_per_minute=400,
    ask_every=25,
    examine_every=50,
    sample=30,
    seen=80,
    wordings=30,
)


# ---- learning ------------------------------------------------------------------------------------


def learn(
    model: GPT, tokenizer: BPETokenizer, plan: Plan, recipe: Recipe, args: argparse.Namespace
) -> Dashboard:
    """Train on packed dialogues, showing how it gets on."""
    x, y = packed_rows(
        plan.dialogues("train"), tokenizer, recipe.block_size, recipe.packings, args.seed
    )
    rows = TensorDataset(x, y)
    draw = torch.Generator().manual_seed(args.seed)
    batches = DataLoader(rows, recipe.batch_size, shuffle=True, drop_last=True, generator=draw)
    questions = plan.questions()
    watched = [kind for kind in ("seen", "unseen-wording", "unseen-sum") if kind in questions]
    sample = {kind: thinned(questions[kind], plan.sample) for kind in watched}
    expected = {q.prompt: q.answer for kind in questions.values() for q in kind}

    def ask(asked: Sequence[str]) -> list[str]:
        return write_answers(model, tokenizer, [f"Q: {question}\nA:" for question in asked])

    def examine() -> dict[str, tuple[int, int]]:
        return {CALLED[kind]: right(model, tokenizer, qs) for kind, qs in sample.items()}

    dashboard = Dashboard(
        console,
        recipe.epochs * len(batches),
        recipe.batch_size * recipe.block_size,
        plan.shown,
        ask,
        plan.ask_every,
        title=f"TinyGPT learns to talk: {model.num_parameters():,} numbers",
        expected={q: expected[f"Q: {q}\nA:"] for q in plan.shown},
        examine=examine,
        examine_every=plan.examine_every,
    )
    settings = {"seed": args.seed, "minutes": args.minutes, "quick": args.quick}
    tinytalks.train(
        model,
        batches,
        recipe,
        callbacks=[dashboard, Settings(settings)],
        checkpoint=Checkpoint(args.out / "checkpoint", every=plan.examine_every),
        resume=args.resume,
        progress=False,
    )
    return dashboard


# ---- the exam ------------------------------------------------------------------------------------


def thinned(questions: list[Question], most: int) -> list[Question]:
    """At most so many of them, evenly spread."""
    number = min(most, len(questions))
    return [questions[i * len(questions) // number] for i in range(number)]


def right(model: GPT, tokenizer: BPETokenizer, questions: list[Question]) -> tuple[int, int]:
    """How many are answered exactly right, of how many."""
    answers = write_answers(model, tokenizer, [question.prompt for question in questions])
    return round(grade(questions, answers) * len(questions)), len(questions)


# ---- the story -----------------------------------------------------------------------------------


def minutes(text: str) -> float:
    """A number of minutes."""
    number = float(text)
    if not 0 <= number < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number of minutes, got {text}")
    return number


def main() -> None:
    """Run the milestone."""
    parser = options(__doc__)
    parser.add_argument(
        "--minutes", type=minutes, metavar="M", help="how long to train, on two cores (default: 5)"
    )
    parser.add_argument("--resume", action="store_true", help="go on where training was stopped")
    parser.add_argument("--no-chat", action="store_true", help="end after the exam")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default=Path("vaswani-chatgpt"),
        help="for the checkpoint and the model (default: %(default)s, in the working folder)",
    )
    args = parser.parse_args()
    plan = QUICK if args.quick else Plan()
    args.minutes = plan.minutes if args.minutes is None else args.minutes
    recipe = plan.follow(args.minutes)
    quick = f"greetings only, and it claims {plan.seen} % and {plan.wordings} %."
    begin(__doc__, quick if args.quick else "")

    torch.manual_seed(args.seed)
    with reading_data("TinyTalks is part of the package tt-data; install packages/tt-data again"):
        dialogues = plan.dialogues("train")

    chapter("A tokenizer, learned from the text")
    tokenizer = tinytalks.train_tokenizer(dialogues, recipe.vocab_size)
    pieces = [tokenizer.decode([token]) for token in tokenizer.encode(plan.shown[1])]
    say(f"{tokenizer.vocab_size} tokens. One question, in pieces: {'|'.join(pieces)}")

    chapter("Learning")
    model = GPT(recipe.config(tokenizer))
    try:
        training = learn(model, tokenizer, plan, recipe, args)
    except KeyboardInterrupt as stopped:
        sys.exit(interrupted(args.out / "checkpoint" / "last.safetensors", stopped))
    except ValueError as error:
        if not args.resume:
            raise
        sys.exit(f"It cannot go on from {args.out}.\n{error}")
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(args.out / "tokenizer")
    save(model.state_dict(), args.out / "tinygpt.safetensors")
    model.load_state_dict(load(args.out / "tinygpt.safetensors"))  # what is examined is saved
    took = f"That took {training.seconds:.1f} s." if training.taken else "It had learned before."
    say(f"\n{took} The model is in {args.out}.")

    chapter("The exam: exactly right answers")
    shares = {}
    for kind, questions in plan.questions().items():
        number, of = right(model, tokenizer, questions)
        shares[kind] = 100 * number / of
        say(f"{CALLED[kind]:<16}  {shares[kind]:5.1f} %  {number:>5,} of {of:,}")

    watched = sys.stdin.isatty() and sys.stdout.isatty() and not args.no_chat
    conclude(
        Claim("seen questions answered exactly right", shares["seen"], plan.seen, unit=" %"),
        Claim(
            "unseen wordings answered exactly right",
            shares["unseen-wording"],
            plan.wordings,
            unit=" %",
        ),
        afterwards=(lambda: talk(model, tokenizer, plan)) if watched else None,
    )


def talk(model: GPT, tokenizer: BPETokenizer, plan: Plan) -> None:
    """What is worth knowing, then the chat."""
    chapter("Talk with it")
    if plan.levels == LEVELS:
        say(
            "It knows what TinyTalks tells, and nothing else. Ask for the capital of Japan,",
            'then: "And of Italy?" Or tell it "My name is Ann", and ask: "Who am I?"',
        )
    else:
        say(f"It knows TinyTalks' {' and '.join(plan.levels)}, and nothing else: {plan.shown[0]}")
    say("`new` makes it forget what was said; `exit` or Ctrl-D ends.")
    chat(model, tokenizer)


def interrupted(checkpoint: Path, stopped: KeyboardInterrupt) -> int:
    """Say what is kept, and how to go on; the exit code of a program that Ctrl-C ended."""
    if not checkpoint.exists():
        say(f"\n{stopped}")
        return 130
    command = [sys.argv[0], *(option for option in sys.argv[1:] if option != "--resume")]
    say(f"\nStopped. What was learned is in {checkpoint}. To go on:")
    console.print(f"  python {shlex.join(command)} --resume", style="bold", soft_wrap=True)
    return 130


if __name__ == "__main__":
    with stoppable():
        main()

"""TinyTalks: a small corpus of questions and answers from which a tiny GPT learns to answer.

>>> train = load_tinytalks("train", level="facts")
>>> print(train[0].text, end="")
Q: What is the capital of France?
A: Paris.

What is in the corpus, and how it was split, is told in DATASHEET.md beside this file.
"""

import re
from dataclasses import dataclass
from importlib.resources import files

from .questions import Question, exam, grade

__all__ = [
    "KINDS",
    "LEVELS",
    "SPLITS",
    "Dialogue",
    "Question",
    "Turn",
    "exam",
    "grade",
    "load_tinytalks",
    "parse",
]

SPLITS = ("train", "val", "test")
LEVELS = ("greetings", "facts", "arithmetic", "reasoning", "multi-turn")
KINDS = ("seen", "unseen-wording", "unseen-template", "unseen-sum", "unseen-instance")

_HEADER = re.compile(rf"\[({'|'.join(LEVELS)})/(\S+) ({'|'.join(KINDS)})\]")


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One or more turns about a topic.

    `kind` is "seen" in train; in val and test it says what is new: the wording of a known fact
    ("unseen-wording"; "unseen-template" if no fact is asked so in train), a pair of operands
    ("unseen-sum") or the whole case ("unseen-instance").
    """

    level: str
    topic: str
    kind: str
    turns: tuple[Turn, ...]

    @property
    def text(self) -> str:
        """The training text: a line "Q: ..." and a line "A: ..." for each turn."""
        return "".join(f"Q: {turn.question}\nA: {turn.answer}\n" for turn in self.turns)


def load_tinytalks(split: str = "train", level: str | None = None) -> list[Dialogue]:
    """The dialogues of a split, all levels or one, in the order of the file.

    Raises:
        ValueError: if there is no such split or level.

    >>> len(load_tinytalks("test", level="arithmetic"))
    42
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}; got {split!r}")
    if level is not None and level not in LEVELS:
        raise ValueError(f"level: expected None or one of {', '.join(LEVELS)}; got {level!r}")
    source = f"{split}.txt"
    dialogues = parse(files(__name__).joinpath(source).read_text(encoding="utf-8"), source)
    return [d for d in dialogues if level is None or d.level == level]


def parse(text: str, source: str) -> list[Dialogue]:
    r"""Read the corpus format; `source` names the text in error messages.

    A line `[level/topic kind]` names every dialogue down to the next such line. A dialogue is a
    line `Q: ...` and a line `A: ...` for each turn; a blank line ends it. Lines between dialogues
    that begin with `#` are comments.

    Raises:
        ValueError: with source and line number, what was expected there and what came.

    >>> [dialogue] = parse("[facts/capitals/peru seen]\nQ: Capital of Peru?\nA: Lima.\n", "mine")
    >>> dialogue.topic, dialogue.turns[0].answer
    ('capitals/peru', 'Lima.')
    """
    dialogues: list[Dialogue] = []
    header: tuple[str, str, str] | None = None
    turns: list[Turn] = []
    question: str | None = None  # the one that waits for its answer
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        place = f"{source}, line {number}"
        if question is not None:
            turns.append(Turn(question, _after("A: ", line, place)))
            question = None
        elif header is not None and turns:
            if line:
                question = _after("Q: ", line, place)
            else:
                dialogues.append(Dialogue(*header, tuple(turns)))
                turns = []
        elif line.startswith("["):
            header = _header(line, place)
        elif line and not line.startswith("#"):
            if header is None:
                raise ValueError(f"{place}: expected a header [level/topic kind]; got {line!r}")
            question = _after("Q: ", line, place)
    return dialogues


def _header(line: str, place: str) -> tuple[str, str, str]:
    """The level, topic and kind of a header line."""
    match = _HEADER.fullmatch(line)
    if match is None:
        raise ValueError(
            f"{place}: expected [level/topic kind] with one of the levels {', '.join(LEVELS)} "
            f"and one of the kinds {', '.join(KINDS)}; got {line!r}"
        )
    return match[1], match[2], match[3]


def _after(prefix: str, line: str, place: str) -> str:
    """What follows the prefix of a line."""
    content = line.removeprefix(prefix)
    if content == line or not content or content != content.strip():
        raise ValueError(f"{place}: expected {prefix!r} and some text; got {line!r}")
    return content

"""TinyTalks as a dataset: questions and answers, which come with the package."""

from __future__ import annotations

from ..dataset import Dataset, position
from ..tinytalks import Dialogue, load_tinytalks

__all__ = ["TinyTalks", "tinytalks"]


class TinyTalks(Dataset[Dialogue]):
    """A corpus of short dialogues; item i is a `Dialogue` with its level, topic, kind and turns.

    Args:
        split: "train", "val" or "test".
        level: only "greetings", "facts", "arithmetic", "reasoning" or "multi-turn"; all if None.

    Attributes:
        dialogues: the list of all.

    >>> talks = TinyTalks("test", level="greetings")
    >>> len(talks)
    39
    >>> print(talks[0].text, end="")
    Q: Tiny, what is your name?
    A: My name is TinyTalks.
    """

    def __init__(self, split: str = "train", level: str | None = None) -> None:
        self.split = split
        self.level = level
        self.dialogues = load_tinytalks(split, level)

    def __getitem__(self, index: int) -> Dialogue:
        return self.dialogues[position(index, len(self), "TinyTalks")]

    def __len__(self) -> int:
        return len(self.dialogues)

    @property
    def text(self) -> str:
        r"""All dialogues as one text to train on, a blank line after each.

        >>> tinytalks("train", level="facts").text[:54]
        'Q: What is the capital of France?\nA: Paris.\n\nQ: Name t'
        """
        return "".join(f"{dialogue.text}\n" for dialogue in self.dialogues)

    def pairs(self) -> list[tuple[str, str]]:
        """Every question with its answer. In "multi-turn" a question may need the one before it.

        >>> TinyTalks("test", level="arithmetic").pairs()[0]
        ('What is 0 + 4?', '4.')
        """
        return [(t.question, t.answer) for dialogue in self.dialogues for t in dialogue.turns]

    def prompts(self) -> list[tuple[str, str]]:
        r"""What to give a trained model for every question, and the answer to expect.

        A prompt is the dialogue up to the question, in the form of `text`, and ends with "A:". The
        model should go on with a space, the answer and a new line.

        >>> TinyTalks("test", level="multi-turn").prompts()[1]
        ('Q: My name is Ivan.\nA: Nice to meet you, Ivan.\nQ: What is my name?\nA:', 'Ivan.')
        """
        found = []
        for dialogue in self.dialogues:
            prompt = ""
            for turn in dialogue.turns:
                prompt += f"Q: {turn.question}\nA:"
                found.append((prompt, turn.answer))
                prompt += f" {turn.answer}\n"
        return found


def tinytalks(split: str = "train", level: str | None = None) -> TinyTalks:
    """The questions and answers that come with the package: see `TinyTalks`.

    >>> question, answer = tinytalks("train", level="facts").pairs()[0]
    >>> question, answer
    ('What is the capital of France?', 'Paris.')
    """
    return TinyTalks(split, level)

"""TinyTalks as an exam: read a dialogue up to a question and write the answer.

An answer is right only if every character is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import Dialogue

__all__ = ["Question", "exam", "grade"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question of an exam: what the model reads, and the one right answer."""

    level: str
    kind: str
    prompt: str
    answer: str


def exam(dialogues: Sequence[Dialogue]) -> list[Question]:
    r"""Every question of the dialogues, each with the turns before it as its context.

    The context has the right answers, so one mistake is counted once.

    >>> from tt_data.tinytalks import load_tinytalks
    >>> question = exam(load_tinytalks("test", level="facts"))[0]
    >>> question.prompt, question.answer
    ('Q: The capital of France is which city?\nA:', 'Paris.')
    """
    questions = []
    for dialogue in dialogues:
        context = ""
        for turn in dialogue.turns:
            prompt = f"{context}Q: {turn.question}\nA:"
            questions.append(Question(dialogue.level, dialogue.kind, prompt, turn.answer))
            context = f"{prompt} {turn.answer}\n"
    return questions


def grade(questions: Sequence[Question], answers: Sequence[str]) -> float:
    """The share of answers that are exactly right, 0 to 1.

    Raises:
        ValueError: there are no questions, or not as many answers.

    >>> from tt_data.tinytalks import load_tinytalks
    >>> questions = exam(load_tinytalks("test", level="facts"))[:2]
    >>> grade(questions, [questions[0].answer, "I don't know."])
    0.5
    """
    if not questions or len(questions) != len(answers):
        raise ValueError(
            "grade expects at least one question and an answer to each, got "
            f"{len(questions)} questions and {len(answers)} answers"
        )
    right = sum(q.answer == answer for q, answer in zip(questions, answers, strict=True))
    return right / len(questions)

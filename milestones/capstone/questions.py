"""TinyTalks as a course of study and as an exam.

Training shows the model whole dialogues, packed into rows of equal length. In the exam it reads the
dialogue up to a question and has to write the answer, which is right only if every character is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tt_tensor as tt
from tt_data.tinytalks import Dialogue
from tt_models import GPT, generate
from tt_text import BPETokenizer

END = "<|end|>"  # ends a dialogue
IGNORED = -1  # a target that does not count, as GPT's loss understands it
LONGEST_ANSWER = 24  # tokens

__all__ = ["END", "Question", "exam", "grade", "packed_rows", "train_tokenizer", "write_answers"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question of an exam: what the model reads, and the one right answer."""

    level: str
    kind: str
    prompt: str
    answer: str


def train_tokenizer(dialogues: Sequence[Dialogue], vocab_size: int) -> BPETokenizer:
    """A byte-level BPE tokenizer learned from the dialogues."""
    text = "".join(dialogue.text + END for dialogue in dialogues)
    return BPETokenizer.train(text, vocab_size, special_tokens=(END,))


def encode(dialogue: Dialogue, tokenizer: BPETokenizer) -> tuple[list[int], list[bool]]:
    """A dialogue's tokens, and which of them the model is to produce itself: answers and the
    end."""
    tokens: list[int] = []
    produced: list[bool] = []
    for turn in dialogue.turns:
        for text, own in ((f"Q: {turn.question}\nA:", False), (f" {turn.answer}\n", True)):
            piece = tokenizer.encode(text)
            tokens += piece
            produced += [own] * len(piece)
    return [*tokens, tokenizer.special_tokens[END]], [*produced, True]


def packed_rows(
    dialogues: Sequence[Dialogue], tokenizer: BPETokenizer, length: int, packings: int, seed: int
) -> tuple[tt.Tensor, tt.Tensor]:
    """Inputs and targets for training, (rows, length) each.

    Dialogues are put one after another into rows as long as they fit. Each packing does so in
    another order, so that a dialogue is met after ever different neighbours, and at the start of a
    row too.
    The model is asked for answers only: other targets are IGNORED.
    """
    encoded = [encode(dialogue, tokenizer) for dialogue in dialogues]
    longest = max(len(tokens) for tokens, _ in encoded)
    if longest > length + 1:
        raise ValueError(f"a dialogue of {longest} tokens does not fit a row of {length + 1}")
    shuffler = random.Random(seed)
    rows: list[tuple[list[int], list[bool]]] = []
    for _ in range(packings):
        shuffler.shuffle(encoded)
        row: tuple[list[int], list[bool]] = ([], [])
        for tokens, produced in encoded:
            if len(row[0]) + len(tokens) > length + 1:
                rows.append(row)
                row = ([], [])
            row = (row[0] + tokens, row[1] + produced)
        rows.append(row)
    x = np.full((len(rows), length), tokenizer.special_tokens[END])
    y = np.full((len(rows), length), IGNORED)
    for i, (tokens, produced) in enumerate(rows):
        x[i, : len(tokens) - 1] = tokens[:-1]
        y[i, : len(tokens) - 1] = np.where(produced[1:], tokens[1:], IGNORED)
    return tt.from_numpy(x), tt.from_numpy(y)


def exam(dialogues: Sequence[Dialogue]) -> list[Question]:
    """Every question of the dialogues, each with the turns before it as its context."""
    questions = []
    for dialogue in dialogues:
        context = ""
        for turn in dialogue.turns:
            prompt = f"{context}Q: {turn.question}\nA:"
            questions.append(Question(dialogue.level, dialogue.kind, prompt, turn.answer))
            context = f"{prompt} {turn.answer}\n"
    return questions


def write_answers(
    model: GPT,
    tokenizer: BPETokenizer,
    prompts: Sequence[str],
    cache: Callable[[int], Any] | None = None,
    most: int = 64,
) -> list[str]:
    """The model's answers, always its likeliest words, ``most`` prompts of one length at a time."""
    stop = {tokenizer.special_tokens[END], *tokenizer.encode("\n")}
    encoded = [tokenizer.encode(prompt) for prompt in prompts]
    answers = [""] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: len(encoded[i]))
    for start in range(0, len(order), most):
        part = order[start : start + most]
        texts = generate(
            model, [encoded[i] for i in part], LONGEST_ANSWER, temperature=0, stop=stop, cache=cache
        )
        for i, tokens in zip(part, texts, strict=True):
            answers[i] = _answer_text(tokenizer, tokens.tolist()[len(encoded[i]) :])
    return answers


def _answer_text(tokenizer: BPETokenizer, tokens: list[int]) -> str:
    return tokenizer.decode(tokens).replace(END, "").strip()


def grade(questions: Sequence[Question], answers: Sequence[str]) -> float:
    """The share of answers that are exactly right."""
    right = sum(q.answer == answer for q, answer in zip(questions, answers, strict=True))
    return right / len(questions)

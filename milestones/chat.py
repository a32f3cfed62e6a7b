"""Talking with a GPT that has learned from dialogues."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from dashboard import printable
from story import console

import tt_tensor as torch
from tt_autograd import no_grad
from tt_models import GPT, generate_stream
from tt_models.recipes.tinytalks import LONGEST_ANSWER, stop_tokens
from tt_nn.functional import softmax
from tt_text import BPETokenizer

__all__ = ["Chat", "chat", "typed"]

ROOM = 10  # tokens that stay free for the answer; those of TinyTalks are shorter


class Chat:
    """A conversation, of which the model is shown as much as helps.

    A follow-up ("And of Italy?") makes no sense without the turns before it, and a new subject
    confuses a small model that is shown them. So it reads the question alone, after the last turn
    and after the last two, and goes on from the reading whose first token it is surest of.

    Args:
        turns: the most that are read before a question.
    """

    def __init__(self, model: GPT, tokenizer: BPETokenizer, turns: int = 2) -> None:
        self.model, self.tokenizer, self.turns = model.eval(), tokenizer, turns
        self.past: list[str] = []  # the last turns, "Q: ...\nA: ...\n" each

    def answer(self, question: str) -> Iterator[str]:
        """The likeliest answer, piece by piece as it is written."""
        asked = f"Q: {question}\nA:"
        stop = stop_tokens(self.tokenizer)
        tokens: list[int] = []
        told = ""
        prompt = [self.surest(asked)]
        for token in generate_stream(self.model, prompt, LONGEST_ANSWER, temperature=0, stop=stop):
            if token.item() in stop:
                break
            tokens.append(int(token.item()))
            text = self.tokenizer.decode(tokens).lstrip()
            if not text.endswith("\ufffd"):  # which is half a character
                yield printable(text[len(told) :])
                told = text
        self.past = [*self.past, f"{asked} {told.rstrip()}\n"][-self.turns :]

    def surest(self, asked: str) -> list[int]:
        """The tokens to go on from: the question, after as many turns as make the model surest."""
        window = self.model.config.block_size
        readings = [self.tokenizer.encode(asked)[-window:]]
        for turns in range(1, len(self.past) + 1):
            tokens = self.tokenizer.encode("".join(self.past[-turns:]) + asked)
            if len(tokens) <= window - ROOM:
                readings.append(tokens)
        return max(readings, key=self._sureness)

    def _sureness(self, tokens: list[int]) -> float:
        """The probability of the likeliest next token."""
        with no_grad():
            logits, _ = self.model(torch.tensor([tokens]))
        return softmax(logits[0, -1], dim=0).max().item()  # type: ignore[no-any-return]


def typed(line: str) -> str:
    """A line with "?" for each byte that is not UTF-8, which Python reads as half of a character.

    >>> typed("caf\\udce9")
    'caf?'
    """
    return line.encode("utf-8", errors="replace").decode()


def chat(model: GPT, tokenizer: BPETokenizer, read: Callable[[str], str] = input) -> None:
    """Answer what is read until `exit`, Ctrl-D or Ctrl-C; `new` forgets what was said.

    Args:
        read: given the prompt, returns a line or raises EOFError.
    """
    with contextlib.suppress(ImportError):  # there is none on Windows
        import readline  # noqa: F401  (arrow keys, and the lines before)
    talk = Chat(model, tokenizer)
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while (line := read("\nyou   > ").strip()).lower() not in ("exit", "quit"):
            if line.lower() == "new":
                talk.past = []
            elif line:
                console.print("tiny  > ", end="", style="bold green")
                for piece in talk.answer(typed(line)):
                    console.print(piece, end="", style="green", soft_wrap=True)
                console.print()
    console.print("\nGoodbye.", style="dim")

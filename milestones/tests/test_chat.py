"""Talking with a GPT: what it is shown of the conversation, and what one sees of its answer."""

from __future__ import annotations

import importlib
import io
from types import ModuleType

import pytest
from rich.console import Console

import tt_tensor as torch
from tt_data.tinytalks import Dialogue, Turn
from tt_models import GPT
from tt_models.recipes.tinytalks import Recipe, packed_rows, train, train_tokenizer, write_answers
from tt_text import BPETokenizer

Learned = tuple[GPT, BPETokenizer]

FACTS = {"Japan": "Tokyo.", "Italy": "Rome.", "Egypt": "Cairo.", "Peru": "Lima."}
NAMES = ("Ann", "Ben", "Eva")


def dialogue(*turns: tuple[str, str]) -> Dialogue:
    return Dialogue("facts", "a/b", "seen", tuple(Turn(*turn) for turn in turns))


@pytest.fixture(scope="module")
def learned() -> Learned:
    """A GPT that knows four capitals, and the name it was told a moment ago."""
    torch.manual_seed(0)
    talks = [dialogue((f"Capital of {land}?", city)) for land, city in FACTS.items()]
    for land, city in FACTS.items():
        talks.append(dialogue(("Capital of Peru?", "Lima."), (f"And of {land}?", city)))
    talks += [dialogue((f"I am {name}.", "Hello."), ("Who am I?", f"{name}.")) for name in NAMES]
    recipe = Recipe(vocab_size=290, block_size=48, n_layer=2, n_head=2, n_embd=48, epochs=5)
    tokenizer = train_tokenizer(talks, recipe.vocab_size)
    x, y = packed_rows(talks, tokenizer, recipe.block_size, 60, seed=0)
    model = GPT(recipe.config(tokenizer))
    train(model, list(zip(x.split(8), y.split(8), strict=True)), recipe, progress=False)
    return model, tokenizer


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    """chat.py, as a script imports it."""
    monkeypatch.syspath_prepend(request.path.parents[1])
    return importlib.import_module("chat")


def converse(
    chat: ModuleType, learned: Learned, monkeypatch: pytest.MonkeyPatch, *lines: str
) -> list[str]:
    """What it says to these lines, at whose end the input ends."""
    out = io.StringIO()
    monkeypatch.setattr(chat, "console", Console(file=out, color_system=None))
    waiting = iter(lines)

    def read(prompt: str) -> str:
        assert prompt == "\nyou   > "
        for line in waiting:
            return line
        raise EOFError

    chat.chat(*learned, read)
    *said, goodbye = out.getvalue().splitlines()
    assert goodbye == "Goodbye."
    return [line.removeprefix("tiny  > ") for line in said if line]


def test_it_answers_line_by_line(
    chat: ModuleType, learned: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = converse(
        chat, learned, monkeypatch, "Capital of Japan?", "", "  Capital of Egypt? ", "exit", "never"
    )
    assert said == ["Tokyo.", "Cairo."]


def test_bytes_that_are_no_text_are_typed_too(
    chat: ModuleType, learned: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python reads a byte that is not UTF-8 as half of a character."""
    said = converse(chat, learned, monkeypatch, "caf\udce9?", "new", "Capital of Japan?")
    assert len(said) == 2 and said[1] == "Tokyo."
    assert chat.typed("\udce9t\udcff é☃") == "?t? é☃"


def test_it_remembers_and_forgets(
    chat: ModuleType, learned: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        lines = (f"I am {name}.", "Who am I?", "new", "Who am I?")
        said = converse(chat, learned, monkeypatch, *lines)
        assert said[:2] == ["Hello.", f"{name}."]
    talk = chat.Chat(*learned)
    assert "".join(talk.answer("I am Ann.")) == "Hello."
    assert talk.past == ["Q: I am Ann.\nA: Hello.\n"]
    [forgetful] = write_answers(*learned, ["Q: Who am I?\nA:"])
    assert said[2] == forgetful  # as if nothing had been said


def test_a_new_subject_is_read_without_the_old_ones(chat: ModuleType, learned: Learned) -> None:
    """After any two turns it answers as if it was asked nothing before."""
    for land, city in FACTS.items():
        talk = chat.Chat(*learned)
        for line in ("I am Eva.", "Who am I?"):
            assert "".join(talk.answer(line))
        assert "".join(talk.answer(f"Capital of {land}?")) == city


def test_what_comes_in_pieces_is_the_answer(chat: ModuleType, learned: Learned) -> None:
    pieces = list(chat.Chat(*learned).answer("Capital of Egypt?"))
    assert len(pieces) > 1
    assert "".join(pieces) == "Cairo."


def test_only_so_many_turns_are_kept_and_only_what_fits_is_read(
    chat: ModuleType, learned: Learned
) -> None:
    model, tokenizer = learned
    talk = chat.Chat(model, tokenizer, turns=3)
    for i in range(5):
        list(talk.answer(f"{i} is long: {'Capital of Japan? ' * 2}"))
    assert [turn[3] for turn in talk.past] == ["2", "3", "4"]
    for question in ("Capital of Peru?", "Peru? " * 100):
        tokens = talk.surest(f"Q: {question}\nA:")
        assert len(tokens) <= model.config.block_size
        assert tokenizer.decode(tokens).endswith("\nA:")
    assert isinstance("".join(talk.answer("Peru? " * 100)), str)


def test_nothing_that_steers_a_terminal_is_shown(
    chat: ModuleType, learned: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model may write any bytes at all, even halves of characters."""
    _, tokenizer = learned
    model = GPT(Recipe(n_layer=1, n_head=1, n_embd=8).config(tokenizer))
    written = tokenizer.encode("\x1b[2Jé☃\x07.")
    end = tokenizer.encode("\n")
    tokens = iter([torch.tensor([token]) for token in [*written, *end]])
    monkeypatch.setattr(chat, "generate_stream", lambda *args, **options: tokens)
    assert "".join(chat.Chat(model, tokenizer).answer("What?")) == "·[2Jé☃·."

"""How a GPT learns to answer: rows, what it is asked for, and what it then writes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tt_models import GPT
from tt_models.recipes.tinytalks import (
    END,
    IGNORED,
    Recipe,
    encode,
    packed_rows,
    stop_tokens,
    train,
    train_tokenizer,
    write_answers,
)
from tt_tensor import manual_seed
from tt_text import BPETokenizer


@dataclass(frozen=True)
class Turn:
    question: str
    answer: str


@dataclass(frozen=True)
class Talk:
    turns: tuple[Turn, ...]

    @property
    def text(self) -> str:
        return "".join(f"Q: {turn.question}\nA: {turn.answer}\n" for turn in self.turns)


FRUIT = {"a lemon": "Yellow.", "a cherry": "Red.", "grass": "Green.", "the sky": "Blue."}
TALKS = [
    *(Talk((Turn(f"What colour is {thing}?", colour),)) for thing, colour in FRUIT.items()),
    Talk((Turn("I am Ann.", "Welcome."), Turn("Who am I?", "Ann."))),
]
RECIPE = Recipe(
    vocab_size=280, block_size=48, n_layer=2, n_head=2, n_embd=32, batch_size=4, epochs=8
)


@pytest.fixture(scope="module")
def tokenizer() -> BPETokenizer:
    return train_tokenizer(TALKS, RECIPE.vocab_size)


def test_the_model_is_to_produce_answers_and_the_end(tokenizer: BPETokenizer) -> None:
    tokens, produced = encode(TALKS[-1], tokenizer)
    assert tokenizer.decode(tokens) == TALKS[-1].text + END
    own = [token for token, is_own in zip(tokens, produced, strict=True) if is_own]
    assert tokenizer.decode(own) == f" Welcome.\n Ann.\n{END}"


def test_packed_rows_hold_every_dialogue_once_a_packing(tokenizer: BPETokenizer) -> None:
    x, y = packed_rows(TALKS, tokenizer, 48, packings=3, seed=0)
    assert x.shape == y.shape == (len(x), 48)
    told = "".join(tokenizer.decode(row) for row in x.tolist())
    for talk in TALKS:
        assert told.count(talk.text) == 3, talk
    for inputs, targets in zip(x.tolist(), y.tolist(), strict=True):
        for i, target in enumerate(targets[:-1]):
            assert target in (IGNORED, inputs[i + 1])  # what comes next, or nothing
    wanted = tokenizer.decode([token for row in y.tolist() for token in row if token != IGNORED])
    answers = [turn.answer for talk in TALKS for turn in talk.turns]
    assert "?" not in wanted
    for answer in set(answers):
        assert wanted.count(f" {answer}\n") == 3 * answers.count(answer)


def test_each_packing_and_each_seed_has_an_order_of_its_own(tokenizer: BPETokenizer) -> None:
    one = packed_rows(TALKS, tokenizer, 48, packings=1, seed=0)[0].tolist()
    more = packed_rows(TALKS, tokenizer, 48, packings=4, seed=0)[0].tolist()
    assert more[: len(one)] == one
    assert more[len(one) : 2 * len(one)] != one
    assert packed_rows(TALKS, tokenizer, 48, packings=4, seed=0)[0].tolist() == more
    assert packed_rows(TALKS, tokenizer, 48, packings=4, seed=1)[0].tolist() != more


def test_a_dialogue_longer_than_a_row_is_refused(tokenizer: BPETokenizer) -> None:
    with pytest.raises(ValueError, match=r"of \d+ tokens does not fit a row of 9; make"):
        packed_rows(TALKS, tokenizer, 8, packings=1, seed=0)


def test_it_learns_to_answer(tokenizer: BPETokenizer) -> None:
    """By heart, one turn and two; prompts of different lengths side by side, one by one, alike."""
    x, y = packed_rows(TALKS, tokenizer, RECIPE.block_size, 40, seed=0)
    batches = list(zip(x.split(4), y.split(4), strict=True))
    model = GPT(RECIPE.config(tokenizer))
    assert model.config.vocab_size == tokenizer.vocab_size
    prompts = [f"Q: What colour is {thing}?\nA:" for thing in FRUIT]
    prompts += ["Q: I am Ann.\nA: Welcome.\nQ: Who am I?\nA:"]
    right = [*FRUIT.values(), "Ann."]
    assert write_answers(model, tokenizer, prompts) != right
    history = train(model, batches, RECIPE, progress=False)
    assert len(history.losses) == 8 * len(batches)
    assert write_answers(model, tokenizer, prompts) == right
    assert write_answers(model, tokenizer, prompts, most=1) == right


def test_answers_end_with_the_line_and_are_never_long(tokenizer: BPETokenizer) -> None:
    newline, end = tokenizer.encode("\n"), tokenizer.special_tokens[END]
    assert stop_tokens(tokenizer) == {*newline, end}
    model = GPT(RECIPE.config(tokenizer))
    [answer] = write_answers(model, tokenizer, ["Q: What?\nA:"])
    assert "\n" not in answer and END not in answer
    assert write_answers(model, tokenizer, []) == []


def test_the_same_seed_gives_the_same_training(tokenizer: BPETokenizer) -> None:
    x, y = packed_rows(TALKS, tokenizer, RECIPE.block_size, 4, seed=0)
    losses = []
    for seed in (0, 0, 1):
        manual_seed(seed)
        model = GPT(RECIPE.config(tokenizer))
        losses.append(train(model, [(x, y)], RECIPE, progress=False).losses)
    assert losses[0] == losses[1] != losses[2]

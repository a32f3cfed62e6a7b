"""TinyTalks as a dataset."""

import pytest

from tt_data import DataLoader
from tt_data.datasets import TinyTalks, tinytalks
from tt_data.tinytalks import LEVELS, SPLITS, load_tinytalks, parse


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("level", [None, *LEVELS])
def test_items_are_the_dialogues(split: str, level: str | None) -> None:
    talks = tinytalks(split, level)
    assert list(talks) == talks.dialogues == load_tinytalks(split, level)
    assert (talks.split, talks.level) == (split, level)


def test_text_is_the_corpus_format_without_headers() -> None:
    talks = TinyTalks("val")
    again = parse("[facts/any seen]\n" + talks.text, "text")
    assert [d.turns for d in again] == [d.turns for d in talks]


def test_pairs_are_all_turns() -> None:
    talks = TinyTalks("train", "multi-turn")
    assert len(talks.pairs()) == sum(len(dialogue.turns) for dialogue in talks) == 612
    assert talks.pairs()[1] == (talks[0].turns[1].question, talks[0].turns[1].answer)


def test_a_prompt_and_its_answer_are_the_beginning_of_a_dialogue() -> None:
    talks = TinyTalks("test")
    prompts = iter(talks.prompts())
    for dialogue in talks:
        for turn in dialogue.turns:
            prompt, answer = next(prompts)
            assert dialogue.text.startswith(f"{prompt} {answer}\n")
            assert prompt.endswith(f"Q: {turn.question}\nA:")
        assert dialogue.text == f"{prompt} {answer}\n"
    assert next(prompts, None) is None


def test_pairs_make_batches() -> None:
    questions, answers = next(iter(DataLoader(tinytalks().pairs(), batch_size=3)))
    assert list(zip(questions, answers, strict=True)) == tinytalks().pairs()[:3]


def test_a_dialogue_has_no_default_batch() -> None:
    with pytest.raises(TypeError, match=r"got Dialogue\. Give the DataLoader a collate_fn"):
        next(iter(DataLoader(tinytalks())))


def test_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="expected one of train, val, test; got 'dev'"):
        TinyTalks("dev")
    with pytest.raises(IndexError, match="TinyTalks: expected an index from"):
        TinyTalks()[10**6]

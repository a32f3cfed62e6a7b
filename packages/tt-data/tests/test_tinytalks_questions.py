"""TinyTalks as an exam: what is asked, and what counts as right."""

import pytest

from tt_data.tinytalks import Dialogue, Question, Turn, exam, grade, load_tinytalks

TALK = Dialogue(
    "multi-turn", "a/b", "seen", (Turn("Who?", "Me."), Turn("Where?", "Here."), Turn("So?", "So."))
)


def test_every_question_comes_with_the_turns_before_it() -> None:
    assert exam([TALK]) == [
        Question("multi-turn", "seen", "Q: Who?\nA:", "Me."),
        Question("multi-turn", "seen", "Q: Who?\nA: Me.\nQ: Where?\nA:", "Here."),
        Question("multi-turn", "seen", "Q: Who?\nA: Me.\nQ: Where?\nA: Here.\nQ: So?\nA:", "So."),
    ]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_prompt_and_answer_are_how_the_training_text_goes(split: str) -> None:
    dialogues = load_tinytalks(split)
    questions = iter(exam(dialogues))
    for dialogue in dialogues:
        for _ in dialogue.turns:
            question = next(questions)
            assert dialogue.text.startswith(f"{question.prompt} {question.answer}\n")
            assert (question.level, question.kind) == (dialogue.level, dialogue.kind)
        assert dialogue.text == f"{question.prompt} {question.answer}\n"
    assert next(questions, None) is None


def test_only_the_very_answer_is_right() -> None:
    questions = exam([TALK, TALK])
    assert grade(questions, ["Me.", "Here.", "So.", "Me.", "Here.", "So."]) == 1
    assert grade(questions, ["Me", "here.", " So.", "", "Here. ", "So."]) == 1 / 6


def test_answers_that_are_missing_are_not_forgiven() -> None:
    with pytest.raises(ValueError, match="got 3 questions and 2 answers"):
        grade(exam([TALK]), ["Me.", "Here."])
    with pytest.raises(ValueError, match="at least one question"):
        grade([], [])

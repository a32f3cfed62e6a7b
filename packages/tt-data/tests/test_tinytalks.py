"""TinyTalks: what is shipped is what was built, true where it can be recomputed, and not leaked.

Numbers are read out of the text itself, never out of the topics that corpus/build.py wrote.
"""

import importlib.util
import re
import tomllib
from collections import Counter, defaultdict
from dataclasses import FrozenInstanceError
from itertools import chain, pairwise
from pathlib import Path
from types import ModuleType

import pytest

from tt_data import tinytalks
from tt_data.tinytalks import KINDS, LEVELS, SPLITS, Dialogue, Turn, load_tinytalks, parse

PACKAGE = Path(__file__).resolve().parents[1]
CORPUS = PACKAGE / "corpus"
SHIPPED = Path(tinytalks.__file__).parent
HELD_OUT = ("val", "test")

Pair = tuple[int, int]


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[Dialogue]]:
    return {split: load_tinytalks(split) for split in SPLITS}


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tinytalks_build", CORPUS / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def everything(corpus: dict[str, list[Dialogue]]) -> list[Dialogue]:
    return list(chain.from_iterable(corpus[split] for split in SPLITS))


def numbers(text: str) -> list[int]:
    """The numbers in a text. "GPT-2" and "LeNet-5" are names."""
    return [int(digits) for digits in re.findall(r"(?<![\w-])\d+\b", text)]


def computed(question: str) -> tuple[Pair, int]:
    """The operands of a sum, a difference or a story, and what they make."""
    a, b = numbers(question)
    if "Take" in question:  # "Take 2 from 5."
        a, b = b, a
    plus = any(word in question for word in ("+", "plus", "Add", "more", "here and", "then"))
    minus = any(word in question for word in (" - ", "minus", "Take", "loses", "takes"))
    assert plus != minus, question
    return (min(a, b), max(a, b)), a + b if plus else a - b


def operands(dialogue: Dialogue) -> set[Pair]:
    """Every unordered pair that a dialogue puts together, whatever its level says it is about.

    A question with two numbers joins those; a later question with one number joins it to the
    answer before ("What is 1 plus 2?" "3." "Now add 12.").
    """
    found = [numbers(turn.question) for turn in dialogue.turns]
    for before, turn in pairwise(dialogue.turns):
        if len(numbers(turn.question)) == 1:
            found.append(numbers(before.answer) + numbers(turn.question))
    return {(min(pair), max(pair)) for pair in found if len(pair) == 2}


# --- the files -------------------------------------------------------------------------------


def test_build_is_reproducible_and_equals_what_is_shipped(build: ModuleType) -> None:
    first, second = build.build(), build.build()
    assert first == second
    assert set(first) == {"train.txt", "val.txt", "test.txt", "DATASHEET.md"}
    for name, text in first.items():
        assert (SHIPPED / name).read_bytes() == text.encode(), f"{name}: run corpus/build.py"


def test_licence_is_shipped_with_the_data() -> None:
    licence = (SHIPPED / "LICENSE-tinytalks.txt").read_text(encoding="utf-8")
    assert "https://creativecommons.org/licenses/by/4.0/" in licence


def test_loading_by_split_and_level(corpus: dict[str, list[Dialogue]]) -> None:
    assert load_tinytalks() == corpus["train"]
    for split in SPLITS:
        by_level = [load_tinytalks(split, level) for level in LEVELS]
        assert all(by_level), f"{split} lacks a level"
        assert list(chain.from_iterable(by_level)) == corpus[split], "files are grouped by level"


def test_text_of_a_dialogue() -> None:
    dialogue = Dialogue("facts", "a/b", "seen", (Turn("One?", "Yes."), Turn("Two?", "No.")))
    assert dialogue.text == "Q: One?\nA: Yes.\nQ: Two?\nA: No.\n"
    with pytest.raises(FrozenInstanceError):
        dialogue.topic = "other"  # type: ignore[misc]
    assert not hasattr(dialogue, "__dict__"), "slotted"


def test_unknown_split_or_level() -> None:
    with pytest.raises(ValueError, match="expected one of train, val, test; got 'training'"):
        load_tinytalks("training")
    with pytest.raises(ValueError, match=r"one of greetings, facts, .*; got 'chess'"):
        load_tinytalks("train", "chess")


# --- the parser ------------------------------------------------------------------------------


def test_parse_shares_a_header_and_skips_comments() -> None:
    text = "# note\n\n[facts/a/b seen]\nQ: 1?\nA: x\n\n# note\nQ: 2?\nA: y\nQ: 3?\nA: z"
    assert parse(text, "here") == [
        Dialogue("facts", "a/b", "seen", (Turn("1?", "x"),)),
        Dialogue("facts", "a/b", "seen", (Turn("2?", "y"), Turn("3?", "z"))),
    ]


HEAD = "[facts/a/b seen]\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("# c\nQ: 1?\nA: x\n", 2, r"expected a header .*; got 'Q: 1\?'"),
        ("[chess/a/b seen]\n", 1, r"expected \[level/topic kind\] .*greetings"),
        ("[facts/a/b old]\n", 1, r"expected .* kinds seen, .*; got '\[facts/a/b old\]'"),
        (HEAD + "A: x\n", 2, "expected 'Q: ' .*; got 'A: x'"),
        (HEAD + "Q: 1?\n\n", 3, "expected 'A: ' .*; got ''"),
        (HEAD + "Q: 1?", 3, "expected 'A: ' .*; got ''"),
        (HEAD + "Q: 1?\nQ: 2?\n", 3, r"expected 'A: ' .*; got 'Q: 2\?'"),
        (HEAD + "Q: 1?\nA: \n", 3, "expected 'A: ' .*; got 'A: '"),
        (HEAD + "Q: 1?\nA:  x\n", 3, "expected 'A: ' .*; got 'A:  x'"),
        (HEAD + "Q: 1?\nA: x\n# note\n", 4, "expected 'Q: ' .*; got '# note'"),
        (HEAD + "Q: 1?\nA: x\n" + HEAD, 4, r"expected 'Q: ' .*; got '\[facts"),
    ],
)
def test_a_malformed_block_is_reported_by_file_and_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^mine\.txt, line {line}: {message}"):
        parse(text, "mine.txt")


# --- what the datasheet says -----------------------------------------------------------------


def datasheet_rows() -> list[list[str]]:
    """The rows of both generated tables, without their heads."""
    text = (SHIPPED / "DATASHEET.md").read_text(encoding="utf-8")
    generated = text.split("<!-- counts: begin -->")[1].split("<!-- counts: end -->")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in generated.splitlines()
        if line.startswith("|") and "---" not in line
    ]
    return [row for row in rows if row[0] not in ("split", "level")]


def blocks(split: str) -> list[tuple[str, str, str]]:
    """(level, kind, dialogue) of a split, read from the file without the loader."""
    found, level, kind = [], "", ""
    for block in (SHIPPED / f"{split}.txt").read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if lines[0].startswith("["):
            where, kind = lines.pop(0).strip("[]").split(" ")
            level = where.split("/")[0]
        found.append((level, kind, "".join(f"{line}\n" for line in lines)))
    return found


def test_every_size_in_the_datasheet() -> None:
    listed = {tuple(row[:3]): [int(cell) for cell in row[3:]] for row in datasheet_rows()[:-5]}
    texts = defaultdict[tuple[str, str, str], list[str]](list)
    for split in SPLITS:
        for level, kind, text in blocks(split):
            for key in ((split, level, kind), (split, "all", "all"), ("all", "all", "all")):
                texts[key].append(text)
    assert set(listed) == set(texts)
    for key, dialogues in texts.items():
        lines = "".join(dialogues).splitlines()
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        assert listed[key] == [
            len(dialogues),
            len(pairs),
            len(set(pairs)),
            len({question for question, _ in pairs}),
            sum(map(len, dialogues)),
        ], key


def test_every_family_and_fact_in_the_datasheet(corpus: dict[str, list[Dialogue]]) -> None:
    listed = datasheet_rows()[-5:]
    assert [row[0] for row in listed] == list(LEVELS)
    for level, *cells in listed:
        wordings = defaultdict[str, set[str]](set)
        facts = set()
        for dialogue in everything(corpus):
            if dialogue.level == level:
                wordings[dialogue.topic].add(dialogue.text)
                if dialogue.kind == "unseen-wording":
                    facts.add(dialogue.topic)
        asked = [len(wordings[topic]) for topic in facts]
        spread = f"{min(asked)} to {max(asked)}" if asked else "-"
        families = {topic.partition("/")[0] for topic in wordings}
        assert cells == [str(len(families)), str(len(wordings)), str(len(facts)), spread], level


# --- size and form ---------------------------------------------------------------------------


def test_enough_to_learn_from_and_small(corpus: dict[str, list[Dialogue]]) -> None:
    pairs = {turn for dialogue in corpus["train"] for turn in dialogue.turns}
    assert len(pairs) >= 1_500
    assert (SHIPPED / "train.txt").stat().st_size < 200_000


def test_lengths_and_characters(corpus: dict[str, list[Dialogue]]) -> None:
    for dialogue in everything(corpus):
        assert dialogue.text.isascii() and dialogue.text.replace("\n", "").isprintable(), dialogue
        assert len(dialogue.text) <= (110 if len(dialogue.turns) == 1 else 220), dialogue
        for turn in dialogue.turns:
            assert len(turn.answer.split()) <= 8, turn
            assert not re.search(r"[{}|]|\s\s", turn.question + turn.answer), turn
    assert all(path.read_bytes().isascii() for path in SHIPPED.glob("*.txt"))


def test_levels_have_their_number_of_turns(corpus: dict[str, list[Dialogue]]) -> None:
    for dialogue in everything(corpus):
        assert len(dialogue.turns) in ((2, 3) if dialogue.level == "multi-turn" else (1,)), dialogue


def test_kinds_belong_to_their_split(corpus: dict[str, list[Dialogue]]) -> None:
    assert {dialogue.kind for dialogue in corpus["train"]} == {"seen"}
    assert {dialogue.kind for dialogue in corpus["test"]} == set(KINDS) - {"seen"}
    assert {d.kind for d in corpus["val"]} == set(KINDS) - {"seen", "unseen-template"}


# --- one answer to a question, and no leak ---------------------------------------------------


def test_no_question_has_two_answers(corpus: dict[str, list[Dialogue]]) -> None:
    """Also where spelling alone differs. Follow-ups lean on their context and are excepted."""
    answers = defaultdict[str, set[str]](set)
    for dialogue in everything(corpus):
        first = dialogue.turns[0]
        answers[re.sub(r"[^a-z0-9+]+", " ", first.question.lower()).strip()].add(first.answer)
    assert {question: a for question, a in answers.items() if len(a) > 1} == {}


def test_no_dialogue_comes_twice(corpus: dict[str, list[Dialogue]]) -> None:
    texts = Counter(dialogue.text for dialogue in everything(corpus))
    assert {text for text, times in texts.items() if times > 1} == set()


@pytest.mark.parametrize("split", HELD_OUT)
def test_no_held_out_question_stands_in_train(
    corpus: dict[str, list[Dialogue]], split: str
) -> None:
    """Not as a dialogue of its own and not as a turn of a longer one."""
    seen = {turn.question for dialogue in corpus["train"] for turn in dialogue.turns}
    asked = {d.turns[0].question for d in corpus[split] if len(d.turns) == 1}
    assert asked and asked & seen == set()


@pytest.mark.parametrize("kind", ["unseen-wording", "unseen-template"])
def test_a_fact_asked_anew_is_known_from_four_wordings(
    corpus: dict[str, list[Dialogue]], kind: str
) -> None:
    known = defaultdict[tuple[str, str], dict[str, str]](dict)
    for dialogue in corpus["train"]:
        for turn in dialogue.turns:
            known[dialogue.level, dialogue.topic][turn.question] = turn.answer
    asked = [d for split in HELD_OUT for d in corpus[split] if d.kind == kind]
    assert len(asked) >= 80
    for dialogue in asked:
        wordings = known[dialogue.level, dialogue.topic]
        assert len(wordings) >= 4, dialogue
        assert set(wordings.values()) == {dialogue.turns[0].answer}, dialogue


def test_held_out_wordings_are_known_or_new_as_they_claim(
    corpus: dict[str, list[Dialogue]],
) -> None:
    """Match questions with the wordings in the TOML files, every slot a wildcard."""

    def matchers(field: str) -> dict[tuple[str, str], list[re.Pattern[str]]]:
        found = {}
        for level in ("greetings", "facts", "reasoning"):
            tables = tomllib.loads((CORPUS / f"{level}.toml").read_text(encoding="utf-8"))
            for family in tables["family"]:
                found[level, family["name"]] = [
                    re.compile(re.sub(r"\\\{\w\\\}", ".+", re.escape(wording)))
                    for wording in family[field]
                ]
        return found

    def uses(dialogue: Dialogue, wordings: list[re.Pattern[str]]) -> set[re.Pattern[str]]:
        return {wording for wording in wordings if wording.fullmatch(dialogue.turns[0].question)}

    frames = {"unseen-wording": matchers("wordings"), "unseen-template": matchers("unseen")}
    seen = defaultdict[tuple[str, str], list[Dialogue]](list)
    for dialogue in corpus["train"]:
        seen[dialogue.level, dialogue.topic.partition("/")[0]].append(dialogue)
    for dialogue in chain(corpus["val"], corpus["test"]):
        if dialogue.kind not in frames:
            continue
        family = dialogue.level, dialogue.topic.partition("/")[0]
        used = uses(dialogue, frames[dialogue.kind][family])
        assert used, dialogue
        others = [d for d in seen[family] if d.topic != dialogue.topic]
        known = used & {wording for d in others for wording in uses(d, list(used))}
        assert bool(known) == (dialogue.kind == "unseen-wording"), dialogue


# --- numbers ---------------------------------------------------------------------------------


def test_no_sum_is_spelled_in_words(corpus: dict[str, list[Dialogue]]) -> None:
    """So that reading digits finds every operand."""
    words = r"\b(zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b"
    for dialogue in everything(corpus):
        if dialogue.level == "arithmetic" or dialogue.topic.startswith(("story-", "now-add")):
            assert not re.search(words, dialogue.text, re.IGNORECASE), dialogue


def test_unseen_operands_are_nowhere_in_train(corpus: dict[str, list[Dialogue]]) -> None:
    known = set(chain.from_iterable(operands(dialogue) for dialogue in corpus["train"]))
    small = {pair for pair in known if max(pair) <= 12}
    assert len(small) == 91 - 14 - 5
    unseen = {}
    for split in HELD_OUT:
        asked = [d for d in corpus[split] if d.kind == "unseen-sum"]
        unseen[split] = {pair for dialogue in asked for pair in operands(dialogue)}
        assert unseen[split] & known == set()
    assert [len(unseen[split]) for split in HELD_OUT] == [5, 14]
    assert unseen["val"] & unseen["test"] == set()


def test_all_pairs_up_to_twelve_are_asked_in_both_orders(
    corpus: dict[str, list[Dialogue]],
) -> None:
    sums = {tuple(numbers(d.turns[0].question)) for d in everything(corpus) if "plus/" in d.topic}
    assert sums >= {(a, b) for a in range(13) for b in range(13)}


def test_every_sum_difference_and_story_is_right(corpus: dict[str, list[Dialogue]]) -> None:
    checked = Counter[str]()
    for dialogue in everything(corpus):
        if dialogue.level == "arithmetic" or dialogue.topic.startswith("story-"):
            [turn] = dialogue.turns
            assert turn.answer == f"{computed(turn.question)[1]}.", turn
            checked[dialogue.level] += 1
    assert checked["arithmetic"] > 400 and checked["reasoning"] > 50


def test_every_running_sum_is_right(corpus: dict[str, list[Dialogue]]) -> None:
    chains = [d for d in everything(corpus) if d.topic.startswith("now-add/")]
    assert len(chains) >= 10
    for dialogue in chains:
        first, second = dialogue.turns
        total = sum(numbers(first.question))
        assert first.answer == f"{total}.", dialogue
        assert second.answer == f"{total + sum(numbers(second.question))}.", dialogue


def test_every_sequence_goes_on_in_equal_steps(corpus: dict[str, list[Dialogue]]) -> None:
    found = 0
    for dialogue in everything(corpus):
        [turn, *_] = dialogue.turns
        if "-sequence/" in dialogue.topic:
            items = re.findall(r"\b(\d+|[A-Z])\b", f"{turn.question} {turn.answer}")
            assert len(items) == 4, dialogue
            values = [int(item) if item.isdecimal() else ord(item) for item in items]
            assert len({b - a for a, b in pairwise(values)}) == 1, dialogue
            found += 1
    assert found > 50


def test_every_comparison_of_numbers_is_right(corpus: dict[str, list[Dialogue]]) -> None:
    found = 0
    for dialogue in everything(corpus):
        turn = dialogue.turns[0]
        if dialogue.topic.startswith("size-of-numbers/"):
            largest = re.search(r"\b(more|bigger)\b", turn.question) is not None
            best = max if largest else min
            assert turn.answer == f"{best(numbers(turn.question))}.", turn
            found += 1
    assert found > 30


def test_calendar_answers_run_in_a_circle(corpus: dict[str, list[Dialogue]]) -> None:
    for family, length in (("day-after", 7), ("day-before", 7), ("month-after", 12)):
        step = {
            d.topic.partition("/")[2].capitalize(): d.turns[0].answer.rstrip(".")
            for d in corpus["train"]
            if d.topic.startswith(f"{family}/")
        }
        name, visited = next(iter(step)), set()
        while name not in visited:
            visited.add(name)
            name = step[name]
        assert len(visited) == len(step) == length, family

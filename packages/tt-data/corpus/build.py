"""Build the TinyTalks corpus: read the TOML files beside this script, write what is shipped.

    python corpus/build.py

Nothing is drawn at random. Whatever needs a choice is decided by its place or by a hash of its own
text, so two builds are identical byte for byte, and a fact added at the end of its family leaves
every other fact in its split.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import combinations, groupby, permutations, product
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parent / "src" / "tt_data" / "tinytalks"
LEVELS = ("greetings", "facts", "arithmetic", "reasoning", "multi-turn")
SPLITS = ("train", "val", "test")
KINDS = ("seen", "unseen-wording", "unseen-template", "unseen-sum", "unseen-instance")
WORDINGS = 7  # of each fact, over all splits; the last of them is held out
BEGIN, END = "<!-- counts: begin -->\n", "<!-- counts: end -->\n"
HEADER = """\
# TinyTalks, {split} split: short questions and answers, written for TinyTorch. Licence: CC BY 4.0.
# A line [level/topic kind] names all dialogues down to the next such line. A dialogue is one line
# "Q: ..." and one line "A: ..." for each turn; a blank line ends it. Written by corpus/build.py.
"""

T = TypeVar("T")
Table = dict[str, Any]  # one table of a TOML file
Turns = tuple[tuple[str, str], ...]  # the questions and answers of one dialogue
Pair = tuple[int, int]  # two operands, the smaller first


class Record(NamedTuple):
    """One dialogue and where it belongs."""

    split: str
    level: str
    kind: str
    topic: str  # its family, a slash, its own name
    turns: Turns


def rank(text: str) -> int:
    """A fixed number for `text`, in the place of a random one."""
    return int(sha256(f"TinyTalks {text}".encode()).hexdigest(), 16)


def pick(items: list[T], text: str) -> T:
    """The item that the rank of `text` points at."""
    return items[rank(text) % len(items)]


def shuffled(items: Iterable[T], salt: str) -> list[T]:
    """The items in an order that depends on `salt` and on each item's own text alone."""
    return sorted(items, key=lambda item: rank(f"{salt} {item}"))


def capital(text: str) -> str:
    """`text` with its first letter in upper case and the rest untouched."""
    return text[:1].upper() + text[1:]


def slug(text: str) -> str:
    """`text` as part of a topic: "New Zealand" becomes "new-zealand"."""
    return re.sub(r"[^a-z0-9+]+", "-", text.lower()).strip("-")


def fill(wording: str, ask: str) -> str:
    """Put "x|y" into a wording with {x}, {y}, {a} (x after "a" or "an"), {X}, {Y}, {A}."""
    x, _, y = ask.partition("|")
    values = {"x": x, "y": y, "a": f"{'an' if x[0] in 'aeiou' else 'a'} {x}"}
    return wording.format(**values, **{k.upper(): capital(v) for k, v in values.items()})


def families(level: str, tables: list[Table]) -> Iterator[Record]:
    """Each fact in WORDINGS wordings, the last held out: two facts in three for test, one for val.

    One fact in three is also tested in a wording that training never sees with any fact.
    """
    for family in tables:
        frames, unseen = family["wordings"], family["unseen"]
        for i, (name, fact) in enumerate(family["facts"].items()):
            topic = f"{family['name']}/{slug(name)}"
            answer = fact if isinstance(fact, str) else fact["answer"]
            asks = [name] if isinstance(fact, str) else fact["asks"]
            *seen, last = [
                (fill(frames[(i + j + k) % len(frames)], ask), answer)
                for k in range(len(frames))
                for j, ask in enumerate(asks)
            ][:WORDINGS]
            for turn in seen:
                yield Record("train", level, "seen", topic, (turn,))
            yield Record("val" if i % 3 == 2 else "test", level, "unseen-wording", topic, (last,))
            if i % 3 == 0:
                turn = (fill(unseen[i // 3 % len(unseen)], asks[0]), answer)
                yield Record("test", level, "unseen-template", topic, (turn,))


def pair_splits(table: Table) -> dict[Pair, str]:
    """The split of every unordered pair of operands."""
    numbers = range(table["highest"] + 1)
    pairs = [(low, high) for low in numbers for high in numbers if low <= high]
    common = [p for p in pairs if table["least_total"] <= sum(p) <= table["most_total"]]
    splits = ["test"] * table["held_out"]["test"] + ["val"] * table["held_out"]["val"]
    held_out = dict(zip(shuffled(common, "pairs"), splits, strict=False))
    return {pair: held_out.get(pair, "train") for pair in pairs}


def sums(table: Table, splits: dict[Pair, str]) -> Iterator[Record]:
    """Every sum in both orders and every difference, each in a few of the wordings in turn."""
    for name, sign in (("plus", 1), ("minus", -1)):
        wordings, each = table[name]["wordings"], table[name]["each"]
        for (low, high), split in splits.items():
            topic, kind = f"{name}/{low}-{high}", "seen" if split == "train" else "unseen-sum"
            for a, b in [(high, low)] if sign < 0 or low == high else [(low, high), (high, low)]:
                for k in range(each if split == "train" else 1):
                    wording = wordings[(a + 2 * b + k) % len(wordings)]
                    turn = (wording.format(a=a, b=b), f"{a + sign * b}.")
                    yield Record(split, "arithmetic", kind, topic, (turn,))


def stories(table: Table, splits: dict[Pair, str]) -> Iterator[Record]:
    """A little story for each held-out pair of operands from 2 up and for some of the others."""
    pairs = [pair for pair in splits if min(pair) >= 2]
    known = shuffled((pair for pair in pairs if splits[pair] == "train"), "stories")
    told = {pair: n for n, pair in enumerate(known[: table["train"]])}
    told |= {pair: n for n, pair in enumerate(p for p in pairs if splits[p] != "train")}
    for (low, high), n in sorted(told.items()):
        split, text = splits[low, high], f"story {low} {high}"
        kind = "seen" if split == "train" else "unseen-sum"
        name, sign = (("plus", 1), ("minus", -1))[n % 2]
        values = {"n": pick(table["names"], text + "n"), "t": pick(table["things"], text + "t")}
        question = pick(table[name], text).format(a=high, b=low, **values)
        turns = ((question, f"{high + sign * low}."),)
        yield Record(split, "reasoning", kind, f"story-{name}/{low}-{high}", turns)


def deal(level: str, table: Table, found: dict[str, list[Turns]]) -> Iterator[Record]:
    """Give each instance, with all its dialogues, to one split, as many as the table says."""
    quota = table["deal"]
    splits = ["test"] * quota["test"] + ["val"] * quota["val"]
    splits += ["train"] * quota.get("train", len(found) - len(splits))
    if len(found) < len(splits):
        raise ValueError(f"{table['name']}: expected {len(splits)} instances, got {len(found)}")
    for name, split in zip(shuffled(found, table["name"]), splits, strict=False):
        kind = "seen" if split == "train" else "unseen-instance"
        for turns in found[name]:
            yield Record(split, level, kind, f"{table['name']}/{slug(name)}", turns)


def orders(table: Table) -> dict[str, list[Turns]]:
    """Which of two is more and which is less, for each two items that run from least to most."""
    found: dict[str, list[Turns]] = {}
    for n, (low, high) in enumerate(combinations(table["items"], 2)):
        p, q = shuffled((low, high), low + high)
        most = table["most"][n % len(table["most"])].format(p=p, q=q)
        least = table["least"][n % len(table["least"])].format(p=q, q=p)
        answers = f"{capital(high)}.", f"{capital(low)}."
        found[f"{low} {high}"] = [((most, answers[0]),), ((least, answers[1]),)]
    return found


def sequences(table: Table) -> dict[str, list[Turns]]:
    """Three items of a list, a step apart, and the one that comes next."""
    found: dict[str, list[Turns]] = {}
    items = table["items"]
    for step in table["steps"]:
        for i in range(len(items) - 3 * step):
            p, q, r, answer = items[i : i + 3 * step + 1 : step]
            question = pick(table["wordings"], f"{p} {q} {r}").format(p=p, q=q, r=r)
            found[f"{p} {q} {r}"] = [((question, f"{answer}."),)]
    return found


def odd_ones(table: Table) -> dict[str, list[Turns]]:
    """Two things of one group and one of another, and which does not belong."""
    found: dict[str, list[Turns]] = {}
    for group, other in permutations(table["groups"], 2):
        for (one, two), odd in product(combinations(group, 2), other):
            p, q, r = shuffled((one, two, odd), f"{one} {two} {odd}")
            question = pick(table["wordings"], f"{p} {q} {r}").format(p=p, q=q, r=r)
            found[f"{one} {two} {odd}"] = [((question, f"{capital(odd)}."),)]
    return found


def patterns(table: Table, lists: Table) -> dict[str, list[Turns]]:
    """A dialogue for every choice of values for the slots, no value twice."""
    found: dict[str, list[Turns]] = {}
    for values in product(*(lists[name] for name in table["slots"].values())):
        names = [value if isinstance(value, str) else value[0] for value in values]
        if len(set(names)) == len(names):
            slots = dict(zip(table["slots"], values, strict=True))
            dialogue = pick(table["dialogues"], "/".join(names))
            turns = tuple((q.format(**slots), a.format(**slots)) for q, a in dialogue)
            found[" ".join(names)] = [turns]
    return found


def records() -> list[Record]:
    """The whole corpus, level by level."""
    names = ("greetings", "facts", "arithmetic", "reasoning", "multi_turn")
    texts = [(HERE / f"{name}.toml").read_text(encoding="utf-8") for name in names]
    greetings, facts, arithmetic, reasoning, multi = map(tomllib.loads, texts)
    splits = pair_splits(arithmetic)
    made = list(families("greetings", greetings["family"]))
    made += families("facts", facts["family"])
    made += sums(arithmetic, splits)
    made += families("reasoning", reasoning["family"])
    made += stories(arithmetic["stories"], splits)
    for name, find in (("order", orders), ("sequence", sequences), ("odd_one_out", odd_ones)):
        for table in reasoning[name]:
            made += deal("reasoning", table, find(table))
    for table in reasoning["pattern"]:
        made += deal("reasoning", table, patterns(table, reasoning["lists"]))
    lists = multi["lists"]
    for family in facts["family"]:
        lists[f"facts/{family['name']}"] = [list(item) for item in family["facts"].items()]
    known = [pair for pair, split in splits.items() if split == "train"]
    lists["sums"] = [
        [f"{a}+{b}+{c}", a, b, a + b, c, a + b + c]
        for a, b in known
        for c in range(1, arithmetic["highest"] + 1)
        if (min(a + b, c), max(a + b, c)) in known
    ]
    held_out = {record.turns[0][0] for record in made if record.split != "train"}
    for table in multi["pattern"]:
        found = patterns(table, lists)
        found = {k: [v] for k, (v,) in found.items() if v[0][0] not in held_out}
        made += deal("multi-turn", table, found)
    return made


def render(made: list[Record], split: str) -> str:
    """The text file of one split."""
    lines = [HEADER.format(split=split)]
    mine = [record for record in made if record.split == split]
    for (level, topic, kind), group in groupby(mine, key=lambda r: (r.level, r.topic, r.kind)):
        lines.append(f"[{level}/{topic} {kind}]\n")
        for record in group:
            lines.append("".join(f"Q: {q}\nA: {a}\n" for q, a in record.turns) + "\n")
    return "".join(lines).rstrip("\n") + "\n"


def counts(made: list[Record]) -> str:
    """The datasheet's tables, in Markdown."""
    out = "| split | level | kind | dialogues | pairs | distinct pairs | distinct questions "
    out += "| characters |\n|---|---|---|--:|--:|--:|--:|--:|\n"
    totals = [(split, "all", "all") for split in (*SPLITS, "all")]
    for key in (*product(SPLITS, LEVELS, KINDS), *totals):
        chosen = [r for r in made if all(a in (b, "all") for a, b in zip(key, r[:3], strict=True))]
        pairs = [pair for record in chosen for pair in record.turns]
        sizes = len(chosen), len(pairs), len(set(pairs)), len({question for question, _ in pairs})
        characters = sum(len(f"Q: {q}\nA: {a}\n") for q, a in pairs)
        if chosen:
            out += f"| {' | '.join(map(str, (*key, *sizes, characters)))} |\n"
    out += "\n| level | families | topics | facts | wordings of a fact |\n|---|--:|--:|--:|--:|\n"
    facts = {(r.level, r.topic) for r in made if r.kind == "unseen-wording"}
    for level in LEVELS:
        asked = Counter(r.topic for r in made if r.level == level)
        families = len({topic.split("/")[0] for topic in asked})
        known = [n for topic, n in asked.items() if (level, topic) in facts]
        spread = f"{min(known)} to {max(known)}" if known else "-"
        out += f"| {level} | {families} | {len(asked)} | {len(known)} | {spread} |\n"
    return out


def build() -> dict[str, str]:
    """The shipped files by name. The datasheet keeps its prose and gets new tables."""
    made = records()
    files = {f"{split}.txt": render(made, split) for split in SPLITS}
    before, _, rest = (SHIPPED / "DATASHEET.md").read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return files | {"DATASHEET.md": f"{before}{BEGIN}{counts(made)}{END}{after}"}


if __name__ == "__main__":
    for name, text in build().items():
        (SHIPPED / name).write_text(text, encoding="utf-8", newline="\n")
        print(f"{SHIPPED / name}: {len(text)} characters")

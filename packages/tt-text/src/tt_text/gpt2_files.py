"""GPT-2's two files: vocab.json (each token's text and id) and merges.txt (one merge a line)."""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from .byte_text import text_to_token, token_to_text
from .json_files import StrPath, read_text

Vocab: TypeAlias = dict[int, bytes]
Pair: TypeAlias = tuple[bytes, bytes]

BYTES = [bytes([value]) for value in range(256)]


def parse_vocab(texts: Mapping[str, int], special_tokens: Collection[str]) -> Vocab:
    """The vocabulary, id to bytes, from token texts and ids; special tokens are plain text.

    >>> parse_vocab({"Ġdog": 0, "<end of text>": 1}, ["<end of text>"])
    {0: b' dog', 1: b'<end of text>'}
    """
    vocab: Vocab = {}
    for text, index in texts.items():
        if type(index) is not int or index < 0 or index in vocab:  # JSON's true is an int, too
            raise ValueError(
                f"token {text!r} needs an integer id of its own, 0 or more; got {index!r}"
            )
        vocab[index] = text.encode() if text in special_tokens else text_to_token(text)
    return vocab


def format_vocab(vocab: Mapping[int, bytes], special_tokens: Mapping[str, int]) -> dict[str, int]:
    """The opposite of `parse_vocab`: token texts and ids, ordered by id.

    >>> format_vocab({0: b" dog", 1: b"<end of text>"}, {"<end of text>": 1})
    {'Ġdog': 0, '<end of text>': 1}
    """
    names = {index: text for text, index in special_tokens.items()}
    texts: dict[str, int] = {}
    for index in sorted(vocab):
        text = names[index] if index in names else token_to_text(vocab[index])
        if text in texts:
            raise ValueError(
                f"ids {texts[text]} and {index} would both be written {text!r}; "
                "choose another text for the special token"
            )
        texts[text] = index
    return texts


def parse_merge(entry: str, place: str) -> Pair:
    """A merge from its line.

    >>> parse_merge("Ġd og", "line 1")
    (b' d', b'og')
    """
    halves = entry.split(" ")
    if len(halves) != 2:
        raise ValueError(f"{place}: expected two tokens with a space between, got {entry!r}")
    return text_to_token(halves[0]), text_to_token(halves[1])


def format_merges(merges: Iterable[Pair], texts: Collection[str]) -> list[str]:
    """The lines of the merges, whose tokens must be among the written texts of the vocabulary.

    >>> format_merges([(b" ", b"d")], ["Ġ", "d", "Ġd"])
    ['Ġ d']
    """
    lines = []
    for left, right in ((token_to_text(a), token_to_text(b)) for a, b in merges):
        for text in (left, right, left + right):
            if text not in texts:
                raise ValueError(
                    f"the special token {text_to_token(text).decode()!r} also belongs to a merge "
                    f"and would have to be written {text!r} too; choose another special token"
                )
        lines.append(f"{left} {right}")
    return lines


def check_merge(pair: Pair, tokens: Collection[bytes], place: str) -> None:
    """Raise unless both halves of the pair, and what they make, are tokens of the vocabulary."""
    for token in (*pair, pair[0] + pair[1]):
        if not token or token not in tokens:
            raise ValueError(
                f"{place} merges {pair[0]!r} and {pair[1]!r}, but {token!r} is not in the "
                f"vocabulary of {len(tokens)} tokens. Do the merges belong to this vocabulary?"
            )


def read_merges(path: StrPath, tokens: Collection[bytes]) -> list[Pair]:
    """Read merges.txt: two tokens a line with a space between, the first learned first.

    The first line may give a `#version`.

    Raises:
        ValueError: a merge does not fit the vocabulary's tokens; the message names its line.
    """
    merges: list[Pair] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        place = f"{path}, line {number}"
        pair = parse_merge(line, place)
        check_merge(pair, tokens, place)
        merges.append(pair)
    return merges


def write_merges(path: StrPath, lines: Iterable[str]) -> None:
    """Write merges.txt, with the first line that readers of GPT-2's files expect."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in ("#version: 0.2", *lines))

"""Splitting text that arrives in chunks exactly as if it had arrived at once, in constant memory.

A chunk may end anywhere: inside a word, a special token, a contraction, or white space, whose last
character belongs to the next word. So the last word always waits for what follows it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from .pattern import split_pieces, split_special, split_words

# Characters. Blocks that fit the processor's cache: 1 MB of known words is encoded in 47 ms by
# blocks of this size, in 67 ms all at once.
BLOCK = 1 << 13


class Split(NamedTuple):
    """What became certain, in this order: a part of a long word, whole words, a special token."""

    fragment: str = ""
    ended: bool = False  # whether the fragment is the last one of its long word
    words: Sequence[str] = ()  # words, or pieces made of several words
    special: str = ""


def split_stream(
    chunks: Iterable[str], special: re.Pattern[str] | None, longest: int, block: int = BLOCK
) -> Iterator[Split]:
    """Split the joined chunks into words and special tokens, holding a few blocks at most.

    Args:
        special: the pattern of the special tokens, and `longest` the length of the longest.
        block: characters handled at a time, at least 4; a longer word comes in fragments.

    >>> [s.words for s in split_stream(["a b", "c d"], None, 0)]
    [['a', ' bc'], [' d']]
    """
    stream = WordStream(block)
    for text, is_special in special_stream(blocks(chunks, block), special, longest):
        yield stream.finish(text) if is_special else stream.feed(text)
    yield stream.finish()


def blocks(chunks: Iterable[str], size: int) -> Iterator[str]:
    """Regroup chunks into strings of `size` characters; the last may be shorter.

    >>> list(blocks(["a", "bcdef", "", "g"], 3))
    ['abc', 'def', 'g']
    """
    waiting: list[str] = []
    length = 0
    for chunk in read_chunks(chunks, size) if hasattr(chunks, "read") else chunks:
        waiting.append(chunk)
        length += len(chunk)
        if length >= size:
            text = "".join(waiting)
            whole = length - length % size
            yield from (text[start : start + size] for start in range(0, whole, size))
            waiting, length = [text[whole:]], length - whole
    if length:
        yield "".join(waiting)


def read_chunks(file: Any, size: int) -> Iterator[str]:
    """An open file in chunks of `size` characters: a line may be longer than memory.

    >>> import io
    >>> list(read_chunks(io.StringIO("a long line"), 4))
    ['a lo', 'ng l', 'ine']
    """
    while chunk := file.read(size):
        if not isinstance(chunk, str):
            raise TypeError('expected a file opened for text, open(path, encoding="utf-8")')
        yield chunk


def special_stream(
    chunks: Iterable[str], special: re.Pattern[str] | None, longest: int
) -> Iterator[tuple[str, bool]]:
    """`split_special` for text in chunks; a part between special tokens may come in several.

    A special token is certain once `longest` characters from its start are there, for no longer
    one can then start at the same place.

    >>> from tt_text.pattern import special_pattern
    >>> list(special_stream(["one<", "end>two"], special_pattern(["<end>"]), longest=5))
    [('one', False), ('<end>', True), ('two', False)]
    """
    if special is None:
        for chunk in chunks:
            yield chunk, False
        return
    rest = ""
    for chunk in chunks:
        text, start = rest + chunk, 0
        certain = len(text) - longest + 1  # no special token is still unseen before this place
        for match in special.finditer(text):
            if match.start() >= certain:
                break
            if match.start() > start:
                yield text[start : match.start()], False
            yield match.group(), True
            start = match.end()
        if start < certain:
            yield text[start:certain], False
            start = certain
        rest = text[start:]
    yield from split_special(rest, special)


class WordStream:
    """Splits text that arrives in blocks into the words that `split_words` finds in the whole."""

    def __init__(self, block: int = BLOCK) -> None:
        self._block = block
        self._rest = ""  # the last word: what follows may still change it
        self._long = False  # whether the rest belongs to a long word, which comes in fragments

    def feed(self, text: str) -> Split:
        """Take the next characters; returns the words that nothing can change any more."""
        text = self._rest + text
        if self._long:
            return self._continue(text)
        words, self._rest = settled_words(text, split_pieces)
        if len(self._rest) > self._block:  # no white space for long: look at its words
            more, self._rest = settled_words(self._rest, split_words)
            words += more
            self._long = len(self._rest) > self._block
        return Split(words=words)

    def _continue(self, text: str) -> Split:
        """Text that begins inside a long word: where the word ends, or nearly all of it."""
        words, self._rest = settled_words(text, split_words)
        if words:
            self._long = len(self._rest) > self._block
            return Split(words[0], True, words[1:])
        # A long word is one kind of character throughout. Its last two go on matching as the
        # whole would: two spaces leave one to the next word, and two signs are no contraction.
        self._rest = text[-2:]
        return Split(text[:-2])

    def finish(self, special: str = "") -> Split:
        """The text has ended, before a special token if one is named: returns what is left."""
        text, is_long = self._rest, self._long
        self._rest, self._long = "", False
        if is_long:
            first, *words = split_words(text)
            return Split(first, True, words, special)
        return Split(words=split_pieces(text), special=special)


def settled_words(text: str, split: Callable[[str], list[str]]) -> tuple[list[str], str]:
    """Split text that goes on: returns the words that no further text can change, and the rest.

    Only the last word can change, and the quote before the first letter of 're, 've or 'll.

    >>> settled_words("they'r", split_words)
    (['they'], "'r")
    """
    words = split(text)
    rest = words.pop() if words else ""
    if rest in ("r", "v", "l") and words[-1:] == ["'"]:
        rest = words.pop() + rest
    return words, rest

"""Where a text may be cut: words by GPT-2's pattern, and special tokens.

Byte-pair merges happen inside a word only, so the split decides which tokens can exist: `" dog"` is
a word and may become a token, `"dog."` is two words and never can.
"""

import re
from collections.abc import Iterable, Iterator

import regex

GPT2_PATTERN = (
    r"'s|'t|'re|'ve|'m|'ll|'d"  # English contractions
    r"| ?\p{L}+"  # letters, with the space before them
    r"| ?\p{N}+"  # numbers
    r"| ?[^\s\p{L}\p{N}]+"  # anything else that is not white space
    r"|\s+(?!\S)"  # white space, but its last character is left for the word that follows
    r"|\s+"  # white space that the word cannot take, such as a newline
)

_words = regex.compile(GPT2_PATTERN)

# The same for ASCII text, through the standard library: half the time (25,000 pieces of
# Shakespeare in 11 ms, where regex takes 21).
_ascii_words = re.compile(
    GPT2_PATTERN.replace(r"[^\s\p{L}\p{N}]", r"[^\sA-Za-z0-9]")
    .replace(r"\p{L}", "[A-Za-z]")
    .replace(r"\p{N}", "[0-9]"),
    re.ASCII,
)

# Unicode's White_Space, written out because re's own \s also takes four control characters.
_SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_pieces = re.compile(rf" ?[^{_SPACE}]+|[{_SPACE}]+(?![^{_SPACE}])|[{_SPACE}]+")


def split_words(text: str) -> list[str]:
    """Cut text into words with GPT-2's pattern; joined together, the words are the text.

    At each place the first alternative that fits wins: a contraction, letters, numbers, other
    signs (each with at most one space before it), white space.

    >>> split_words("I'll  pay $20!")
    ['I', "'ll", ' ', ' pay', ' $', '20', '!']

    Source: Radford et al. 2019, §2.2.
    """
    words: list[str] = (_ascii_words if text.isascii() else _words).findall(text)
    return words


def split_pieces(text: str) -> list[str]:
    """Cut text at white space only: every border is also a border of `split_words`.

    The words of the text are the words of its pieces, since GPT-2's pattern takes a space as the
    first character of a word or not at all.

    >>> split_pieces("I'll  pay $20!")
    ["I'll", ' ', ' pay', ' $20!']
    """
    # 1 MB of Shakespeare: 24 ms, where split_words takes 52 ms, or 110 if not all is ASCII. So the
    # full pattern is left to the pieces that no cache has seen, 25,000 of 217,000: 11 or 21 ms.
    return _pieces.findall(text)


def special_pattern(special_tokens: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern that finds any of the special tokens, the longest first; None if there are none.

    >>> special_pattern(["<a>", "<a><b>"]).findall("<a><b><a>")
    ['<a><b>', '<a>']
    """
    longest_first = sorted(special_tokens, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def split_special(text: str, special: re.Pattern[str] | None) -> Iterator[tuple[str, bool]]:
    """Cut text at its special tokens: yields (part, whether it is a special token), none empty.

    >>> list(split_special("one<end>two", special_pattern(["<end>"])))
    [('one', False), ('<end>', True), ('two', False)]
    """
    start = 0
    for match in special.finditer(text) if special else ():
        if match.start() > start:
            yield text[start : match.start()], False
        yield match.group(), True
        start = match.end()
    if start < len(text):
        yield text[start:], False

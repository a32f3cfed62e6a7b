"""Text in chunks is split and encoded as if it had arrived at once."""

import io
import tracemalloc
from itertools import islice

import pytest
from hypothesis import given, settings, strategies as st

from tt_text import BPETokenizer
from tt_text.pattern import special_pattern, split_special, split_words
from tt_text.stream import blocks, special_stream, split_stream

SPECIALS = ["<a>", "<a><b>", "a<"]
# What cutting can break: white space before a word, contractions, special tokens, long runs.
PARTS = ["a", " ", "  ", "\n", "'", "'r", "'re", "'ll", "ve", "!", "1", "é", "<a>", "<a><b>", "<"]
PARTS += ["aaaaaaa", "       ", "!!!!!!!'", "\n\n\n\n\n\n ", "1111111"]
TEXT = st.lists(st.sampled_from(PARTS), max_size=25).map("".join)
SIZES = st.lists(st.integers(0, 7), min_size=1)


def chunked(text, sizes):
    """Text in chunks of these sizes, taken in turn."""
    chunks, start = [], 0
    while start < len(text):
        for size in (*sizes, 1):
            chunks.append(text[start : start + size])
            start += size
    return chunks


@given(TEXT, SIZES, st.integers(1, 9))
def test_blocks(text, sizes, size):
    parts = list(blocks(chunked(text, sizes), size))
    assert "".join(parts) == text
    assert all(len(part) == size for part in parts[:-1])
    assert all(parts)


@given(TEXT, SIZES)
def test_special_stream(text, sizes):
    pattern = special_pattern(SPECIALS)
    joined = []
    for part, is_special in special_stream(chunked(text, sizes), pattern, longest=6):
        if joined and not is_special and not joined[-1][1]:
            part = joined.pop()[0] + part
        joined.append((part, is_special))
    assert [part for part in joined if part[0]] == list(split_special(text, pattern))


@settings(max_examples=500)
@given(TEXT, SIZES, st.integers(4, 12))
def test_split_stream(text, sizes, block):
    pattern = special_pattern(SPECIALS)
    words, fragments = [], []
    for split in split_stream(chunked(text, sizes), pattern, longest=6, block=block):
        if split.fragment:
            fragments.append(split.fragment)
        if split.ended:
            words.append("".join(fragments))
            fragments = []
        words += [word for piece in split.words for word in split_words(piece)]
        words += [split.special] if split.special else []
    expected = []
    for part, is_special in split_special(text, pattern):
        expected += [part] if is_special else split_words(part)
    assert words == expected and not fragments


@settings(max_examples=50)
@given(TEXT, SIZES, st.sampled_from(["a", " ", "\n", "!", "1", "é", "'s ", "ab!", "a <"]))
def test_encode_iterable_equals_encode(tokenizer, text, sizes, run):
    text = text + run * 9000 + text  # longer than a block
    ids = tokenizer.encode(text)
    assert list(tokenizer.encode_iterable(chunked(text, [97 * size for size in sizes]))) == ids
    assert list(tokenizer.encode_iterable([text])) == ids
    assert tokenizer.decode(ids) == text


def count_and_peak_bytes(tokenizer, chunks):
    """How many ids there are, and the most memory held while making them."""
    tracemalloc.start()
    try:
        count = sum(1 for _ in tokenizer.encode_iterable(chunks))
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_text():
    tokenizer = BPETokenizer.train("aaaa    !!!! word", 270)
    for unit in ("word ", "word,", "a", " "):  # with and without white space, one endless word
        short, long = (
            count_and_peak_bytes(tokenizer, (unit * 1000 for _ in range(n))) for n in (50, 100)
        )
        assert long[0] > 1.9 * short[0]
        assert long[1] < 1.2 * short[1]


class Line(io.TextIOBase):
    """An open file of one line."""

    def __init__(self, unit, size):
        self.unit, self.left = unit, size

    def readable(self):
        return True

    def read(self, size=-1):
        assert 0 < size < 10**6, "not all at once"
        size = min(size, self.left)
        self.left -= size
        return (self.unit * (size // len(self.unit) + 1))[:size]

    def __next__(self):
        raise AssertionError("this line does not fit into memory")


@pytest.mark.parametrize("unit", ["word ", "word,"])
def test_a_line_of_100_megabytes_takes_no_memory(unit):
    """An open file is read in blocks. To be fast, the first of the 100 MB are enough: the rest
    would be asked for by a reader of whole lines."""
    tokenizer = BPETokenizer.train("a word, a word", 262)
    line, tokens = Line(unit, 10**8), 10**5
    tracemalloc.start()
    try:
        ids = sum(1 for _ in islice(tokenizer.encode_iterable(line), tokens))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ids == tokens and 10**8 - line.left > tokens
    assert peak < 4_000_000, peak


def test_an_open_file_is_its_text(tokenizer, tmp_path):
    path, text = tmp_path / "text.txt", "a test <a><b> tested\n\n é " * 2000
    path.write_text(text, encoding="utf-8", newline="\n")
    with open(path, encoding="utf-8") as file:
        assert list(tokenizer.encode_iterable(file)) == tokenizer.encode(text)
    with open(path, encoding="utf-8") as file:
        again = BPETokenizer.train(file, 300)
    assert again.merges == BPETokenizer.train(text, 300).merges
    with open(path, "rb") as file, pytest.raises(TypeError, match="a file opened for text"):
        list(tokenizer.encode_iterable(file))


def test_ids_come_before_the_text_ends(tokenizer):
    endless = iter(lambda: "a test ", None)
    assert list(islice(tokenizer.encode_iterable(endless), 3)) == tokenizer.encode("a test a")[:3]

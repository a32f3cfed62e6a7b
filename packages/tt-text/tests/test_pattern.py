"""Splitting text into words, pieces and special tokens."""

import pytest
import regex
from hypothesis import given, strategies as st

from tt_text.pattern import GPT2_PATTERN, special_pattern, split_pieces, split_special, split_words

# Each kind of character that the pattern tells apart, often enough to meet each other.
TEXT = st.text(st.sampled_from(" \n\t\x1c\xa0\u3000'srvleaÉ中1²!😀") | st.characters(codec="utf-8"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello world", ["hello", " world"]),
        ("we'll they'd 'S", ["we", "'ll", " they", "'d", " '", "S"]),
        ("x=42;", ["x", "=", "42", ";"]),
        ("a  b", ["a", " ", " b"]),
        ("a \n b", ["a", " \n", " b"]),
        ("a\n\nb", ["a", "\n", "\n", "b"]),
        ("end  ", ["end", "  "]),
        ("naïve 東京 ¾!", ["naïve", " 東京", " ¾", "!"]),
        ("", []),
    ],
)
def test_words(text, words):
    assert split_words(text) == words


@given(TEXT)
def test_words_are_those_of_gpt2s_pattern(text):
    assert split_words(text) == regex.findall(GPT2_PATTERN, text)


@given(st.text(st.characters(max_codepoint=127)))
def test_words_of_ascii_are_those_of_gpt2s_pattern(text):
    assert split_words(text) == regex.findall(GPT2_PATTERN, text)


@given(TEXT)
def test_words_of_pieces_are_the_words_of_the_text(text):
    pieces = split_pieces(text)
    assert "".join(pieces) == text
    assert [word for piece in pieces for word in split_words(piece)] == split_words(text)


@given(TEXT)
def test_a_word_alone_is_one_word(text):
    for word in split_words(text):
        assert split_words(word) == [word]


def test_longest_special_token_wins():
    pattern = special_pattern(["<a>", "<a><b>", "."])
    parts = list(split_special("x<a><b><a>.", pattern))
    assert parts == [("x", False), ("<a><b>", True), ("<a>", True), (".", True)]


def test_no_special_tokens():
    assert special_pattern([]) is None
    assert list(split_special("text", None)) == [("text", False)]
    assert list(split_special("", None)) == []

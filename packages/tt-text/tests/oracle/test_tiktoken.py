"""Ids equal to tiktoken's, with GPT-2's vocabulary and any text."""

import unicodedata

import pytest
from hypothesis import given, settings, strategies as st

tiktoken = pytest.importorskip("tiktoken")

from tt_text.pattern import GPT2_PATTERN  # noqa: E402

END = "<|endoftext|>"
# Unassigned characters are left out: the two may know different versions of Unicode.
CHARACTERS = st.characters(exclude_categories=["Cs", "Cn"])
PARTS = st.one_of(
    st.text(CHARACTERS, max_size=20),
    st.text(" \n\t\r\x0b\x1c\x85\xa0\u2003\u2028\u3000", max_size=12),
    st.sampled_from(["don't", "WE'LL", "they'd've", "it''s", " 'tis", "'s't're've'm'll'd"]),
    st.sampled_from(
        ["👩🏽‍🚀", "🇫🇷", "½²٣", "12345", " 67", "naïve café", "日本語のテキスト", "مرحبا"]
    ),
    st.sampled_from([END, "<|endof", "text|>", "<|", " the", " tokenization", "def f(x):\n    "]),
    st.integers(1, 600).map(lambda count: "a" * count),
    st.text("etaoinshrdlu", max_size=400),
)
TEXT = st.lists(PARTS, max_size=12).map("".join)


@pytest.fixture(scope="module")
def encoding(gpt2):
    ranks = {token: index for index, token in gpt2.vocab.items() if token != END.encode()}
    specials = {END: gpt2.special_tokens[END]}
    return tiktoken.Encoding(
        "gpt2", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens=specials
    )


@settings(max_examples=1000)
@given(TEXT)
def test_ids_of_any_text(gpt2, encoding, text):
    ids = encoding.encode(text, allowed_special="all")
    assert gpt2.encode(text) == ids
    assert gpt2.decode(ids) == text


@settings(max_examples=300)
@given(TEXT, st.integers(1, 50))
def test_ids_of_chunks(gpt2, encoding, text, size):
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert list(gpt2.encode_iterable(chunks)) == encoding.encode(text, allowed_special="all")


@settings(max_examples=300)
@given(st.lists(st.integers(0, 50256)))
def test_text_of_any_ids(gpt2, encoding, ids):
    assert gpt2.decode(ids) == encoding.decode(ids, errors="replace")


@pytest.mark.parametrize("unit", ["a", " ", "\n", "=", "abc", "'", "é", "ab ", "word,", "\n\n  x"])
def test_ids_of_long_texts(gpt2, encoding, unit):
    text = unit * (100_000 // len(unit)) + "'s end"
    ids = encoding.encode(text, allowed_special="all")
    assert gpt2.encode(text) == ids
    assert list(gpt2.encode_iterable(text[i : i + 999] for i in range(0, len(text), 999))) == ids


def test_ids_of_shakespeare(gpt2, encoding, shakespeare):
    assert gpt2.encode(shakespeare) == encoding.encode(shakespeare)


def test_ids_of_every_character(gpt2, encoding):
    """Each character between others: what is a letter, a number or white space decides.

    Most form no token with their neighbours, but of a sign and a quote "'re" is no contraction.
    """
    for start in range(0, 0x110000, 0x4000):
        assigned = [
            character
            for character in map(chr, range(start, start + 0x4000))
            if unicodedata.category(character) not in ("Cs", "Cn", "Co")
        ]
        text = "".join(f"a{character}1{character} {character}'re " for character in assigned)
        assert gpt2.encode(text) == encoding.encode(text), hex(start)

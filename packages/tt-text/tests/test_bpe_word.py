"""Encoding one word: the heap and the parts agree with the plain algorithm, for any merges."""

from itertools import chain, pairwise

import pytest
from hypothesis import given, settings, strategies as st

from tt_text.bpe_word import LongWord, encode_with_heap, encode_word


@st.composite
def tables(draw):
    """Ranks, made and sizes of merges over the bytes 0, 1 and 2, such as no training makes.

    Several pairs may make one token, and a pair may rank before those that make its halves.
    """
    bytes_of = {0: (0,), 1: (1,), 2: (2,)}
    makes = {}
    for _ in range(draw(st.integers(0, 8))):
        left, right = (draw(st.sampled_from(sorted(bytes_of))) for _ in "ab")
        token = bytes_of[left] + bytes_of[right]
        if len(token) <= 8:
            known = [index for index, spelled in bytes_of.items() if spelled == token]
            makes[left, right] = known[0] if known else len(bytes_of)
            bytes_of[makes[left, right]] = token
    pairs = draw(st.permutations(sorted(makes)))
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    made = [makes[pair] for pair in pairs]
    return ranks, made, {index: len(bytes_of[index]) for index in made}


WORDS = st.lists(st.integers(0, 2), max_size=60)


def plain(ids, ranks, made):
    """Byte-pair encoding as its definition reads."""
    tokens = list(ids)
    while True:
        found = [
            (ranks[pair], place) for place, pair in enumerate(pairwise(tokens)) if pair in ranks
        ]
        if not found:
            return tokens
        rank, place = min(found)
        tokens[place : place + 2] = [made[rank]]


@given(tables(), WORDS)
def test_encode_word(table, word):
    ranks, made, _ = table
    assert encode_word(word, ranks, made) == plain(word, ranks, made)


@given(tables(), WORDS)
def test_encode_with_heap(table, word):
    ranks, made, _ = table
    assert encode_with_heap(word, ranks, made) == plain(word, ranks, made)


@settings(max_examples=300)
@given(tables(), WORDS, st.integers(1, 9), st.integers(1, 30))
def test_parts_of_a_long_word_give_the_same_tokens(table, word, step, block):
    ranks, made, sizes = table
    long = LongWord(ranks, made, sizes, block)
    for _ in range(2):  # it can be used again
        tokens = []
        for start in range(0, len(word), step):
            tokens += long.feed(word[start : start + step])
        tokens += long.finish()
        assert tokens == plain(word, ranks, made)


@pytest.mark.parametrize("stop", range(10, 21))
@pytest.mark.parametrize("block", [2, 5, 11])
def test_the_end_of_a_long_word_can_change_its_beginning(stop, block):
    """The last pair is merged first, so whether the word is even or odd decides every token."""
    ranks = {(i, i + 1): 20 - i for i in range(20)}
    made = list(range(100, 121))
    long = LongWord(ranks, made, dict.fromkeys(made, 2), block)
    word = list(range(stop))
    tokens = [token for byte in word for token in long.feed([byte])] + long.finish()
    assert tokens == plain(word, ranks, made)


def test_tokens_of_a_long_word_come_early():
    long = LongWord({(0, 0): 0, (1, 1): 1}, [1, 2], {1: 2, 2: 4}, block=100)
    early = [long.feed([0] * 50) for _ in range(20)]
    assert sum(map(len, early)) >= 200  # 4 bytes each, of 1000
    assert [*chain.from_iterable(early), *long.finish()] == [2] * 250


def test_empty_word():
    assert encode_word([], {}, []) == encode_with_heap([], {}, []) == []

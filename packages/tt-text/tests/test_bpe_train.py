"""Training: merges equal to those of a trainer that counts everything anew for each merge."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from tt_text import BPETokenizer
from tt_text.bpe_train import count_pairs, count_words, descending, learn_merges, merge_pair
from tt_text.pattern import special_pattern, split_special, split_words


def naive_merges(text, count, special_tokens=()):
    """Byte-pair encoding as its definition reads, one full count for each merge."""
    words = []
    for part, is_special in split_special(text, special_pattern(special_tokens)):
        if not is_special:
            words += [[bytes([byte]) for byte in word.encode()] for word in split_words(part)]
    merges = []
    while len(merges) < count:
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        for word in words:
            place = 0
            while place < len(word) - 1:
                if (word[place], word[place + 1]) == best:
                    word[place : place + 2] = [best[0] + best[1]]
                place += 1
    return merges


@given(st.text("ab ", max_size=60), st.integers(0, 40))
def test_merges_equal_the_naive_trainers(text, count):
    assert BPETokenizer.train(text, 256 + count).merges == naive_merges(text, count)


@given(st.lists(st.sampled_from(["abc", "é", "aa", " ", "<x>", "<xx>", "b"])).map("".join))
def test_merges_with_special_tokens_equal_the_naive_trainers(text):
    specials = ["<x>", "<xx>"]
    tokenizer = BPETokenizer.train(text, 280, specials)
    assert tokenizer.merges == naive_merges(text, 22, specials)


@given(st.lists(st.text("ab \n'l<>", max_size=8)))
def test_chunks_train_as_the_joined_text(chunks):
    text = "".join(chunks)
    whole = BPETokenizer.train(text, 280, ["<a>"])
    parts = BPETokenizer.train(iter(chunks), 280, ["<a>"])
    assert (parts.vocab, parts.merges) == (whole.vocab, whole.merges)


def test_merges_of_real_text_equal_the_naive_trainers(shakespeare):
    text = shakespeare[:20_000]
    assert BPETokenizer.train(text, 256 + 60).merges == naive_merges(text, 60)


def test_greater_pair_wins_a_tie():
    assert BPETokenizer.train("ab cd", 257).merges == [(b"c", b"d")]
    assert learn_merges({"ab": 1, "ac": 1}, 1) == [(b"a", b"c")]


def test_special_tokens_are_boundaries():
    assert BPETokenizer.train("ab<x>" * 9, 300, ["<x>"]).merges == [(b"a", b"b")]


def test_ids_are_specials_bytes_merges():
    tokenizer = BPETokenizer.train("aaaa", 260, ["<x>", "<y>"])
    assert tokenizer.special_tokens == {"<x>": 0, "<y>": 1}
    assert [tokenizer.vocab[i] for i in (0, 1, 2, 257, 258, 259)] == [
        b"<x>", b"<y>", b"\x00", b"\xff", b"aa", b"aaaa",
    ]  # fmt: skip
    assert tokenizer.vocab_size == 260


def test_short_text_gives_a_smaller_vocabulary():
    assert BPETokenizer.train("ab", 1000).vocab_size == 257
    assert BPETokenizer.train("", 1000).vocab_size == 256


def test_vocab_size_too_small_raises():
    with pytest.raises(ValueError, match=r"at least 257 .*1 special.*got 256"):
        BPETokenizer.train("text", 256, ["<x>"])


def test_special_tokens_must_be_several_texts():
    with pytest.raises(TypeError, match=r"did you mean \['<x>'\]"):
        BPETokenizer.train("text", 300, "<x>")


@pytest.mark.parametrize("special_tokens", [["<x>", "<x>"], [""]])
def test_special_tokens_must_be_different_and_not_empty(special_tokens):
    with pytest.raises(ValueError, match="different and not empty"):
        BPETokenizer.train("text", 300, special_tokens)


def test_special_token_of_one_byte_raises():
    with pytest.raises(ValueError, match="b'a' has both 0 and 98"):
        BPETokenizer.train("text", 300, ["a"])


@given(st.lists(st.text(" ab'l\n", max_size=9)))
def test_count_words_of_chunks(chunks):
    assert count_words(chunks) == Counter(split_words("".join(chunks)))


def test_count_words_of_a_word_longer_than_a_block():
    long = "a" * 20_000
    assert count_words([f"b {long} b"]) == {"b": 1, " " + long: 1, " b": 1}


@given(st.lists(st.lists(st.integers(0, 2), max_size=6)), st.data())
def test_count_pairs(words, data):
    counts = data.draw(st.lists(st.integers(1, 9), min_size=len(words), max_size=len(words)))
    pair_counts, places = count_pairs(words, counts)
    expected = Counter()
    for word, count in zip(words, counts, strict=True):
        for pair in pairwise(word):
            expected[pair] += count
    assert pair_counts == expected
    for pair, indices in places.items():
        held = {i for i, word in enumerate(words) if pair in pairwise(word)}
        assert indices == held


@given(st.lists(st.integers(0, 1), max_size=12), st.integers(0, 1), st.integers(0, 1))
def test_merge_pair_reports_what_changed(word, left, right):
    before = Counter(pairwise(word))
    merged = list(word)
    lost, gained = merge_pair(merged, (left, right), 9)
    before.subtract(lost)
    before.update(gained)
    del before[left, right]
    after = Counter(pairwise(merged))
    assert {pair: n for pair, n in before.items() if n} == after
    assert [i for token in merged for i in ([left, right] if token == 9 else [token])] == word


@given(st.lists(st.binary(max_size=3)))
def test_descending(tokens):
    assert sorted(tokens, key=descending) == sorted(tokens, reverse=True)

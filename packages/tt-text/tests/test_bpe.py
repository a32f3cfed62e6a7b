"""The byte-level BPE tokenizer: encoding, decoding, special tokens, errors."""

import copy

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_text import BPETokenizer
from tt_text.pattern import special_pattern, split_special, split_words

TOY_VOCAB = {0: b"a", 1: b"b", 2: b"c", 3: b"ab", 4: b"abc"}
TOY_MERGES = [(b"a", b"b"), (b"ab", b"c")]
TEXT = st.text(st.sampled_from(" \n'<>abest1é!") | st.characters(codec="utf-8"), max_size=200)


def naive_encode(tokenizer, text):
    """Ids by applying the merges to each word, in order, as in training."""
    ids = {token: index for index, token in tokenizer.vocab.items()}
    result = []
    for part, is_special in split_special(text, special_pattern(tokenizer.special_tokens)):
        if is_special:
            result.append(tokenizer.special_tokens[part])
            continue
        for word in split_words(part):
            tokens = [bytes([byte]) for byte in word.encode()]
            for left, right in tokenizer.merges:
                place = 0
                while place < len(tokens) - 1:
                    if (tokens[place], tokens[place + 1]) == (left, right):
                        tokens[place : place + 2] = [left + right]
                    place += 1
            result += [ids[token] for token in tokens]
    return result


@given(TEXT)
def test_encode_applies_the_merges_in_order(tokenizer, text):
    assert tokenizer.encode(text) == naive_encode(tokenizer, text)


def test_encode_of_real_text_applies_the_merges_in_order(shakespeare):
    tokenizer = BPETokenizer.train(shakespeare[:50_000], 600)
    text = shakespeare[-5_000:]
    assert tokenizer.encode(text) == naive_encode(tokenizer, text)


@given(TEXT)
def test_decode_gives_the_text_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(st.text("abest", min_size=1, max_size=300))
def test_words_of_any_length(tokenizer, word):
    assert tokenizer.encode(word) == naive_encode(tokenizer, word)


def test_vocabulary_need_not_have_every_byte():
    tokenizer = BPETokenizer(TOY_VOCAB, TOY_MERGES)
    assert tokenizer.encode("abcabca") == [4, 4, 0]
    with pytest.raises(ValueError, match="byte 0x78 is not in this vocabulary of 5 tokens"):
        tokenizer.encode("abx")


def test_lowest_rank_first_then_leftmost():
    vocab = dict(enumerate([b"a", b"b", b"ab", b"ba", b"aa"]))
    tokenizer = BPETokenizer(vocab, [(b"b", b"a"), (b"a", b"b"), (b"a", b"a")])
    assert tokenizer.encode("aba") == [0, 3]
    assert tokenizer.encode("aaa") == [4, 0]


def test_special_tokens_longest_first_and_never_split(tokenizer):
    a, ab = tokenizer.special_tokens["<a>"], tokenizer.special_tokens["<a><b>"]
    x, y = tokenizer.encode("x"), tokenizer.encode("y")
    assert tokenizer.encode("x<a><b>y<a>") == [*x, ab, *y, a]
    assert tokenizer.encode("<a><a><b><a>") == [a, ab, a]


def test_white_space_before_a_special_token_is_a_word_of_its_own(tokenizer):
    a = tokenizer.special_tokens["<a>"]
    assert tokenizer.encode("x \n <a>") == [*tokenizer.encode("x"), *tokenizer.encode(" \n "), a]


def test_special_token_in_the_vocabulary_keeps_its_id_and_a_new_one_gets_the_next():
    tokenizer = BPETokenizer({**TOY_VOCAB, 7: b"<x>"}, TOY_MERGES, ["<x>", "<new>"])
    assert tokenizer.special_tokens == {"<x>": 7, "<new>": 8}
    assert tokenizer.vocab[8] == b"<new>"
    assert tokenizer.encode("ab<new><x>") == [3, 8, 7]


def test_many_texts(tokenizer):
    texts = ["a test", "", "<a>"]
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]


def test_decode_replaces_invalid_utf8(tokenizer):
    ids = tokenizer.encode("é")
    assert len(ids) == 2
    assert tokenizer.decode(ids[:1]) == "\ufffd"
    assert tokenizer.decode([*ids, ids[1]]) == "é\ufffd"


def test_decodes_arrays(tokenizer):
    assert tokenizer.decode(np.array(tokenizer.encode("a test"))) == "a test"


@pytest.mark.parametrize("index", [280, -1])
def test_unknown_id_raises(tokenizer, index):
    with pytest.raises(IndexError, match=f"id {index} .* 280 tokens"):
        tokenizer.decode([65, index])


def test_merge_outside_the_vocabulary_raises():
    with pytest.raises(ValueError, match=r"merges\[1\] .*b'abx' is not in the vocabulary of 6"):
        BPETokenizer({**TOY_VOCAB, 5: b"x"}, [(b"a", b"b"), (b"ab", b"x")])


def test_token_with_two_ids_raises():
    with pytest.raises(ValueError, match="b'a' has both 0 and 1"):
        BPETokenizer({0: b"a", 1: b"a"}, [])


def test_vocabulary_the_other_way_round_raises():
    with pytest.raises(TypeError, match="bytes of each id; got b'a': 0"):
        BPETokenizer({b"a": 0}, [])


def test_encode_needs_text(tokenizer):
    with pytest.raises(TypeError):
        tokenizer.encode(b"bytes")


def test_lone_surrogate_raises(tokenizer):
    with pytest.raises(UnicodeEncodeError):
        tokenizer.encode("\ud800")


def test_known_words_stay_bounded(tokenizer, monkeypatch):
    fresh = BPETokenizer(tokenizer.vocab, tokenizer.merges)
    monkeypatch.setattr("tt_text.word_cache.WordCache.max_entries", 10)
    text = " ".join(f"test{number} " + "t" * 40 for number in range(100))
    assert fresh.encode(text) == naive_encode(fresh, text)
    assert 0 < len(fresh._cache) <= 10
    assert max(map(len, fresh._cache)) <= 32


def test_forgotten_words_are_encoded_as_before(tokenizer):
    ids = tokenizer.encode("the best test")
    assert tokenizer._cache
    tokenizer.forget_words()
    assert not tokenizer._cache
    assert tokenizer.encode("the best test") == ids


def test_copies_work_alone(tokenizer):
    assert copy.deepcopy(tokenizer).encode("a test<a>") == tokenizer.encode("a test<a>")


def test_repr(tokenizer):
    assert repr(tokenizer) == "BPETokenizer(vocab_size=280, special_tokens=['<a>', '<a><b>'])"

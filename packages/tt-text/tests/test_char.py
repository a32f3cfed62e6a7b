"""The character tokenizer."""

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_text import BPETokenizer, CharTokenizer


@given(st.text())
def test_decode_gives_the_text_back(text):
    tokenizer = CharTokenizer.train(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.vocab_size == len(set(text))


def test_ids_follow_the_code_points():
    tokenizer = CharTokenizer.train("banana\n")
    assert tokenizer.vocab == {0: "\n", 1: "a", 2: "b", 3: "n"}
    assert tokenizer.encode("nab") == [3, 1, 2]


def test_trains_on_chunks_as_on_the_whole():
    assert (
        CharTokenizer.train(iter(["ban", "", "ana"])).vocab == CharTokenizer.train("banana").vocab
    )


@pytest.mark.parametrize("vocab", ["xyz", ["x", "y", "z"], {0: "x", 1: "y", 2: "z"}])
def test_takes_a_vocabulary(vocab):
    assert CharTokenizer(vocab).encode("zyx") == [2, 1, 0]


def test_vocabulary_of_several_characters_a_token_raises():
    with pytest.raises(ValueError, match="one character, got 'ab'"):
        CharTokenizer(["ab"])


def test_vocabulary_with_one_token_twice_raises():
    with pytest.raises(ValueError, match="'a' has both 0 and 1"):
        CharTokenizer("aa")


def test_unknown_character_raises_with_its_position():
    with pytest.raises(ValueError, match=r"'!' at position 2 .* 3 characters"):
        CharTokenizer("abc").encode("ab!c!")


def test_unknown_token_stands_for_unknown_characters():
    tokenizer = CharTokenizer.train("abc", unk_token="<unk>")
    assert tokenizer.vocab[0] == "<unk>"
    assert tokenizer.encode("a!c") == [1, 0, 3]
    assert tokenizer.decode([1, 0, 3]) == "a<unk>c"


def test_unknown_token_may_be_one_of_the_characters():
    assert CharTokenizer.train("a?", unk_token="?").encode("a!") == [1, 0]


def test_unknown_token_outside_the_vocabulary_raises():
    with pytest.raises(ValueError, match="'<unk>' is not"):
        CharTokenizer("abc", unk_token="<unk>")


@pytest.mark.parametrize("index", [3, -1])
def test_unknown_id_raises(index):
    with pytest.raises(IndexError, match=f"id {index} .* 3 tokens"):
        CharTokenizer("abc").decode([0, index])


def test_decodes_arrays():
    assert CharTokenizer("abc").decode(np.array([2, 0])) == "ca"


@pytest.mark.parametrize("unk_token", [None, "<unk>"])
def test_file_round_trip(tmp_path, unk_token):
    tokenizer = CharTokenizer.train('déjà "vu"\n\\', unk_token)
    tokenizer.save(tmp_path / "new" / "folder")
    loaded = CharTokenizer.from_file(tmp_path / "new" / "folder" / "tokenizer.json")
    assert (loaded.vocab, loaded.unk_token) == (tokenizer.vocab, unk_token)


def test_file_of_another_tokenizer_raises(tmp_path):
    BPETokenizer.train("text", 256).save(tmp_path)
    with pytest.raises(ValueError, match="the model 'BPE' is not supported"):
        CharTokenizer.from_file(tmp_path / "tokenizer.json")


def test_file_that_splits_otherwise_raises(tmp_path):
    CharTokenizer("abc").save(tmp_path)
    path = tmp_path / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["pre_tokenizer"]["pattern"] = {"String": " "}
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ValueError, match=r"has pattern=\{'String': ' '\}; expected"):
        CharTokenizer.from_file(path)

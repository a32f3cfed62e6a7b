"""Files: what is written can be read, and what does not fit raises, by name."""

import json

import pytest
from hypothesis import given, strategies as st

from tt_text import BPETokenizer, CharTokenizer
from tt_text.byte_text import bytes_to_unicode, text_to_token, token_to_text

SPECIALS = ["<a>", "<end of text>", "<é>"]


@pytest.fixture
def saved(tmp_path):
    """A folder with the three files of a tokenizer."""
    text = "a test of tests, déjà vu \n\n tested # # # #version" * 3
    BPETokenizer.train(text, 320, SPECIALS).save(tmp_path)
    return tmp_path


def state(tokenizer):
    return tokenizer.vocab, tokenizer.merges, tokenizer.special_tokens


def edit(path, change):
    """Change a JSON file in place."""
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def test_bytes_to_unicode():
    table = bytes_to_unicode()
    assert sorted(table) == list(range(256))
    assert len(set(table.values())) == 256
    assert all(character.isprintable() and character != " " for character in table.values())
    assert [table[byte] for byte in (0, 32, 33, 127, 160, 173, 255)] == list("ĀĠ!ġłŃÿ")


@given(st.binary())
def test_token_texts(token):
    assert text_to_token(token_to_text(token)) == token


def test_both_formats_give_the_same_tokenizer(saved):
    from_files = BPETokenizer.from_files(saved / "vocab.json", saved / "merges.txt", SPECIALS)
    from_file = BPETokenizer.from_file(saved / "tokenizer.json")
    assert state(from_files) == state(from_file)
    assert list(from_file.special_tokens) == SPECIALS
    text = "a <é>test<end of text>"
    assert from_file.decode(from_file.encode(text)) == text


def test_saving_again_writes_the_same_bytes(saved, tmp_path):
    BPETokenizer.from_file(saved / "tokenizer.json").save(tmp_path / "again")
    for name in ("vocab.json", "merges.txt", "tokenizer.json"):
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes()


def test_gpt2_round_trip(gpt2, tmp_path):
    gpt2.save(tmp_path)
    assert state(BPETokenizer.from_file(tmp_path / "tokenizer.json")) == state(gpt2)
    assert gpt2.vocab_size == 50257
    assert gpt2.encode("Hello world<|endoftext|>") == [15496, 995, 50256]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("version", ["", "#version: 0.2"])
def test_merges_file_with_and_without_version(tmp_path, ending, version):
    (tmp_path / "vocab.json").write_text('{"#": 0, "##": 1}', encoding="utf-8")
    lines = ([version] if version else []) + ["# #"]
    (tmp_path / "merges.txt").write_bytes(ending.join(lines).encode())
    tokenizer = BPETokenizer.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert tokenizer.merges == [(b"#", b"#")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a x", r"merges.txt, line 3 merges b'a' and b'x', but b'x' is not in the vocabulary of 3"),
        ("b a", r"merges.txt, line 3 merges b'b' and b'a', but b'ba' is not in the vocabulary"),
        ("a b c", r"merges.txt, line 3: expected two tokens with a space between, got 'a b c'"),
        (" b", r"merges.txt, line 3 merges b'' and b'b', but b'' is not in the vocabulary"),
    ],
)
def test_merges_that_do_not_fit_raise_with_their_line(tmp_path, line, message):
    (tmp_path / "vocab.json").write_text('{"a": 0, "b": 1, "ab": 2}', encoding="utf-8")
    (tmp_path / "merges.txt").write_text(f"#version: 0.2\na b\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        BPETokenizer.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")


def test_special_token_that_was_not_named_raises(saved):
    with pytest.raises(ValueError, match=r"'<end of text>' .* special token.* special_tokens"):
        BPETokenizer.from_files(saved / "vocab.json", saved / "merges.txt")


@pytest.mark.parametrize(
    "vocab", ['{"a": 0, "b": 0}', '{"a": "0"}', '{"a": true}', '{"a": -1}', '["a"]']
)
def test_vocab_file_without_an_id_for_each_token_raises(tmp_path, vocab):
    (tmp_path / "vocab.json").write_text(vocab, encoding="utf-8")
    (tmp_path / "merges.txt").touch()
    with pytest.raises(ValueError, match=r"integer id of its own|expected a JSON object"):
        BPETokenizer.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")


@pytest.mark.parametrize(
    ("section", "value", "message"),
    [
        ("model", {"type": "Unigram"}, "the model 'Unigram'"),
        ("model", None, "the model None"),
        ("normalizer", {"type": "NFKC"}, "the normalizer 'NFKC'"),
        ("pre_tokenizer", {"type": "Metaspace"}, "the pre_tokenizer 'Metaspace'"),
        ("pre_tokenizer", None, "the pre_tokenizer None"),
        ("post_processor", {"type": "TemplateProcessing"}, "the post_processor 'TemplateProc"),
        ("decoder", {"type": "WordPiece"}, "the decoder 'WordPiece'"),
        ("truncation", {"max_length": 9}, "the truncation {'max_length': 9}"),
    ],
)
def test_unsupported_section_raises(saved, section, value, message):
    edit(saved / "tokenizer.json", lambda data: data.update({section: value}))
    with pytest.raises(ValueError, match=message):
        BPETokenizer.from_file(saved / "tokenizer.json")


@pytest.mark.parametrize(
    ("section", "option", "value"),
    [
        ("model", "dropout", 0.1),
        ("model", "ignore_merges", True),
        ("model", "byte_fallback", True),
        ("model", "end_of_word_suffix", "</w>"),
        ("pre_tokenizer", "add_prefix_space", True),
        ("pre_tokenizer", "use_regex", False),
    ],
)
def test_unsupported_option_raises(saved, section, option, value):
    edit(saved / "tokenizer.json", lambda data: data[section].update({option: value}))
    with pytest.raises(ValueError, match=f"the {section} has {option}={value!r}"):
        BPETokenizer.from_file(saved / "tokenizer.json")


def test_unsupported_added_token_raises(saved):
    edit(saved / "tokenizer.json", lambda data: data["added_tokens"][0].update(lstrip=True))
    with pytest.raises(ValueError, match="the token '<a>' has lstrip=True"):
        BPETokenizer.from_file(saved / "tokenizer.json")


def test_merges_as_pairs_and_tokens_outside_the_model(saved):
    trained = BPETokenizer.from_file(saved / "tokenizer.json")
    ordinary = [token for i, token in trained.vocab.items() if i >= len(SPECIALS)]
    before = BPETokenizer(dict(enumerate(ordinary)), trained.merges, SPECIALS)
    before.save(saved)

    def change(data):
        data["model"]["merges"] = [line.split(" ") for line in data["model"]["merges"]]
        for special in SPECIALS:
            del data["model"]["vocab"][special]

    edit(saved / "tokenizer.json", change)
    assert state(BPETokenizer.from_file(saved / "tokenizer.json")) == state(before)


def test_an_added_token_whose_id_is_another_one_raises(saved):
    """Hugging Face's give it the model's id, silently."""
    edit(saved / "tokenizer.json", lambda data: data["added_tokens"][0].update(id=7))
    with pytest.raises(ValueError, match="the token '<a>' has id=7; expected 0"):
        BPETokenizer.from_file(saved / "tokenizer.json")


def test_an_added_token_whose_id_is_not_the_next_raises(saved):
    def change(data):
        content, index = "<new>", len(data["model"]["vocab"]) + 5
        data["added_tokens"].append({"id": index, "content": content})

    edit(saved / "tokenizer.json", change)
    with pytest.raises(ValueError, match=r"the token '<new>' has id=\d+; expected \d+"):
        BPETokenizer.from_file(saved / "tokenizer.json")


def added(saved, first, second):
    """The tokenizer whose file has a token taken as it is, and one that is normalized."""

    def change(data):
        for content, normalized in ((first, False), (second, True)):
            index = len(data["model"]["vocab"])
            data["model"]["vocab"][content] = index
            token = {"id": index, "content": content, "normalized": normalized}
            data["added_tokens"].append(token)

    edit(saved / "tokenizer.json", change)
    return BPETokenizer.from_file(saved / "tokenizer.json")


@pytest.mark.parametrize(
    ("first", "second"), [("<x>", "<x><y>"), ("<y>", "<x><y>"), ("<y>", "<x><y"), ("x", "<x>")]
)
def test_a_normalized_token_that_may_hide_another_one_raises(saved, first, second):
    """Hugging Face's would find the first, as they look for normalized tokens last."""
    with pytest.raises(ValueError, match=f"the tokens '{second}' .* and '{first}' .* can overlap"):
        added(saved, first, second)


@pytest.mark.parametrize(("first", "second"), [("<x><y>", "<y>"), ("<x>", "><y>"), ("<x>", "<y>")])
def test_a_normalized_token_that_hides_no_other_one_is_read(saved, first, second):
    tokenizer = added(saved, first, second)
    first_id, second_id = (tokenizer.special_tokens[text] for text in (first, second))
    assert tokenizer.encode(f"{first}{second}") == [first_id, second_id]


def test_a_model_without_a_type_is_bpe_if_it_has_merges(saved):
    """As in the file that was published with GPT-2."""
    before = BPETokenizer.from_file(saved / "tokenizer.json")
    edit(saved / "tokenizer.json", lambda data: data["model"].pop("type"))
    assert state(BPETokenizer.from_file(saved / "tokenizer.json")) == state(before)
    edit(saved / "tokenizer.json", lambda data: data["model"].pop("merges"))
    with pytest.raises(ValueError, match=r"the model .* not supported; expected 'BPE'") as raised:
        BPETokenizer.from_file(saved / "tokenizer.json")
    assert len(str(raised.value)) < 400


def test_file_of_another_tokenizer_raises(tmp_path):
    CharTokenizer("abc").save(tmp_path)
    with pytest.raises(ValueError, match="the model 'WordLevel' is not supported; expected 'BPE'"):
        BPETokenizer.from_file(tmp_path / "tokenizer.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": "\xff"}', r"expected text in UTF-8; got the byte 0xff at 7"),
        (b'{"a": 1', r"expected JSON; got .*delimiter"),
        (b'{"a": 1' + b"0" * 5000 + b"}", r"expected JSON; got .*digits"),
        (b"[" * 100_000, r"expected JSON; got"),
        (b"", r"expected JSON; got"),
        (b"3", r"expected a JSON object, got int"),
    ],
)
def test_files_that_are_damaged_raise_with_their_name(saved, content, message):
    for name in ("vocab.json", "tokenizer.json"):
        (saved / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"vocab.json: {message}"):
        BPETokenizer.from_files(saved / "vocab.json", saved / "merges.txt", SPECIALS)
    for kind in (BPETokenizer, CharTokenizer):
        with pytest.raises(ValueError, match=f"tokenizer.json: {message}"):
            kind.from_file(saved / "tokenizer.json")


def test_merges_that_are_not_utf8_raise_with_their_name(saved):
    (saved / "merges.txt").write_bytes(b"a \xc3\n")
    with pytest.raises(ValueError, match=r"merges.txt: expected text in UTF-8.*0xc3 at 2"):
        BPETokenizer.from_files(saved / "vocab.json", saved / "merges.txt", SPECIALS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda data: data["model"].pop("vocab"),
            "the model: expected vocab of type dict, got NoneType",
        ),
        (
            lambda data: data["model"].update(merges={}),
            "the model: expected merges of type list, got dict",
        ),
        (lambda data: data["model"]["merges"].append(3), "merge 27: expected two tokens"),
        (lambda data: data["model"]["merges"].append(["a"]), "merge 27: expected two tokens"),
        (lambda data: data["model"]["merges"].append("z z"), r"merges\[27\] merges .* b'zz'"),
        (lambda data: data["model"]["vocab"].update(x="1"), "token 'x' needs an integer id"),
        (
            lambda data: data["added_tokens"].append({"id": 3}),
            r"added_tokens\[3\]: expected content",
        ),
        (lambda data: data["added_tokens"].append("<b>"), r"added_tokens\[3\]: expected an object"),
        (lambda data: data.update(added_tokens=7), "expected added_tokens of type list, got int"),
    ],
)
def test_a_tokenizer_json_with_parts_missing_or_wrong(saved, change, message):
    edit(saved / "tokenizer.json", change)
    with pytest.raises(ValueError, match=message):
        BPETokenizer.from_file(saved / "tokenizer.json")


@pytest.mark.parametrize("part", ["vocab", "unk_token"])
def test_a_character_tokenizer_with_parts_missing(tmp_path, part):
    CharTokenizer("abc").save(tmp_path)
    edit(tmp_path / "tokenizer.json", lambda data: data["model"].pop(part))
    with pytest.raises(ValueError, match=f"the model: expected {part} of type"):
        CharTokenizer.from_file(tmp_path / "tokenizer.json")


@pytest.mark.parametrize(
    ("special", "message"),
    [("Ġt", "ids 2 and 3 would both be written 'Ġt'"), (" t", "' t' also belongs to a merge")],
)
def test_what_files_cannot_say_raises(tmp_path, special, message):
    tokenizer = BPETokenizer({0: b" ", 1: b"t", 2: b" t"}, [(b" ", b"t")], [special])
    with pytest.raises(ValueError, match=message):
        tokenizer.save(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()

"""tokenizer.json: a whole byte-level tokenizer in one file, in Hugging Face's format."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .gpt2_files import Pair, Vocab, parse_merge, parse_vocab
from .json_files import StrPath, check_options, check_parts, check_sections, read_json

# What each section and option may say. Anything else would give other ids than Hugging Face's.
SECTIONS = {
    "model": ("BPE",),
    "normalizer": (None,),
    "pre_tokenizer": ("ByteLevel",),
    "post_processor": (None, "ByteLevel"),
    "decoder": (None, "ByteLevel"),
    "truncation": (None,),
    "padding": (None,),
}
MODEL = {
    "dropout": (None, 0.0),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "byte_fallback": (None, False),
    "ignore_merges": (None, False),
}
PRE_TOKENIZER = {"add_prefix_space": (False,), "use_regex": (None, True)}
ADDED_TOKEN = {"single_word": (None, False), "lstrip": (None, False), "rstrip": (None, False)}


class BPEParts(NamedTuple):
    """What a tokenizer is made of, as its constructor takes it."""

    vocab: Vocab
    merges: list[Pair]
    special_tokens: list[str]


def read_tokenizer_json(path: StrPath) -> BPEParts:
    """Read a byte-level tokenizer with GPT-2's pattern.

    Raises:
        ValueError: a section or option that is not supported, by its name.
    """
    data = read_json(path)
    if isinstance(data.get("model"), dict) and "merges" in data["model"]:
        data["model"].setdefault("type", "BPE")  # files such as GPT-2's own leave it out
    check_sections(path, data, SECTIONS)
    model, added = data["model"], data.get("added_tokens") or []
    check_options(f"{path}: the model", model, MODEL)
    check_options(f"{path}: the pre_tokenizer", data["pre_tokenizer"], PRE_TOKENIZER)
    check_parts(f"{path}: the model", model, {"vocab": dict, "merges": list})
    check_parts(str(path), {"added_tokens": added}, {"added_tokens": list})
    for number, token in enumerate(added):
        check_parts(f"{path}: added_tokens[{number}]", token, {"content": str, "id": int})
        check_options(f"{path}: the token {token['content']!r}", token, ADDED_TOKEN)
    specials = {token["content"]: token["id"] for token in added}
    check_added_ids(path, specials, model["vocab"])
    check_overlaps(path, added)
    merges = []
    for number, entry in enumerate(model["merges"]):  # "a b" until 2024, then ["a", "b"]
        line = " ".join(map(str, entry)) if isinstance(entry, list) else str(entry)
        merges.append(parse_merge(line, f"{path}, merge {number}"))
    return BPEParts(parse_vocab(specials | model["vocab"], specials), merges, list(specials))


def check_added_ids(path: StrPath, ids: Mapping[str, int], vocab: Mapping[str, int]) -> None:
    """Raise unless each added token has the id that Hugging Face's gives it, whatever the file
    says: its own in the model's vocabulary, or the next after all others.

    >>> check_added_ids("tokenizer.json", {"<a>": 7}, {"a": 0, "b": 1})
    Traceback (most recent call last):
    ValueError: tokenizer.json: the token '<a>' has id=7; expected 2
    """
    following = len(vocab)
    for text, index in ids.items():
        expected = vocab.get(text, following)
        if index != expected:
            raise ValueError(f"{path}: the token {text!r} has id={index}; expected {expected!r}")
        following = max(following, index + 1)


def check_overlaps(path: StrPath, added: list[dict[str, Any]]) -> None:
    """Raise if a token with normalized=True could hide one without.

    Hugging Face's look for those without first, in the whole text, and for the others in what is
    left. To look for all at once finds the same if none of the others can lie over one of the
    first, or over its beginning.
    """
    early = [token["content"] for token in added if not token.get("normalized")]
    late = [token["content"] for token in added if token.get("normalized")]
    for text in late:
        tails = [text[start:] for start in range(len(text))]
        for first in early:
            if any(tail.startswith(first) or first.startswith(tail) for tail in tails):
                raise ValueError(
                    f"{path}: the tokens {text!r} (normalized=True) and {first!r} "
                    "(normalized=False) can overlap, which is not supported"
                )


def format_tokenizer_json(
    texts: Mapping[str, int], merges: list[str], special_tokens: Mapping[str, int]
) -> dict[str, Any]:
    """The object that `read_tokenizer_json` reads, from token texts and lines of merges."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    byte_level["use_regex"] = True
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added_token(*item) for item in special_tokens.items()],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": texts,
            "merges": merges,
        },
    }


def added_token(content: str, index: int) -> dict[str, Any]:
    """A special token as tokenizer.json lists it: taken as it is, white space around it kept."""
    options = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": index, "content": content, **options, "special": True}

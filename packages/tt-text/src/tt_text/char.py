"""The character tokenizer: one id for each character."""

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Self

from .json_files import (
    StrPath,
    check_options,
    check_parts,
    check_sections,
    read_json,
    write_json,
)
from .vocabulary import invert, look_up

# "Split off every single character", in the words of tokenizer.json.
PRE_TOKENIZER = {
    "type": "Split",
    "pattern": {"Regex": r"[\s\S]"},
    "behavior": "Isolated",
    "invert": False,
}
SECTIONS = {"model": ("WordLevel",), "normalizer": (None,), "pre_tokenizer": ("Split",)}
OPTIONS = {option: (value,) for option, value in PRE_TOKENIZER.items()}


class CharTokenizer:
    """One id for each character: a small vocabulary and long sequences.

    Args:
        vocab: the character of each id; or the characters alone, numbered from 0.
        unk_token: the token in `vocab` that stands for every character outside it. Without one,
            such a character raises.

    >>> tokenizer = CharTokenizer.train("hello")
    >>> tokenizer.vocab
    {0: 'e', 1: 'h', 2: 'l', 3: 'o'}
    >>> tokenizer.encode("hole")
    [1, 3, 2, 0]
    >>> tokenizer.decode([1, 3, 2, 0])
    'hole'
    """

    vocab: dict[int, str]
    unk_token: str | None

    def __init__(
        self, vocab: Mapping[int, str] | Iterable[str], unk_token: str | None = None
    ) -> None:
        self.vocab = dict(vocab if isinstance(vocab, Mapping) else enumerate(vocab))
        self.unk_token = unk_token
        self._ids = invert(self.vocab)
        for token in self._ids:
            if not isinstance(token, str) or (len(token) != 1 and token != unk_token):
                raise ValueError(f"every token must be one character, got {token!r}")
        if unk_token is not None and unk_token not in self._ids:
            raise ValueError(f"unk_token must be in the vocabulary; {unk_token!r} is not")

    @classmethod
    def train(cls, text: str | Iterable[str], unk_token: str | None = None) -> Self:
        """A vocabulary of the characters in a text, or in its chunks, ordered by code point.

        An `unk_token` gets the first id, unless it is one of the characters.
        """
        characters = set(chain.from_iterable(text))
        first = [] if unk_token is None or unk_token in characters else [unk_token]
        return cls([*first, *sorted(characters)], unk_token)

    @classmethod
    def from_file(cls, path: StrPath) -> Self:
        """Read the `tokenizer.json` that `save` wrote.

        Raises:
            ValueError: the file holds another kind of tokenizer; the message names it.
        """
        data = read_json(path)
        check_sections(path, data, SECTIONS)
        check_options(f"{path}: the pre_tokenizer", data["pre_tokenizer"], OPTIONS)
        check_parts(f"{path}: the model", data["model"], {"vocab": dict, "unk_token": str})
        ids = data["model"]["vocab"]
        unk_token = data["model"]["unk_token"]
        vocab = {index: token for token, index in ids.items()}
        return cls(vocab, unk_token if unk_token in ids else None)

    def save(self, folder: StrPath) -> None:
        """Write tokenizer.json, as Hugging Face's tokenizers read it."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        model = {"type": "WordLevel", "vocab": self._ids, "unk_token": self.unk_token or ""}
        data: dict[str, Any] = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": PRE_TOKENIZER,
            "post_processor": None,
            "decoder": {"type": "Fuse"},
            "model": model,
        }
        write_json(target / "tokenizer.json", data)

    @property
    def vocab_size(self) -> int:
        """The number of tokens."""
        return len(self.vocab)

    def encode(self, text: str) -> list[int]:
        """The id of each character.

        Raises:
            ValueError: a character is not in the vocabulary and there is no `unk_token`.
        """
        if self.unk_token is not None:
            unknown = self._ids[self.unk_token]
            return [self._ids.get(character, unknown) for character in text]
        try:
            return [self._ids[character] for character in text]
        except KeyError as error:
            character = error.args[0]
            raise ValueError(
                f"character {character!r} at position {text.index(character)} is not in this "
                f"vocabulary of {self.vocab_size} characters. Train on text that has it, or "
                "give an unk_token."
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids.

        Raises:
            IndexError: an id is not in the vocabulary.
        """
        return "".join(look_up(self.vocab, ids))

    def __repr__(self) -> str:
        return f"CharTokenizer(vocab_size={self.vocab_size}, unk_token={self.unk_token!r})"

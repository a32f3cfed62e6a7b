"""A vocabulary is a dict from id to token; both tokenizers look up in it both ways."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

Token = TypeVar("Token", str, bytes)


def invert(vocab: Mapping[int, Token]) -> dict[Token, int]:
    """The id of each token.

    Raises:
        ValueError: a token has two ids.

    >>> invert({0: "a", 1: "b"})
    {'a': 0, 'b': 1}
    """
    ids: dict[Token, int] = {}
    for index, token in vocab.items():
        if ids.setdefault(token, index) != index:
            raise ValueError(
                f"every token needs one id; {token!r} has both {ids[token]} and {index}"
            )
    return ids


def look_up(vocab: Mapping[int, Token], ids: Iterable[int]) -> list[Token]:
    """The token of each id; arrays and tensors of ids will do.

    Raises:
        IndexError: an id is not in the vocabulary.

    >>> look_up({0: "a", 1: "b"}, [1, 0, 1])
    ['b', 'a', 'b']
    """
    if hasattr(ids, "tolist"):
        ids = ids.tolist()
    try:
        return [vocab[index] for index in ids]
    except KeyError as error:
        raise IndexError(
            f"id {error.args[0]} is not in this vocabulary of {len(vocab)} tokens. "
            "Were the ids made by another tokenizer?"
        ) from None

"""Tokens are bytes, files hold text: GPT-2's table gives each byte a printable character.

So `b" dog"` is written `Ġdog`. Special tokens are text already and are written as they are.
"""


def bytes_to_unicode() -> dict[int, str]:
    """GPT-2's table from each byte to a printable character of its own.

    The bytes that are printable in Latin-1 (33 to 126, 161 to 172, 174 to 255) stand for
    themselves. The other 68, in order, become the characters from 256 on: 0 is `Ā`, the space
    is `Ġ`.

    >>> table = bytes_to_unicode()
    >>> "".join(table[byte] for byte in b" caf\\xc3\\xa9")
    'ĠcafÃ©'

    Source: Radford et al. 2019, `encoder.py` of the released code.
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = [byte for byte in range(256) if byte not in printable]
    table = {byte: chr(byte) for byte in printable}
    return table | {byte: chr(256 + place) for place, byte in enumerate(hidden)}


_TO_TEXT = bytes_to_unicode()
_TO_BYTE = {character: byte for byte, character in _TO_TEXT.items()}


def token_to_text(token: bytes) -> str:
    """A token as files write it.

    >>> token_to_text(b" dog")
    'Ġdog'
    """
    return "".join([_TO_TEXT[byte] for byte in token])


def text_to_token(text: str) -> bytes:
    """A token from how files write it.

    Raises:
        ValueError: a character stands for no byte, as may happen in a special token.

    >>> text_to_token("Ġdog")
    b' dog'
    """
    try:
        return bytes([_TO_BYTE[character] for character in text])
    except KeyError as error:
        raise ValueError(
            f"token {text!r} has the character {error.args[0]!r}, which stands for no byte. "
            "Is it a special token? Then name it in special_tokens."
        ) from None

"""JSON files as Hugging Face's tokenizers read and write them."""

import json
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

StrPath: TypeAlias = str | Path


def read_text(path: StrPath) -> str:
    """The text of a file in UTF-8."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        bad = error.object[error.start]
        raise ValueError(
            f"{path}: expected text in UTF-8; got the byte {bad:#04x} at {error.start}"
        ) from None


def read_json(path: StrPath) -> dict[str, Any]:
    """The object in a JSON file."""
    text = read_text(path)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:  # bad JSON, or a number of 5,000 digits
        raise ValueError(f"{path}: expected JSON; got {error}") from None
    if not isinstance(data, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(data).__name__}")
    return data


def check_parts(place: str, value: Any, parts: Mapping[str, type]) -> None:
    """Raise unless a value is an object with these parts, each of its type.

    >>> check_parts("tokenizer.json: the model", {"merges": 3}, {"merges": list})
    Traceback (most recent call last):
    ValueError: tokenizer.json: the model: expected merges of type list, got int
    """
    if not isinstance(value, dict):
        raise ValueError(f"{place}: expected an object, got {value!r}")
    for name, kind in parts.items():
        if not isinstance(value.get(name), kind):
            got = type(value.get(name)).__name__
            raise ValueError(f"{place}: expected {name} of type {kind.__name__}, got {got}")


def write_json(path: StrPath, data: Mapping[str, Any]) -> None:
    """Write an object as a JSON file, in UTF-8 rather than escapes."""
    text = json.dumps(data, ensure_ascii=False, indent=1)
    Path(path).write_text(text + "\n", encoding="utf-8", newline="\n")


def check_sections(
    path: StrPath, data: Mapping[str, Any], supported: Mapping[str, tuple[str | None, ...]]
) -> None:
    """Raise, naming it, if a section of a tokenizer.json has a type that is not supported.

    >>> check_sections("tokenizer.json", {"normalizer": {"type": "NFC"}}, {"normalizer": (None,)})
    Traceback (most recent call last):
    ValueError: tokenizer.json: the normalizer 'NFC' is not supported; expected None
    """
    for section, types in supported.items():
        value = data.get(section)
        kind = value.get("type", value) if isinstance(value, dict) else value
        if kind not in types:
            expected = " or ".join(map(repr, types))
            got = reprlib.repr(kind)  # a section without a type may hold a whole vocabulary
            raise ValueError(f"{path}: the {section} {got} is not supported; expected {expected}")


def check_options(
    place: str, options: Mapping[str, Any], supported: Mapping[str, tuple[object, ...]]
) -> None:
    """Raise, naming it, if an option has a value that is not supported; None if it is missing.

    >>> check_options("tokenizer.json: the model", {"dropout": 0.1}, {"dropout": (None, 0.0)})
    Traceback (most recent call last):
    ValueError: tokenizer.json: the model has dropout=0.1; expected None or 0.0
    """
    for option, values in supported.items():
        if (value := options.get(option)) not in values:
            expected = " or ".join(map(repr, values))
            raise ValueError(f"{place} has {option}={value!r}; expected {expected}")

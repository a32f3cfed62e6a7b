"""JSON documents that say what they are: a schema's name and its version come first."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["field", "only", "read_document", "write_document"]


def write_document(schema: str, version: int, content: Mapping[str, Any]) -> str:
    """``content`` as JSON under the name and version of its schema.

    Raises:
        ValueError: a number is NaN or infinite: JSON has no such numbers, and a measurement
        neither.

    >>> print(write_document("example", 1, {"seconds": 0.5}))
    {
      "schema": "example",
      "version": 1,
      "seconds": 0.5
    }
    """
    document = {"schema": schema, "version": version, **content}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def read_document(text: str, schema: str, version: int) -> dict[str, Any]:
    """The content of a document, if it is of this schema and version.

    Raises:
        ValueError: it is not JSON, has a number that is NaN, infinite or beyond any float, or is
        something else than expected.

    >>> read_document('{"schema": "example", "version": 1, "seconds": 0.5}', "example", 1)
    {'seconds': 0.5}
    """
    try:
        content = json.loads(text, parse_float=_finite, parse_constant=_finite, parse_int=_whole)
    except RecursionError:
        raise ValueError("expected a JSON object, got one within another without end") from None
    if not isinstance(content, dict):
        raise ValueError(f"expected a JSON object, got {type(content).__name__}")
    got = content.pop("schema", None), content.pop("version", None)
    if got != (schema, version) or type(got[1]) is not int:
        raise ValueError(
            f"expected a document of schema {schema!r}, version {version}; got schema {got[0]!r}, "
            f"version {got[1]!r}. Read it with the release that wrote it"
        )
    return content


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"expected finite numbers, got {text}")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) >= 1 << 63:
        raise ValueError(f"expected numbers of 64 bits, got {text}")
    return number


def field(content: Any, name: str, *kinds: type) -> Any:
    """One field of a document, if it is there and of one of these types.

    Raises:
        ValueError: it is not.

    >>> field({"seconds": 0.5}, "seconds", int, float)
    0.5
    """
    expected = " or ".join(kind.__name__ for kind in kinds)
    if not isinstance(content, dict) or name not in content:
        raise ValueError(f"expected a field {name!r} of type {expected}, there is none")
    value = content[name]
    if type(value) not in kinds:  # True is no number here
        raise ValueError(f"{name}: expected {expected}, got {value!r}")
    return value


def only(content: Any, names: Collection[str]) -> None:
    """Raise ValueError if it is no object, or has other fields than these."""
    if not isinstance(content, dict):
        raise ValueError(f"expected a JSON object, got {content!r}")
    if unknown := sorted(content.keys() - set(names)):
        raise ValueError(f"unknown fields {unknown}; known are {sorted(names)}")

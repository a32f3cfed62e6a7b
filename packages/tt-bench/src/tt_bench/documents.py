"""JSON documents that say what they are: a schema's name and its version come first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["read_document", "write_document"]


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
        ValueError: it is not JSON, or something else than expected.

    >>> read_document('{"schema": "example", "version": 1, "seconds": 0.5}', "example", 1)
    {'seconds': 0.5}
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError(f"expected a JSON object, got {type(content).__name__}")
    got = content.pop("schema", None), content.pop("version", None)
    if got != (schema, version):
        raise ValueError(
            f"expected a document of schema {schema!r}, version {version}; got schema {got[0]!r}, "
            f"version {got[1]!r}. Read it with the release that wrote it"
        )
    return content

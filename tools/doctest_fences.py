"""For the site: examples in docstrings are shown as code. A Griffe extension, named in mkdocs.yml.

A docstring of ours ends in a plain doctest, which Markdown would take for a quotation.
"""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class DoctestFences(griffe.Extension):
    """Put every doctest of every docstring into a fence."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)

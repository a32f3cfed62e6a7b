"""Entries in folders, made of a few lines of code."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tt_bench import EntryFolder, write_entry

GOOD = """
import numpy as np
weights = np.arange(1000.0)
def load(folder):
    return lambda question: str(int(question[0]) + int(question[2]))
"""


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., EntryFolder]:
    """Makes an entry of source code."""

    def entry(code: str = GOOD, name: str = "entry") -> EntryFolder:
        return write_entry(tmp_path / name, name, code)

    return entry

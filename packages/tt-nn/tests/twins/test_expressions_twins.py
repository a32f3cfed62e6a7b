"""Every expression of functional.txt, layers.txt and losses.txt gives the same in both frameworks.

Those of errors.txt are refused by both.
"""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

expressions = runpy.run_path(str(Path(__file__).parent / "conftest.py"))["expressions"]

SAME = [*expressions("functional.txt"), *expressions("layers.txt"), *expressions("losses.txt")]


@pytest.mark.parametrize("expression", SAME)
@pytest.mark.filterwarnings("ignore")  # PyTorch's own notices; ours would fail the other suites
def test_the_same(expression: str, same: Callable[[str], None]) -> None:
    same(expression)


@pytest.mark.parametrize("expression", expressions("errors.txt"))
@pytest.mark.filterwarnings("ignore")
def test_refused(expression: str, both_refuse: Callable[[str], None]) -> None:
    both_refuse(expression)

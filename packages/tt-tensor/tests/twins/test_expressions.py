"""Every expression of expressions.txt gives the same dtype, shape and values in both frameworks."""

from collections.abc import Callable
from pathlib import Path

import pytest

LINES = (Path(__file__).parent / "expressions.txt").read_text(encoding="utf-8").splitlines()
EXPRESSIONS = [line for line in LINES if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.filterwarnings("ignore")  # PyTorch's own notices; ours would fail the other suites
def test_expression(expression: str, both: Callable[[str], None]) -> None:
    both(expression)

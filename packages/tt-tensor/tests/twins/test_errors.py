"""What PyTorch refuses is refused here, with a message; nothing is silently something else."""

from collections.abc import Callable
from pathlib import Path

import pytest

LINES = (Path(__file__).parent / "errors.txt").read_text(encoding="utf-8").splitlines()
REFUSED = [line for line in LINES if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("expression", REFUSED)
@pytest.mark.filterwarnings("ignore")  # PyTorch's own notices
def test_both_refuse(expression: str, both_raise: Callable[[str], None]) -> None:
    both_raise(expression)

"""One source, two frameworks: each test is a function of the framework, run on both."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tt_data
import tt_tensor

torch = pytest.importorskip("torch")

OURS = SimpleNamespace(t=tt_tensor, data=tt_data, convert=tt_data.default_convert)
THEIRS = SimpleNamespace(
    t=torch, data=torch.utils.data, convert=torch.utils.data._utils.collate.default_convert
)
REFUSALS = (ValueError, TypeError, IndexError, RuntimeError, AssertionError)

Case = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """Tensors as (dtype, nested lists), containers with the names of their types."""
    if isinstance(value, tt_tensor.Tensor):
        return value.dtype.name, value.tolist()
    if isinstance(value, torch.Tensor):
        return str(value.dtype).removeprefix("torch."), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(part) for part in value]
    if isinstance(value, np.ndarray):
        raise AssertionError("an array was left in a batch")
    return type(value).__name__, value


@pytest.fixture
def both() -> Callable[[Case], None]:
    """Check that the function gives the same on both."""

    def check(case: Case) -> None:
        assert plain(case(OURS)) == plain(case(THEIRS))

    return check


@pytest.fixture
def both_raise() -> Callable[[Case], None]:
    """Check that both refuse, we with a message that helps."""

    def check(case: Case) -> None:
        with pytest.raises(REFUSALS):
            case(THEIRS)
        with pytest.raises(REFUSALS[:-1]) as caught:
            case(OURS)
        assert len(str(caught.value)) > 15, "an error needs a message"

    return check

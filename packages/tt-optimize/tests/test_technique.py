"""A technique runs with a model, waits without one, and refuses what it does not know at once."""

from __future__ import annotations

import pytest

from tt_nn import Linear, Module, Sequential
from tt_optimize import Step, technique


@technique
def renamed(model: Module, times: int, *, label: str = "x") -> tuple[Module, int, str]:
    """What came in, to be looked at."""
    return model, times, label


def test_with_a_model_it_runs_at_once() -> None:
    layer = Linear(2, 2)
    assert renamed(layer, 3) == (layer, 3, "x")
    assert renamed(layer, times=3, label="y") == (layer, 3, "y")
    assert renamed(model=layer, times=3) == (layer, 3, "x")  # type: ignore[call-overload]


def test_without_one_it_is_a_step() -> None:
    step = renamed(times=3, label="y")
    layer = Linear(2, 2)
    assert isinstance(step, Step)
    assert step.name == "renamed" and dict(step.options) == {"times": 3, "label": "y"}
    assert step(layer) == (layer, 3, "y")


def test_it_stays_the_function_it_was() -> None:
    assert renamed.__name__ == "renamed"
    assert renamed.__doc__ == "What came in, to be looked at."


def test_options_are_checked_when_the_step_is_made() -> None:
    with pytest.raises(TypeError, match=r"renamed: .*'tmes'.*Its options are times, label"):
        renamed(times=3, tmes=3)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"renamed: missing a required argument: 'times'"):
        renamed()  # type: ignore[call-overload]


def test_what_stands_in_the_place_of_the_model_must_be_one() -> None:
    with pytest.raises(TypeError, match=r"renamed: expected a Module first, got str\. help:"):
        renamed("weights.safetensors", times=3)  # type: ignore[call-overload]


def test_a_step_shows_what_it_will_do() -> None:
    assert repr(renamed(times=3, label="y")) == "renamed(times=3, label='y')"
    large = renamed(times=Sequential(Linear(2, 2)), label=lambda x: x)  # type: ignore[call-overload]
    assert repr(large) == "renamed(times=<Sequential>, label=<lambda>)"


def test_options_of_a_step_do_not_change() -> None:
    step = renamed(times=3)
    with pytest.raises(TypeError, match="does not support item assignment"):
        step.options["times"] = 4  # type: ignore[index]

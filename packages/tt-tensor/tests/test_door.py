"""The one door: what passes, who is told, how errors are explained."""

from types import SimpleNamespace

import numpy as np
import pytest

import tt_tensor as t
from tt_tensor import Op, apply


@pytest.fixture
def timed():
    """All ops that pass while the test runs."""
    calls = []

    def timer(*call):
        calls.append(call)

    t.time_ops(timer)
    yield calls
    t.untime_ops(timer)


def test_tensors_arrays_and_numbers_go_in() -> None:
    seen = []
    op = Op("look", lambda *arrays: (seen.extend(arrays), np.zeros(1))[1])
    array = np.ones(2)
    apply(op, t.ones(2), array, 2.5)
    assert isinstance(seen[0], np.ndarray) and seen[1] is array and seen[2] == 2.5


def test_results_come_out_as_tensors() -> None:
    assert apply(Op("one", lambda x: x + 1), t.zeros(2)).tolist() == [1.0, 1.0]
    scalar = apply(Op("scalar", lambda x: x.sum()), t.ones(2))
    assert scalar.shape == () and isinstance(scalar.array, np.ndarray)
    several = apply(Op("several", lambda x: [x, x * 2]), t.ones(2))
    assert isinstance(several, tuple) and several[1].tolist() == [2.0, 2.0]
    saving = apply(Op("saving", lambda x: (x, "kept"), saves=True), t.ones(2))
    assert saving.tolist() == [1.0, 1.0]


def test_timers_are_told_of_every_op(timed) -> None:
    x = t.ones(2)
    y = (x + 1).sum(dim=0)
    assert [call[0].name for call in timed] == ["add", "sum"]
    op, inputs, params, result, seconds = timed[1]
    assert inputs[0].tolist() == [2.0, 2.0] and params == {"dim": 0, "keepdim": False}
    assert result is y and seconds >= 0
    assert repr(op) == "<op sum>"


def test_timers_stop() -> None:
    calls = []

    def timer(*call):
        calls.append(call)

    t.time_ops(timer)
    t.untime_ops(timer)
    t.ones(2) + 1
    assert calls == []


def test_listeners_are_told_of_what_is_followed() -> None:
    calls = []

    def listener(*call):
        calls.append(call)

    t.listen(listener)
    try:
        x = t.ones(2)
        x * 2
        assert calls == [], "nobody follows x"
        x._graph = SimpleNamespace(requires_grad=False, order=float("-inf"))
        y = apply(Op("square", lambda x: (x * x, "saved"), saves=True), x)
        op, arrays, slots, params, result, saved = calls[0]
        assert (op.name, params, saved) == ("square", {}, "saved")
        assert arrays[0] is x.array and len(slots) == 1 and result is y
    finally:
        t.unlisten(listener)
    x * 2
    assert len(calls) == 1


@pytest.mark.parametrize("kind", [ValueError, TypeError, IndexError])
def test_errors_name_the_op_and_what_came(kind) -> None:
    def fails(x, y, scale):
        raise kind("too odd")

    op = Op("fragile", fails)
    with pytest.raises(kind) as caught:
        apply(op, t.ones(2, 3), 2.5, scale=7)
    assert str(caught.value) == "fragile: got float32(2, 3), 2.5 with scale=7: too odd"
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_a_hint_replaces_the_bare_text() -> None:
    def fails(x):
        raise ValueError

    op = Op("fragile", fails, hint=lambda x: f"Expected 3 elements, got {x.size}. Pad it.")
    with pytest.raises(ValueError, match=r"^fragile: got float32\(2,\). Expected 3 .* Pad it.$"):
        apply(op, t.ones(2))


def test_other_errors_pass() -> None:
    class OwnError(ValueError):
        pass

    def fails(x):
        raise OwnError("mine")

    with pytest.raises(OwnError, match=r"^mine$"):
        apply(Op("fragile", fails), t.ones(2))
    with pytest.raises(ZeroDivisionError):
        apply(Op("divide", lambda x: 1 // 0), t.ones(2))


@pytest.mark.parametrize("value", [2.5, [1.0], None])
def test_what_is_no_tensor_is_named(value) -> None:
    with pytest.raises(TypeError, match=r"exp: got .*expected Tensors.*tensor\(value\)"):
        t.exp(value)

"""Switching the recording off and on."""

import threading

import pytest

import tt_tensor as t
from tt_autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)


def followed() -> bool:
    return (t.ones(1, requires_grad=True) * 2).requires_grad


def test_no_grad_and_enable_grad_nest() -> None:
    assert followed()
    with no_grad():
        assert not followed()
        with enable_grad():
            assert followed()
            with no_grad():
                assert not followed()
            assert followed()
        assert not followed()
    assert followed()


def test_one_object_may_be_entered_again() -> None:
    mode = no_grad()
    with mode:
        with mode:
            assert not followed()
        assert not followed()
    assert followed()


@pytest.mark.parametrize("mode", [no_grad, no_grad(), inference_mode()])
def test_decorators(mode) -> None:
    @mode
    def quiet(answer: bool, *, and_this: int) -> tuple[bool, bool, int]:
        """Its text."""
        return answer, followed(), and_this

    assert quiet(True, and_this=3) == (True, False, 3)
    assert quiet.__name__ == "quiet" and quiet.__doc__ == "Its text."
    assert followed()


def test_enable_grad_as_decorator() -> None:
    @enable_grad()
    def loud() -> bool:
        return followed()

    with no_grad():
        assert loud()
        assert not followed()


def test_errors_restore_the_mode() -> None:
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()


def test_set_grad_enabled() -> None:
    with set_grad_enabled(False):
        assert not followed()
        with set_grad_enabled(True):
            assert followed()
        assert not followed()
    assert followed()
    set_grad_enabled(False)
    try:
        assert not is_grad_enabled()
    finally:
        set_grad_enabled(True)
    assert followed()


def test_the_mode_belongs_to_the_thread() -> None:
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(followed()))
        thread.start()
        thread.join()
        assert not followed()
    assert seen == [True]


def test_backward_works_inside_no_grad() -> None:
    x = t.tensor(3.0, requires_grad=True)
    y = x * x
    with no_grad():
        y.backward()
        assert not is_grad_enabled()
    assert x.grad.item() == 6.0

"""The engine for single numbers, against finite differences and against the real engine."""

from collections.abc import Callable

import pytest

import tt_tensor as t
from tt_autograd.scalar import Value, dot

Function = Callable[..., Value]

FUNCTIONS: dict[str, Function] = {
    "add": lambda x, y: x + y + 1 + x,
    "mul": lambda x, y: 3 * x * y * 2,
    "sub": lambda x, y: (x - y - 1) * (2 - x),
    "neg": lambda x, y: -x * y,
    "div": lambda x, y: x / y + x / 2 + 3 / x,
    "pow": lambda x, y: x**3 + y**-0.5,
    "relu": lambda x, y: x.relu() * y + (-y).relu(),
    "tanh": lambda x, y: (x * y).tanh() * x,
    "dot": lambda x, y: dot([x, y, x], [y, y, x * y], y),
    "sum": lambda x, y: sum([x * y, x, y]),
    "diamond": lambda x, y: ((x * y).tanh() * (x * y) + x * y) ** 2,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("at", [(0.7, 1.3), (1.9, 0.4)])
def test_gradients_are_finite_differences(name: str, at: tuple[float, float]) -> None:
    function, h = FUNCTIONS[name], 1e-6
    x, y = map(Value, at)
    function(x, y).backward()
    for i, found in enumerate((x.grad, y.grad)):
        above, below = (
            function(*(Value(a + sign * h * (j == i)) for j, a in enumerate(at))).data
            for sign in (1, -1)
        )
        assert found == pytest.approx((above - below) / (2 * h), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "dot"])
def test_the_real_engine_agrees(name: str) -> None:
    numbers = [Value(0.7), Value(-1.3) if name != "pow" else Value(1.3)]
    tensors = [t.tensor(v.data, dtype=t.float64, requires_grad=True) for v in numbers]
    ours, theirs = FUNCTIONS[name](*numbers), FUNCTIONS[name](*tensors)
    ours.backward()
    theirs.backward()
    assert ours.data == pytest.approx(theirs.item())
    for number, tensor in zip(numbers, tensors, strict=True):
        assert number.grad == pytest.approx(tensor.grad.item() if tensor.grad is not None else 0)


def test_gradients_add_up_over_passes_and_over_uses() -> None:
    x = Value(3.0)
    y = x * x
    y.backward()
    y.backward()  # the same computation again
    assert (x.grad, y.grad) == (12.0, 1.0)
    (x + x).backward()
    assert x.grad == 14.0


def test_a_part_can_be_asked_after_the_whole() -> None:
    x = Value(2.0)
    part = x * x
    (part * 10).backward()
    part.backward()
    assert x.grad == 40.0 + 4.0


def test_a_given_number_is_its_own_derivative() -> None:
    x = Value(2.0)
    x.backward()
    assert x.grad == 1.0


def test_relu_passes_nothing_at_or_below_zero() -> None:
    for at, slope in ((-1.0, 0.0), (0.0, 0.0), (1.0, 1.0)):
        x = Value(at)
        x.relu().backward()
        assert x.grad == slope


def test_a_long_chain_needs_no_recursion() -> None:
    x = y = Value(1.0)
    for _ in range(20_000):
        y = y + x
    y.backward()
    assert x.grad == 20_001.0


def test_paths_may_double_at_every_step() -> None:
    x = y = Value(1.0)
    for _ in range(200):
        y = y + y  # 2²⁰⁰ paths, 200 numbers
    y.backward()
    assert x.grad == 2.0**200


def test_dot_is_the_neuron_written_out() -> None:
    at = [0.5, -1.5, 2.0, 0.25, 3.0]
    one, other = [Value(v) for v in at], [Value(v) for v in at]
    together = dot(one[:2], one[2:4], one[4]).tanh()
    apart = (other[0] * other[2] + other[1] * other[3] + other[4]).tanh()
    together.backward()
    apart.backward()
    assert together.data == pytest.approx(apart.data)
    assert [v.grad for v in one] == pytest.approx([v.grad for v in other])


def test_dot_counts_its_inputs() -> None:
    with pytest.raises(ValueError, match="as many weights as inputs; got 1 and 2"):
        dot([Value(1.0)], [Value(1.0), Value(2.0)], Value(0.0))


def test_it_shows_what_it_is() -> None:
    x = Value(2.0)
    (x * 3.0).backward()
    assert repr(x) == "Value(2, grad=3)"

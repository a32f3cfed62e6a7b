"""gradcheck finds what is wrong and says where."""

import re

import pytest

import tt_tensor as t
from tt_autograd import Function, gradcheck, gradgradcheck, rule, vjp
from tt_tensor import Op, Tensor, apply


def double(*numbers: float) -> Tensor:
    return t.tensor(list(numbers) or [1.0, 2.0, 3.0], dtype=t.float64, requires_grad=True)


def test_right_gradients_pass() -> None:
    assert gradcheck(lambda x, y: (x * y).tanh(), (double(), double(0.5, -1.0, 2.0)))
    assert gradgradcheck(lambda x: (x * x).exp(), double(0.5, -1.0))


def test_a_wrong_rule_is_caught_and_located() -> None:
    op = Op("wrong", lambda x: x * x)
    vjp(op, lambda g, _, x: g * x * 2.1)
    try:

        def off(y: Tensor, x: Tensor) -> Tensor:
            return apply(op, x) + y

        with pytest.raises(RuntimeError, match=r"Check the rule") as caught:
            gradcheck(off, (double(), double(3.0, 4.0, 5.0)))
        found = re.match(
            r"the gradient of 'off' by input 1 at index \(0,\) is ([\d.]+), "
            r"but the finite difference is ([\d.]+) ",
            str(caught.value),
        )
        assert found is not None, caught.value
        assert float(found[1]) / float(found[2]) == pytest.approx(2.1 / 2)
        assert not gradcheck(off, (double(), double()), raise_exception=False)
    finally:
        del rule.table[op]


def test_a_rule_wrong_at_one_place_only() -> None:
    op = Op("nearly", lambda x: x * 2)
    vjp(op, lambda g, _, x: g * (2 + 0.1 * (x > 2.5)))
    try:
        with pytest.raises(RuntimeError, match=r"index \(2,\)"):
            gradcheck(lambda x: apply(op, x), double())
    finally:
        del rule.table[op]


def test_a_missing_gradient_is_caught() -> None:
    with pytest.raises(RuntimeError, match=r"is 0, but"):
        gradcheck(lambda x, y: x * y.detach(), (double(), double()))


def test_a_wrong_second_derivative_is_caught() -> None:
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x.detach()

    assert gradcheck(Square.apply, double())
    with pytest.raises(RuntimeError, match=r"finite difference"):
        gradgradcheck(Square.apply, double())


def test_several_outputs_and_other_arguments() -> None:
    def function(x: Tensor, n: int, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x * n, x.argmax(), x.masked_fill(mask, 0).exp()

    assert gradcheck(function, (double(), 3, t.tensor([True, False, False])))
    assert gradgradcheck(function, (double(), 3, t.tensor([True, False, False])))


def test_the_inputs_must_be_checkable() -> None:
    with pytest.raises(ValueError, match=r"no input requires grad"):
        gradcheck(lambda x: x, t.ones(2))
    with pytest.raises(ValueError, match=r"input 0 is float32; use float64"):
        gradcheck(lambda x: x, t.ones(2, requires_grad=True))


def test_inputs_are_left_as_they_were() -> None:
    x = double()
    gradcheck(lambda x: x.exp(), x)
    assert x.tolist() == [1.0, 2.0, 3.0] and x.grad is None


def test_an_op_without_a_rule() -> None:
    op = Op("bare", lambda x: x * 2)
    x = double()
    with pytest.raises(RuntimeError, match=r"bare has no gradient rule.*vjp"):
        apply(op, x)
    assert apply(op, x.detach()).tolist() == [2.0, 4.0, 6.0]


def test_an_input_without_a_rule() -> None:
    op = Op("half", lambda x, y: x * y)
    vjp(op, lambda g, _, x, y: g * y, None)
    try:
        with pytest.raises(RuntimeError, match=r"half has no gradient by its input 1.*detach\(\)"):
            apply(op, double(), double())
    finally:
        del rule.table[op]


def test_a_rule_is_registered_once() -> None:
    op = Op("twice", lambda x: x)
    vjp(op, lambda g, *_: g)
    try:
        with pytest.raises(ValueError, match=r"twice.*already"):
            vjp(op, lambda g, *_: g)
    finally:
        del rule.table[op]

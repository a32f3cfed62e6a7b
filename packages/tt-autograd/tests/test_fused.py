"""joint_vjp: one rule for all inputs, fused kernels and their definitions."""

import numpy as np
import pytest

import tt_tensor as t
from tt_autograd import Meta, Shape, grad, gradcheck, gradgradcheck, joint_vjp, rule, vjp
from tt_tensor import Op, Tensor, apply


@pytest.fixture
def register():
    """Register rules that are gone after the test."""
    ops = []

    def remember(register, op, *args, **kwargs):
        register(op, *args, **kwargs)
        ops.append(op)
        return op

    yield remember
    for op in ops:
        del rule.table[op]


def square_forward(x):
    return x * x, np.asarray(2 * x)  # what the rule wants to reuse


def double(*numbers: float) -> Tensor:
    return t.tensor(list(numbers) or [1.0, 2.0, 3.0], dtype=t.float64, requires_grad=True)


def test_what_the_op_saves_comes_in_the_place_of_out(register) -> None:
    op = register(
        vjp, Op("square_saving", square_forward, saves=True), lambda g, slope, x: g * slope
    )
    x = double()
    apply(op, x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_a_fused_kernel_is_differentiated_once(register) -> None:
    op = Op("fused", square_forward, saves=True)
    register(joint_vjp, op, lambda g, needs, slope, x: [g * slope])
    x = double()
    assert gradcheck(lambda x: apply(op, x), x)
    with pytest.raises(RuntimeError, match=r"fused can be differentiated only once"):
        grad(apply(op, x).sum(), x, create_graph=True)


def test_a_definition_makes_second_derivatives(register) -> None:
    op = Op("fused_mul", lambda x, y, scale: x * y * scale)

    def both(g, needs, out, x, y, scale):
        assert needs == (True, True)
        return [g * y * scale, g * x * scale]

    register(joint_vjp, op, both, definition=lambda x, y, scale: x * y * scale)
    x, y = double(), double(0.5, -1.0, 2.0)
    assert gradcheck(lambda x, y: apply(op, x, y, scale=3.0), (x, y))
    assert gradgradcheck(lambda x, y: apply(op, x, y, scale=3.0), (x, y))
    second = grad(grad(apply(op, x, x * y, scale=1.0).sum(), x, create_graph=True)[0].sum(), x)
    assert second[0].tolist() == [1.0, -2.0, 4.0]


def test_joint_rules_learn_what_is_needed(register) -> None:
    asked = []

    def both(g, needs, out, x, y):
        asked.append(needs)
        return [g * y if needs[0] else None, g * x if needs[1] else None]

    op = register(joint_vjp, Op("mul_joint", lambda x, y: x * y), both, fused=False)
    x = double()
    apply(op, x, t.ones(3, dtype=t.float64)).sum().backward()
    apply(op, t.ones(3, dtype=t.float64), x).sum().backward()
    assert asked == [(True, False), (False, True)]
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_several_outputs(register) -> None:
    op = Op("min_max", lambda x: [np.asarray(x.min()), np.asarray(x.max())])

    def rule_(g, needs, out, x):
        total = np.zeros_like(x)
        total[x.argmin()] += g.get(0, 0)
        total[x.argmax()] += g.get(1, 0)
        return [total]

    register(joint_vjp, op, rule_)
    x = double(3.0, 1.0, 2.0)
    low, high = apply(op, x)
    (high * 2).backward()
    assert x.grad.tolist() == [2.0, 0.0, 0.0]
    low, high = apply(op, x)
    (low + high).backward()
    assert x.grad.tolist() == [3.0, 1.0, 0.0]


def test_annotations_say_what_is_kept(register) -> None:
    seen = {}

    def by_shape(g, out: None, x: Meta):
        seen["x"] = x
        return g * x.shape[0]

    op = register(vjp, Op("by_shape", lambda x: x * x.shape[0]), by_shape)
    x = double()
    y = apply(op, x)
    assert y.grad_fn.out is None
    y.sum().backward()
    assert isinstance(seen["x"], Meta) and seen["x"].ndim == 1 and seen["x"].dtype == t.float64
    assert x.grad.tolist() == [3.0, 3.0, 3.0]


def test_of_a_shape_only_the_shape_is_kept(register) -> None:
    def by_shape(g, out: None, x: Shape):
        assert x == (3,)
        return g * x[0]

    op = register(vjp, Op("by_shape", lambda x: x * x.shape[0]), by_shape)
    x = double()
    apply(op, x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0, 3.0]


def test_rules_agree_about_shapes(register) -> None:
    def by_shape(g, out: None, x: Shape, y: None):
        return g

    def by_value(g, out: None, x, y: None):
        return g * x

    op = register(vjp, Op("odd", lambda x, y: x + y), by_shape, by_value)
    with pytest.raises(RuntimeError, match="asks for a Shape"):
        apply(op, double(), double())


def test_a_gradient_that_nobody_shares_is_not_copied(register) -> None:
    made = []

    def rule(g, out, x):
        result = g * 2
        made.append(id(result))  # a number: it does not hold the array
        return result

    op = register(vjp, Op("twice", lambda x: x * 2), rule)
    x = double()
    apply(op, x).sum().backward()
    assert made == [id(x.grad.array)]


def test_a_rule_may_return_one_array_for_two_inputs(register) -> None:
    def both(g, needs, out, x, y):
        doubled = g * 2
        return [doubled, doubled]

    op = register(joint_vjp, Op("add_joint", lambda x, y: x + y), both, fused=False)
    x, y = double(), double()
    apply(op, x, y).sum().backward()
    assert not np.shares_memory(x.grad.array, y.grad.array)

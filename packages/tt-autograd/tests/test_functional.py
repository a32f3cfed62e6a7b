"""grad, backward and value_and_grad as functions."""

import pytest

import tt_tensor as t
from tt_autograd import grad, value_and_grad
from tt_tensor import Tensor


def leaf(*numbers: float) -> Tensor:
    return t.tensor(list(numbers) or [1.0, 2.0, 3.0], requires_grad=True)


def test_grad_touches_no_leaf() -> None:
    x, y = leaf(), leaf()
    gx, gy = grad((x * y).sum(), [x, y])
    assert gx.tolist() == gy.tolist() == [1.0, 2.0, 3.0]
    assert x.grad is None and y.grad is None


def test_grad_by_computed_tensors() -> None:
    x = leaf()
    y = x * x
    z = (y * x).sum()
    gy, gx, gz = grad(z, [y, x, z])
    assert gy.tolist() == [1.0, 2.0, 3.0]
    assert gx.tolist() == [3.0, 12.0, 27.0]
    assert gz.item() == 1.0


def test_grad_by_one_piece_of_several() -> None:
    x = leaf()
    first, second = (x * x).split([1, 2])
    g1, g2 = grad((first * 2).sum() + (second * 3).sum(), [first, second])
    assert g1.tolist() == [2.0]
    assert g2.tolist() == [3.0, 3.0]


def test_inputs_without_influence() -> None:
    x, other = leaf(), leaf()
    y = (x * 2).sum()
    with pytest.raises(RuntimeError, match=r"input 1 .*no influence.*allow_unused=True"):
        grad(y, [x, other], retain_graph=True)
    gx, none = grad(y, [x, other], allow_unused=True)
    assert gx.tolist() == [2.0, 2.0, 2.0] and none is None


def test_inputs_that_need_no_gradient() -> None:
    with pytest.raises(RuntimeError, match=r"input 0 .*does not require grad"):
        grad((leaf() * 2).sum(), t.ones(3))


def test_grad_outputs() -> None:
    x = leaf()
    (g,) = grad(x * x, x, t.tensor([1.0, 0.0, -1.0]))
    assert g.tolist() == [2.0, 0.0, -6.0]
    with pytest.raises(ValueError, match=r"1 outputs but 2"):
        grad(x * x, x, [t.ones(3), t.ones(3)])


def test_grad_frees_the_graph_unless_told() -> None:
    x = leaf()
    y = (x * x).sum()
    grad(y, x, retain_graph=True)
    grad(y, x)
    with pytest.raises(RuntimeError, match=r"second time"):
        grad(y, x)


def test_derivatives_of_any_order() -> None:
    x = t.tensor(2.0, dtype=t.float64, requires_grad=True)
    y, found = x**5, []
    for _ in range(5):
        (y,) = grad(y, x, create_graph=True)
        found.append(y.item())
    assert found == [80.0, 160.0, 240.0, 240.0, 120.0]


def test_the_gradient_can_be_differentiated_by_its_start() -> None:
    x, start = leaf(), leaf(1.0, -1.0, 2.0)
    (g,) = grad(x * x, x, start, create_graph=True)
    by_start, by_x = grad(g.sum(), [start, x])
    assert by_start.tolist() == [2.0, 4.0, 6.0]
    assert by_x.tolist() == [2.0, -2.0, 4.0]


def test_create_graph_leaves_gradients_apart() -> None:
    x, y = leaf(), leaf()
    (x + y).sum().backward(create_graph=True)
    x.grad.detach().zero_()
    assert y.grad.tolist() == [1.0, 1.0, 1.0]


def test_value_and_grad() -> None:
    def loss(w: Tensor, x: Tensor, scale: float = 1.0) -> Tensor:
        return ((w * x).sum() - 1).square() * scale

    w, x = t.tensor([1.0, 2.0]), t.tensor([3.0, 4.0])
    value, g = value_and_grad(loss)(w, x, scale=2.0)
    assert value.item() == 200.0 and not value.requires_grad
    assert g.tolist() == [120.0, 160.0]
    _, (gw, gx) = value_and_grad(loss, argnums=(0, 1))(w, x)
    assert gw.tolist() == [60.0, 80.0] and gx.tolist() == [20.0, 40.0]
    assert not w.requires_grad

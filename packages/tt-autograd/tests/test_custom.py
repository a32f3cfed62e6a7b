"""Functions with a gradient of the user's own."""

import gc
import weakref
from typing import Any

import pytest

import tt_tensor as t
from tt_autograd import Function, grad, gradcheck, gradgradcheck, no_grad
from tt_tensor import Tensor


def leaf(*numbers: float) -> Tensor:
    return t.tensor(list(numbers) or [1.0, 2.0, 3.0], requires_grad=True)


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


class Exp(Function):
    """Saves its output."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return g * y


class SinCos(Function):
    """Two outputs, both saved."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        s, c = x.sin(), x.cos()
        ctx.save_for_backward(s, None, c)
        return s, c

    @staticmethod
    def backward(ctx: Any, gs: Tensor, gc: Tensor) -> Tensor:
        s, none, c = ctx.saved_tensors
        assert none is None
        return gs * c - gc * s


class Scale(Function):
    """An argument that is no tensor, kept as an attribute."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float, flag: bool = True) -> Tensor:
        ctx.factor = factor
        return x * factor

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        assert ctx.needs_input_grad == (True, False, False)
        return g * ctx.factor, None, None


def double(*numbers: float) -> Tensor:
    return t.tensor(list(numbers), dtype=t.float64, requires_grad=True)


@pytest.mark.parametrize("function", [Cube.apply, Exp.apply], ids=["input saved", "output saved"])
def test_first_and_second_derivatives(function) -> None:
    x = double(0.5, -1.0, 2.0)
    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


def test_several_outputs() -> None:
    x = double(0.5, -1.0)
    assert gradcheck(SinCos.apply, x)
    s, c = SinCos.apply(x)
    (only,) = grad(c.sum(), x)
    assert only.tolist() == (-x.detach().sin()).tolist()
    assert s.requires_grad and not s.is_leaf


def test_several_saved_outputs_have_second_derivatives() -> None:
    x = double(0.5, -1.0)
    assert gradgradcheck(SinCos.apply, x)
    assert gradgradcheck(lambda x: SinCos.apply(x)[0], x)  # the other output is gone


def test_gradients_are_not_the_memory_that_backward_returned() -> None:
    class Both(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
            ctx.save_for_backward(w)
            return (x + y) * w

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
            (w,) = ctx.saved_tensors
            shared = g * w
            return shared, shared, w

    x, y, w = leaf(), leaf(), leaf()
    Both.apply(x, y, w).sum().backward()
    x.grad.zero_()
    w.grad.zero_()
    assert y.grad.tolist() == w.tolist() == [1.0, 2.0, 3.0]


def test_gradients_take_the_dtype_of_their_argument() -> None:
    class Wide(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.double()

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g

    x = leaf()
    y = Wide.apply(x)
    assert y.dtype == t.float64
    y.sum().backward()
    assert x.grad.dtype == t.float32


def test_arguments_that_are_no_tensors() -> None:
    x = leaf()
    y = Scale.apply(x, 3.0, False)
    assert y.tolist() == [3.0, 6.0, 9.0]
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0, 3.0]


def test_only_what_requires_grad_is_followed() -> None:
    assert not Cube.apply(t.ones(2)).requires_grad
    with no_grad():
        assert not Cube.apply(leaf()).requires_grad
    assert Cube.apply(leaf()).requires_grad
    assert repr(Cube.apply(leaf()).grad_fn) == "<Cube>"


def test_none_stands_for_no_gradient() -> None:
    class First(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
            return x + y

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
            return g, None

    x, y = leaf(), leaf()
    First.apply(x, y).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0] and y.grad is None


def test_the_count_of_gradients_is_checked() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
            return x + y

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g

    with pytest.raises(RuntimeError, match=r"Wrong.backward must return 2 gradients.*got 1"):
        Wrong.apply(leaf(), leaf()).sum().backward()


def test_the_shape_of_gradients_is_checked() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g[:2]

    x = leaf()
    with pytest.raises(RuntimeError, match=r"shape \(2,\) for argument 0 of shape \(3,\)"):
        Wrong.apply(x).sum().backward()
    assert x.grad is None


def test_gradients_must_be_tensors() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> float:
            return 1.0

    with pytest.raises(TypeError, match=r"must return Tensors or None, got float for argument 0"):
        Wrong.apply(leaf()).sum().backward()


def test_forward_must_return_tensors() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> float:
            return 1.0

    with pytest.raises(TypeError, match=r"Wrong.forward must return Tensors, got float"):
        Wrong.apply(leaf())


def test_missing_methods() -> None:
    class Nothing(Function):
        pass

    class Half(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 2

    with pytest.raises(TypeError, match=r"forward"):
        Nothing.apply(leaf())
    with pytest.raises(TypeError, match=r"backward"):
        Half.apply(leaf()).sum().backward()


def test_errors_of_the_users_own_code_pass_unchanged() -> None:
    class Fails(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        Fails.apply(leaf())


def test_outputs_that_have_no_gradient() -> None:
    class WithCount(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            count, y, z = (x > 1).long(), x * 2, x * 3
            ctx.mark_non_differentiable(count, z)
            return count, y, z

        @staticmethod
        def backward(ctx: Any, _: Tensor, g: Tensor, gz: Tensor) -> Tensor:
            assert gz.sum().item() == 0
            return g * 2

    x = leaf()
    count, y, z = WithCount.apply(x)
    assert [v.requires_grad for v in (count, y, z)] == [False, True, False]
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_operations_inside_forward_are_not_followed() -> None:
    seen = []

    class Peek(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            y = x * 2
            seen.append(y.requires_grad)
            return y

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g * 2

    Peek.apply(leaf())
    assert seen == [False]


def test_a_saved_tensor_must_not_have_changed() -> None:
    y = Exp.apply(leaf())
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"save_for_backward was changed in place"):
        y.sum().backward()
    x = leaf()
    y = Cube.apply(x)
    with no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match=r"changed in place"):
        y.sum().backward()


def test_the_graph_is_freed_after_backward() -> None:
    y = Cube.apply(leaf()).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"second time"):
        y.backward()


@pytest.mark.parametrize("function", [Cube.apply, Exp.apply, lambda x: SinCos.apply(x)[0]])
def test_no_cycles(function) -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf()
        y = function(x)
        watched = [weakref.ref(v) for v in (x, y, y.array, y._graph)]
        y.sum().backward()
        del x, y
        assert [ref() for ref in watched] == [None] * 4
    finally:
        gc.enable()

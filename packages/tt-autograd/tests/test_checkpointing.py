"""Checkpoints: the same numbers for less memory."""

import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tt_tensor as t
from tt_autograd import checkpoint, grad, no_grad
from tt_tensor import Tensor


def leaf(*numbers: float) -> Tensor:
    return t.tensor(list(numbers) or [1.0, 2.0, 3.0], requires_grad=True)


def block(x: Tensor, w: Tensor) -> Tensor:
    return ((x * w).tanh() * x).exp().sigmoid()


def kept_bytes(output: Tensor) -> int:
    """The bytes of all arrays that the graph of ``output`` holds on to."""
    arrays: dict[int, Any] = {}
    stack, seen = [output.grad_fn], set()
    while stack:
        node = stack.pop()
        if id(node) in seen or not hasattr(node, "next_functions"):
            continue
        seen.add(id(node))
        for value in (*(node.inputs or ()), node.out):
            if isinstance(value, np.ndarray):
                arrays[value.ctypes.data] = value.nbytes
        stack += [parent for parent, _ in node.next_functions]
    return sum(arrays.values())


@pytest.mark.parametrize("use_reentrant", [None, True, False])
def test_the_gradients_are_the_same(use_reentrant) -> None:
    x, w = leaf(), leaf(0.5, -1.0, 2.0)
    plain = grad(block(x, w).sum(), [x, w])
    saving = grad(checkpoint(block, x, w, use_reentrant=use_reentrant).sum(), [x, w])
    for one, other in zip(plain, saving, strict=True):
        assert one.tolist() == other.tolist()


def test_parameters_need_not_be_arguments() -> None:
    x, w = leaf(), leaf(0.5, -1.0, 2.0)
    checkpoint(lambda x: block(x, w), x.detach()).sum().backward()
    (expected,) = grad(block(x.detach(), w).sum(), w)
    assert w.grad.tolist() == expected.tolist()


def test_keyword_arguments_and_several_outputs() -> None:
    def both(x: Tensor, *, scale: float) -> tuple[Tensor, Tensor]:
        y = (x * scale).exp()
        return y, y * y

    x = leaf()
    one, two = checkpoint(both, x, scale=0.5)
    (one + two).sum().backward()
    np.testing.assert_allclose(
        x.grad.numpy(), 0.5 * np.exp([0.5, 1.0, 1.5]) + np.exp([1.0, 2.0, 3.0]), rtol=1e-6
    )


def test_less_memory_is_kept() -> None:
    x, w = t.ones(1000, requires_grad=True), t.ones(1000, requires_grad=True)

    def deep(x: Tensor) -> Tensor:
        for _ in range(10):
            x = block(x, w)
        return x

    plain, saving = kept_bytes(deep(x)), kept_bytes(checkpoint(deep, x))
    assert plain > 30 * 4000  # three arrays a block and more
    assert saving == 0


def test_the_peak_of_memory_is_lower_as_measured() -> None:
    """Forward and backward of 16 layers, in four stretches: half the bytes, the same gradient."""
    draw = np.random.default_rng(0)
    weights = [t.from_numpy(draw.standard_normal((64, 64))).requires_grad_() for _ in range(16)]

    def stretch(x: Tensor, *part: Tensor) -> Tensor:
        for w in part:
            x = (x @ w).tanh().exp().sigmoid()
        return x

    def peak(run: Callable[..., Any]) -> tuple[int, Any]:
        x = t.ones(512, 64, dtype=t.float64, requires_grad=True)
        tracemalloc.start()
        y = x
        for i in range(0, 16, 4):
            y = run(stretch, y, *weights[i : i + 4])
        y.sum().backward()
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest, x.grad

    plain, gradient = peak(lambda function, *args: function(*args))
    saving, same = peak(checkpoint)
    assert saving < 0.6 * plain
    assert (gradient == same).all()


def test_the_arrays_inside_are_let_go() -> None:
    inside = []

    def watched(x: Tensor) -> Tensor:
        y = x.exp()
        inside.append(weakref.ref(y.array))
        return y * y

    x = leaf()
    y = checkpoint(watched, x)
    assert inside[0]() is None
    y.sum().backward()
    assert len(inside) == 2, "run once more by backward"
    assert inside[1]() is None


def test_random_numbers_are_drawn_again() -> None:
    drawn = []

    def dropout(x: Tensor) -> Tensor:
        mask = (t.rand(3) > 0.5).float()
        drawn.append(mask.tolist())
        return x * mask * x

    t.manual_seed(1)
    x = leaf()
    y = checkpoint(dropout, x)
    t.rand(5)
    before = t.get_rng_state().tolist()
    y.sum().backward()
    assert t.get_rng_state().tolist() == before, "as if nothing had been drawn"
    assert drawn[0] == drawn[1]
    assert x.grad.tolist() == [2 * m * v for m, v in zip(drawn[0], [1.0, 2.0, 3.0], strict=True)]


def test_nested() -> None:
    x, w = leaf(), leaf(0.5, -1.0, 2.0)

    def outer(x: Tensor) -> Tensor:
        return checkpoint(block, block(x, w), w) * 2

    plain = grad((block(block(x, w), w) * 2).sum(), [x, w])
    for one, other in zip(grad(checkpoint(outer, x).sum(), [x, w]), plain, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-6)


def test_second_derivatives() -> None:
    x, w = leaf(), leaf(0.5, -1.0, 2.0)
    results = []
    for run in (lambda: block(x, w), lambda: checkpoint(block, x, w)):
        (g,) = grad(run().sum(), x, create_graph=True)
        results.append(grad(g.sum(), w)[0].tolist())
    assert results[0] == results[1]


def test_retain_graph() -> None:
    x, w = leaf(), leaf()
    y = checkpoint(block, x, w).sum()
    y.backward(retain_graph=True)
    once = x.grad.tolist()
    y.backward()
    np.testing.assert_allclose(x.grad.tolist(), 2 * np.array(once), rtol=1e-6)


def test_under_no_grad_it_is_a_plain_call() -> None:
    with no_grad():
        y = checkpoint(block, leaf(), leaf())
    assert not y.requires_grad


def test_a_function_that_does_something_else_the_second_time() -> None:
    times = []

    def fickle(x: Tensor) -> Tensor:
        times.append(1)
        return x.exp() if len(times) == 1 else x.tanh()

    y = checkpoint(fickle, leaf())
    with pytest.raises(RuntimeError, match=r"other operations when it was run again"):
        y.sum().backward()

"""The backward pass: each node once, nothing shared, nothing kept, nothing half done."""

import gc
import threading
import weakref

import numpy as np
import pytest

import tt_tensor as t
from tt_autograd import backward, grad, no_grad, rule, vjp
from tt_tensor import Op, Tensor, apply


def leaf(*numbers: float) -> Tensor:
    return t.tensor(list(numbers) or [1.0, 2.0, 3.0], requires_grad=True)


@pytest.fixture
def counted():
    """An op that doubles, and how often its rule has run."""
    calls: list[int] = []
    op = Op("counted", lambda x: x + x)

    def counted_vjp(g, *_: None):
        calls.append(1)
        return g * 2

    vjp(op, counted_vjp)
    yield op, calls
    del rule.table[op]


def test_each_node_is_visited_once(counted) -> None:
    op, calls = counted
    x = leaf(1.0)
    y = x
    for _ in range(30):
        y = apply(op, y)
        y = y + y  # two paths a step: 2^30 in all
    y.sum().backward()
    assert len(calls) == 30
    assert x.grad.item() == 4.0**30


def test_thirty_doublings(counted) -> None:
    x = leaf(1.0)
    y = x
    for _ in range(30):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**30


def test_no_rule_runs_for_an_input_without_gradient() -> None:
    def fails(g, *_: None):
        raise AssertionError("nobody asked for this gradient")

    op = Op("pair", lambda x, y: x * y)
    vjp(op, lambda g, _, x, y: g * y, fails)
    try:
        x = leaf()
        apply(op, x, t.ones(3)).sum().backward()
        assert x.grad.tolist() == [1.0, 1.0, 1.0]
    finally:
        del rule.table[op]


def test_grad_computes_only_what_leads_to_its_inputs(counted) -> None:
    op, calls = counted
    x, y = leaf(), leaf()
    out = (apply(op, x) * y).sum()
    grad(out, y)
    assert calls == []


def test_the_same_input_twice() -> None:
    x = leaf()
    (x + x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    x.grad = None
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_shared_subgraphs() -> None:
    x = leaf()
    y = x * x
    (y + y * x + y).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 4 * x.detach().numpy() + 3 * x.detach().numpy() ** 2)


@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: x + y,
        lambda x, y: x - y,
        lambda x, y: x.view(1, 3) + y.view(1, 3),
        lambda x, y: t.stack([x, y]),
        lambda x, y: t.cat([x, y]),
        lambda x, y: (x + y).expand(2, 3),
        lambda x, y: x.clone() + y.contiguous(),
        lambda x, y: (x + y).T,
    ],
)
def test_gradients_never_share_memory(make) -> None:
    x, y = leaf(), leaf()
    out = make(x, y)
    start = t.ones(*out.shape)
    out.backward(start)
    arrays = [start.array, x.grad.array, y.grad.array]
    for i, one in enumerate(arrays):
        for other in arrays[i + 1 :]:
            assert not np.shares_memory(one, other)
    x.grad.zero_()
    assert start.sum().item() == out.numel()


def test_gradients_accumulate_in_place() -> None:
    x = leaf()
    (x * 2).sum().backward()
    held = x.grad
    (x * 3).sum().backward()
    assert held is x.grad
    assert held.tolist() == [5.0, 5.0, 5.0]


def test_the_graph_is_freed() -> None:
    x = leaf()
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"second time.*retain_graph=True"):
        y.backward()


def test_the_graph_is_kept_if_asked() -> None:
    x = leaf()
    y = (x * x).sum()
    for _ in range(3):
        y.backward(retain_graph=True)
    assert x.grad.tolist() == [6.0, 12.0, 18.0]


def test_what_keeps_nothing_may_run_twice() -> None:
    x = leaf()
    shared = x + 1
    (shared * 2).sum().backward()
    (shared * 3).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0, 5.0]


def test_a_partly_freed_graph_names_the_op() -> None:
    shared = leaf().exp()
    (shared * 2).sum().backward()
    with pytest.raises(RuntimeError, match=r"exp"):
        (shared * 3).sum().backward()


def test_only_single_elements_start_without_a_gradient() -> None:
    x = leaf()
    with pytest.raises(RuntimeError, match=r"single element.*\(3,\).*y.backward\(ones_like\(y\)\)"):
        (x * 2).backward()
    (x * 2).backward(t.tensor([1.0, 0.0, -1.0]))
    assert x.grad.tolist() == [2.0, 0.0, -2.0]


def test_the_gradient_must_fit() -> None:
    with pytest.raises(RuntimeError, match=r"\(2,\).*\(3,\)"):
        (leaf() * 2).backward(t.ones(2))


def test_backward_needs_a_graph() -> None:
    for x in (t.ones(1), t.ones(1) * 2, leaf(1.0).detach()):
        with pytest.raises(RuntimeError, match=r"requires_grad=True"):
            x.backward()


def test_backward_of_several() -> None:
    x = leaf()
    y = x * x
    backward([y.sum(), y], [None, t.ones(3)])
    assert x.grad.tolist() == [4.0, 8.0, 12.0]
    with pytest.raises(ValueError, match=r"2 outputs but 1"):
        backward([y, y], [t.ones(3)])


def test_an_error_in_a_rule_leaves_grad_untouched() -> None:
    def fails(g, *_: None):
        raise ZeroDivisionError("in the rule")

    op = Op("fragile", lambda x: x * 1)
    vjp(op, fails)
    try:
        x, y = leaf(), leaf()
        (x * 2).sum().backward()
        with pytest.raises(ZeroDivisionError, match=r"in the rule"):
            (y * 3 + x * 5 + apply(op, x)).sum().backward()
        assert x.grad.tolist() == [2.0, 2.0, 2.0]
        assert y.grad is None
        (x * 3).sum().backward()  # and the next pass is as always
        assert x.grad.tolist() == [5.0, 5.0, 5.0]
        assert (x * 2).requires_grad
    finally:
        del rule.table[op]


def test_long_chains_do_not_overflow_the_stack() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(200_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1.0
    del y  # nor does letting go of them


def test_long_chains_are_let_go_without_backward() -> None:
    y = leaf(1.0)
    for _ in range(200_000):
        y = y * 1
    watch = weakref.ref(y._graph)
    del y
    assert watch() is None


@pytest.mark.parametrize("how", ["forgotten", "backward", "second derivative"])
def test_memory_returns_without_the_cyclic_collector(how: str) -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf()
        pieces = (x * x).exp().split(1)
        y = t.cat(list(pieces)).tanh().sum()
        watched = [weakref.ref(v) for v in (x, *pieces, y)]
        watched += [weakref.ref(y._graph), weakref.ref(pieces[0].array.base)]
        if how == "backward":
            y.backward()
        elif how == "second derivative":
            (g,) = grad(y, x, create_graph=True)
            g.sum().backward()
            del g
            x.grad = None
        del x, pieces, y
        assert [ref() for ref in watched] == [None] * len(watched)
    finally:
        gc.enable()


def test_arrays_are_freed_as_backward_goes() -> None:
    x = t.ones(1000, requires_grad=True)
    y = x.exp()
    held = weakref.ref(y.array)
    z = (y * y).sum()
    del y
    assert held() is not None, "the rules need it"
    z.backward()
    assert held() is None, "now they do not"


def test_nothing_is_kept_that_no_rule_needs() -> None:
    x = leaf()
    y = x + 1
    held = weakref.ref(y.array)
    z = (y * 2).sum()
    del y
    assert held() is None
    assert z.requires_grad


def test_threads_have_their_own_pass() -> None:
    x = t.ones(10, requires_grad=True)
    found: list[list[float]] = []

    def work(factor: float) -> None:
        (g,) = grad(((x * factor) ** 2).sum(), x)
        found.append([factor, g[0].item()])

    threads = [threading.Thread(target=work, args=(float(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [[float(i), 2.0 * i * i] for i in range(8)]


def test_retain_grad() -> None:
    x = leaf()
    y = x + 1
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [4.0, 6.0, 8.0]
    (y * 1).sum().backward()
    assert y.grad.tolist() == [5.0, 7.0, 9.0]
    with pytest.raises(RuntimeError, match=r"does not require grad"):
        t.ones(2).retain_grad()


def test_float16_and_float64() -> None:
    for dtype in (t.float16, t.float64):
        x = t.tensor([1.0, 2.0], dtype=dtype, requires_grad=True)
        (x * x).mean().backward()
        assert x.grad.dtype == dtype
        assert x.grad.tolist() == [1.0, 2.0]


def test_infinite_gradients_do_not_warn() -> None:
    x = leaf(0.0, 1.0)
    x.sqrt().sum().backward()
    assert x.grad.tolist() == [float("inf"), 0.5]


def test_gradients_of_gradients_are_leaves_unless_asked() -> None:
    x = leaf()
    (x**3).sum().backward()
    assert not x.grad.requires_grad
    with no_grad():
        assert not (x * 2).requires_grad

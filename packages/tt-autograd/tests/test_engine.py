"""requires_grad, leaves, .grad, and the rules of changing tensors in place."""

import copy
import threading

import numpy as np
import pytest

import tt_autograd
import tt_tensor as t
from tt_autograd import grad, no_grad
from tt_tensor import Tensor


def leaf(*numbers: float) -> Tensor:
    return t.tensor(list(numbers) or [1.0, 2.0, 3.0], requires_grad=True)


# --- leaves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [t.int64, t.uint8, t.bool])
def test_only_floating_tensors_require_grad(dtype) -> None:
    x = t.zeros(2, dtype=dtype)
    with pytest.raises(RuntimeError, match=r"floating.*x.float\(\)"):
        x.requires_grad_()
    with pytest.raises(RuntimeError, match=r"floating"):
        x.requires_grad = True
    with pytest.raises(RuntimeError, match=r"floating"):
        t.zeros(2, dtype=dtype, requires_grad=True)
    assert not x.requires_grad_(False).requires_grad


def test_results_require_grad_if_an_input_does() -> None:
    x, c = leaf(), t.ones(3)
    assert (x + c).requires_grad and (c + x).requires_grad
    assert not (c + c).requires_grad
    assert not (x > 1).requires_grad and not x.argmax().requires_grad
    assert not x.long().requires_grad


def test_leaves() -> None:
    x = leaf()
    assert x.is_leaf and t.ones(2).is_leaf and (t.ones(2) * 2).is_leaf and x.detach().is_leaf
    assert not (x * 2).is_leaf
    assert x.grad_fn is None and repr((x * 2).grad_fn) == "<mul>"
    assert (x * 2).grad_fn.name == "mul"


def test_the_graph_can_be_walked() -> None:
    node = (leaf().exp() * 2 + leaf()).sum().grad_fn
    names = []
    while hasattr(node, "next_functions"):
        names.append(node.name)
        node = node.next_functions[0][0]
    assert names == ["sum", "add", "mul", "exp"]


def test_requires_grad_of_computed_tensors() -> None:
    y = leaf() * 2
    assert y.requires_grad_().requires_grad
    with pytest.raises(RuntimeError, match=r"x.detach\(\)"):
        y.requires_grad = False


def test_freezing() -> None:
    x, w = leaf(), leaf()
    w.requires_grad = False
    (x * w).sum().backward()
    assert w.grad is None and x.grad.tolist() == [1.0, 2.0, 3.0]


def test_grad_can_be_set() -> None:
    x = leaf()
    x.grad = t.ones(3)
    (x * 1).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    x.grad = None
    assert x.grad is None
    with pytest.raises(RuntimeError, match=r"float32\(3,\).*float32\(2,\)"):
        x.grad = t.ones(2)
    with pytest.raises(RuntimeError, match=r"float64"):
        x.grad = t.ones(3, dtype=t.float64)
    with pytest.raises(TypeError, match=r"Tensor or None, got float"):
        x.grad = 1.0


def test_grad_of_a_tensor_that_does_not_require_it() -> None:
    x = t.ones(2)
    x.grad = t.ones(2)
    assert x.grad.tolist() == [1.0, 1.0]
    assert not x.requires_grad and not (x * 2).requires_grad
    x.requires_grad_()
    assert (x * 2).requires_grad


def test_detach_shares_memory_and_cuts() -> None:
    x = leaf()
    y = x * x
    (y.detach() * x).sum().backward()
    assert x.grad.tolist() == [1.0, 4.0, 9.0]
    assert np.shares_memory(y.detach().array, y.array)


def test_numpy_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"x.detach\(\).numpy\(\)"):
        leaf().numpy()
    with pytest.raises(RuntimeError, match=r"detach"):
        np.asarray(leaf())


def test_deepcopy() -> None:
    x = leaf()
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad and y.grad.tolist() == x.grad.tolist()
    assert not np.shares_memory(y.array, x.array)
    assert not np.shares_memory(y.grad.array, x.grad.array)
    with pytest.raises(RuntimeError, match=r"only leaf"):
        copy.deepcopy(x * 2)


def test_printing_shows_the_place_in_the_graph() -> None:
    x = leaf(1.0)
    assert repr(x) == "tensor([1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2.], grad_fn=<mul>)"
    assert repr(x.detach()) == "tensor([1.])"


# --- in place: what is refused --------------------------------------------------------------------

CHANGES = {
    "add_": lambda x: x.add_(1),
    "iadd": lambda x: x.__iadd__(1),
    "imul": lambda x: x.__imul__(2),
    "setitem": lambda x: x.__setitem__(0, 9.0),
    "zero_": lambda x: x.zero_(),
    "fill_": lambda x: x.fill_(2.0),
    "copy_": lambda x: x.copy_(t.ones(3)),
    "exp_": lambda x: x.exp_(),
    "clamp_": lambda x: x.clamp_(0, 1),
    "masked_fill_": lambda x: x.masked_fill_(t.tensor([True, False, True]), 0),
    "normal_": lambda x: x.normal_(),
    "uniform_": lambda x: x.uniform_(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_leaves_are_not_changed_while_followed(change) -> None:
    x = leaf()
    with pytest.raises(RuntimeError, match=r"leaf that requires grad"):
        change(x)
    assert x.tolist() == [1.0, 2.0, 3.0]
    with no_grad():
        change(x)
    assert x.tolist() != [1.0, 2.0, 3.0]
    assert x.is_leaf and x.requires_grad


def test_views_of_leaves_are_not_changed() -> None:
    x = leaf()
    for view in (x[:2], x.view(3), x.split(1)[0], x.detach().view(3)):
        with pytest.raises(RuntimeError, match=r"base\[index\] = value"):
            view.add_(leaf(1.0))


def test_what_backward_needs_must_not_have_changed() -> None:
    for make in (
        lambda y: y * y,
        lambda y: y.exp().add_(1),
        lambda y: y.sigmoid().mul_(2),
        lambda y: y.square(),
    ):
        y = leaf() * 2
        z = make(y).sum()
        y.mul_(3)
        with pytest.raises(RuntimeError, match=r"changed in place after.*x = x \+ y"):
            z.backward()


def test_constants_must_not_have_changed_either() -> None:
    w = t.ones(4)
    y = (leaf() * w[1:]).sum()
    w[0] = 5.0  # another part of the same memory: told apart by nothing, so refused
    with pytest.raises(RuntimeError, match=r"changed in place"):
        y.backward()


def test_changes_before_use_are_fine() -> None:
    x, w = leaf(), t.ones(3)
    w.mul_(2)
    (x * w).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_view_taken_before_a_change_is_stale() -> None:
    x = leaf()
    y = x * 2
    view = y[:2]
    y.mul_(3)
    with pytest.raises(RuntimeError, match=r"shares memory.*Take the view again"):
        view * 2
    (y[:2] * 2).sum().backward()
    assert x.grad.tolist() == [12.0, 12.0, 0.0]


def test_a_constant_with_views_does_not_become_followed() -> None:
    x, y = leaf(), t.zeros(3)
    view = y.view(3)
    with pytest.raises(RuntimeError, match=r"other tensors share"):
        y[0] = x[0]
    del view
    y[0] = x[0]
    (y * y).sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 0.0]


def test_expanded_tensors_are_not_written() -> None:
    x = t.ones(1).expand(3)
    for change in (lambda: x.add_(1), lambda: x.__setitem__(0, 1.0)):
        with pytest.raises(RuntimeError, match=r"expanded.*clone\(\)"):
            change()


# --- in place: what is right ----------------------------------------------------------------------


def test_intermediates_may_be_changed() -> None:
    x = leaf()
    y = x * 2
    y += 1
    y.mul_(x)  # (2x + 1) x
    y.sub_(x)
    y /= 2  # x²
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_factors_are_those_before_the_change() -> None:
    x = leaf()
    y = x * 2
    y.mul_(x)
    y.mul_(y)
    y.sum().backward()  # (2x²)², whose derivative is 16x³
    assert x.grad.tolist() == [16.0, 128.0, 432.0]


def test_setitem() -> None:
    x, v = leaf(), t.tensor(5.0, requires_grad=True)
    y = x * 2
    y[1] = v * 3
    (y * y).sum().backward()
    assert x.grad.tolist() == [8.0, 0.0, 24.0]
    assert v.grad.item() == 90.0


def test_setitem_into_a_constant() -> None:
    x = leaf()
    y = t.zeros(2, 3)
    for i in range(3):
        y[0, i] = x[i] * (i + 1)
    y[1] = y[0].clone() * x
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 10.0, 21.0]


@pytest.mark.parametrize(
    "index",
    [0, slice(1, None), ..., (0, 1), (slice(None), 1), [0, 1], t.tensor([True, False]),
     (slice(None), t.tensor([0, 2])), (t.tensor([1, 0]), t.tensor([0, 1]))],
    ids=str,
)  # fmt: skip
def test_setitem_at_any_index(index) -> None:
    x = t.arange(6.0).reshape(2, 3).requires_grad_()
    v = t.tensor(2.0, requires_grad=True)
    y = x * 1
    y[index] = v * 3
    (y * y).sum().backward()
    written = (y.detach() != x.detach()).numpy() | (y.detach().numpy() == 6.0)
    np.testing.assert_array_equal(x.grad.numpy(), np.where(written, 0, 2 * x.detach().numpy()))
    assert v.grad.item() == 36.0 * written.sum()


def test_filling_cuts_off() -> None:
    x = leaf()
    y = x * 2
    y.zero_()
    assert y.requires_grad
    y += x
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_copying_converts_the_gradient() -> None:
    x = t.tensor([1.5], dtype=t.float64, requires_grad=True)
    y = t.zeros(2, 3)
    y.copy_(x)
    (y * y).sum().backward()
    assert x.grad.dtype == t.float64 and x.grad.tolist() == [18.0]


def test_intermediates_under_no_grad() -> None:
    """What a rule keeps is kept apart, so the gradient is that of the operations followed."""
    x = leaf(0.0, 1.0)
    y = x.exp()
    with no_grad():
        y.mul_(0)
    (y + x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([0.0, 1.0]) + 1, rtol=1e-6)


def test_intermediates_under_no_grad_that_were_used_before() -> None:
    x = leaf()
    y = x + 0
    z = y * 2
    with no_grad():
        y.mul_(10)
    (y + z).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0, 3.0]


def test_leaves_under_no_grad_are_noticed() -> None:
    w, x = leaf(), leaf()
    y = (w * x).sum()
    with no_grad():
        w -= 0.5
    with pytest.raises(RuntimeError, match=r"changed in place"):
        y.backward()
    (w * x).sum().backward()
    assert x.grad.tolist() == [0.5, 1.5, 2.5]


def test_an_index_is_kept_as_it_was() -> None:
    x, k = leaf(), t.tensor([0, 1])
    y = x[k]
    k.add_(1)
    (y * y).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 0.0]


def test_a_training_loop() -> None:
    w = leaf(0.0, 0.0, 0.0)
    x = t.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    target = t.tensor([1.0, 2.0, 3.0])
    for _ in range(200):
        loss = (x @ w - target).square().sum()
        (g,) = grad(loss, w)
        with no_grad():
            w -= 0.1 * g
    np.testing.assert_allclose(w.detach().numpy(), [1.0, 1.0, 3.0], atol=1e-4)


def test_backward_to_chosen_leaves() -> None:
    x, y = t.ones(2, requires_grad=True), t.ones(2, requires_grad=True)
    (x * y).sum().backward(inputs=[x])
    assert x.grad is not None and y.grad is None
    with pytest.raises(RuntimeError, match="input 0 does not require grad"):
        (x * y).sum().backward(inputs=t.ones(2))


def test_whether_a_computed_tensor_is_followed_is_not_set() -> None:
    y = t.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match=r"computed tensor.*detach"):
        y.requires_grad = True


def test_missing_gradients_as_zeros() -> None:
    x, y = t.ones(2, requires_grad=True), t.ones(3, requires_grad=True)
    by_x, by_y = tt_autograd.grad(x.sum(), [x, y], materialize_grads=True)
    assert by_x.tolist() == [1, 1] and by_y.tolist() == [0, 0, 0]


def test_leaves_never_share_their_gradients_memory() -> None:
    x, y = t.ones(2, requires_grad=True), t.ones(2, requires_grad=True)
    (x + y).backward(seed := t.ones(2))
    assert x.grad is not None and y.grad is not None
    arrays = [x.grad.numpy(), y.grad.numpy(), seed.numpy()]
    for i in range(3):
        assert not any(np.shares_memory(arrays[i], arrays[j]) for j in range(i))


def test_no_grad_in_one_thread_leaves_the_others_alone() -> None:
    x, inside, go_on = t.ones(2, requires_grad=True), threading.Event(), threading.Event()

    def other() -> None:
        with tt_autograd.no_grad():
            inside.set()
            go_on.wait()

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait()
    assert (x * x).requires_grad and x.exp().requires_grad and x.reshape(1, 2).requires_grad
    go_on.set()
    thread.join()
    assert (x * x).requires_grad

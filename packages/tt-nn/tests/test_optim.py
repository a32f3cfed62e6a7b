"""Optimizers: updates in place, groups, state, and what they refuse."""

from __future__ import annotations

import copy
import gc
import math
import weakref

import numpy as np
import pytest

from tt_nn.optim import SGD, Adam, AdamW, Optimizer, adam_update, sgd_update
from tt_nn.optim.blocks import BLOCK_BYTES, blocks
from tt_tensor import Tensor, from_numpy, ones, randn, tensor, zeros

OPTIMIZERS = {
    "sgd": lambda params: SGD(params, lr=0.1),
    "momentum": lambda params: SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda params: Adam(params, lr=0.1),
    "amsgrad": lambda params: Adam(params, lr=0.1, amsgrad=True, weight_decay=0.01),
    "adamw": lambda params: AdamW(params, lr=0.1),
}
each_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


def leaf(*shape: int) -> Tensor:
    return randn(*shape, requires_grad=True)


def with_gradient(*shape: int) -> Tensor:
    p = leaf(*shape)
    p.grad = randn(*shape)
    return p


# ---- the updates, as equations -------------------------------------------------------------------


def test_sgd_update_is_its_equations() -> None:
    p, g, b = np.array([1.0, -2.0]), np.array([0.5, 3.0]), np.array([4.0, 5.0])
    decayed = g + 0.1 * p
    buffer = 0.9 * b + 0.8 * decayed
    plain, nesterov = p - 0.01 * buffer, p - 0.01 * (decayed + 0.9 * buffer)
    for look_ahead, expected in ((False, plain), (True, nesterov)):
        param, momentum = p.copy(), b.copy()
        sgd_update(param, g, momentum, 0.01, 0.9, 0.2, 0.1, look_ahead)
        np.testing.assert_allclose(param, expected, rtol=1e-15)
        np.testing.assert_allclose(momentum, buffer, rtol=1e-15)


@pytest.mark.parametrize("decoupled", [False, True])
def test_adam_update_is_its_equations(decoupled: bool) -> None:
    p, g = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    m, v = np.array([0.1, 0.2]), np.array([0.3, 0.4])
    param, first, second = p.copy(), m.copy(), v.copy()
    adam_update(param, g, first, second, 7, 0.01, 0.8, 0.9, 1e-3, 0.1, decoupled)
    grad = g if decoupled else g + 0.1 * p
    m, v = 0.8 * m + 0.2 * grad, 0.9 * v + 0.1 * grad**2
    start = p * (1 - 0.01 * 0.1) if decoupled else p
    expected = start - 0.01 * (m / (1 - 0.8**7)) / (np.sqrt(v / (1 - 0.9**7)) + 1e-3)
    np.testing.assert_allclose(first, m, rtol=1e-14)
    np.testing.assert_allclose(second, v, rtol=1e-14)
    np.testing.assert_allclose(param, expected, rtol=1e-14)


@pytest.mark.parametrize("size", [0, 1, 7, BLOCK_BYTES // 4, BLOCK_BYTES // 4 + 1, 100_001])
def test_long_arrays_are_updated_in_every_place(size: int) -> None:
    rng = np.random.default_rng(0)
    p, g, m = (rng.standard_normal(size).astype("float32") for _ in range(3))
    v = m * m
    one_by_one = p.copy()
    adam_update(p, g, m.copy(), v.copy(), 3, 0.1, 0.9, 0.99, 1e-8, 0.1)
    for part in np.array_split(np.arange(size), max(size // 1000, 1)):
        few = one_by_one[part]
        adam_update(few, g[part], m[part], v[part], 3, 0.1, 0.9, 0.99, 1e-8, 0.1)
        one_by_one[part] = few
    np.testing.assert_array_equal(p, one_by_one)


def test_blocks_cover_everything_once() -> None:
    x = np.zeros((3, 50_000), "float32")
    for part, scratch in blocks(x, work=1):
        assert part.shape == scratch.shape and part.nbytes <= BLOCK_BYTES
        part += 1
    assert (x == 1).all()


@each_optimizer
def test_arrays_in_any_order_in_memory(make) -> None:
    values, gradient = np.random.default_rng(0).standard_normal((2, 300, 200)).astype("float32")
    results = []
    for order in (np.ascontiguousarray, np.asfortranarray, lambda a: np.repeat(a, 2, 1)[:, ::2]):
        p = from_numpy(order(values).copy(order="K")).requires_grad_()
        p.grad = from_numpy(order(gradient))
        optimizer = make([p])
        for _ in range(3):
            optimizer.step()
        results.append(p.array)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


# ---- what a step does and does not ---------------------------------------------------------------


@each_optimizer
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_a_step_keeps_memory_dtype_and_gradient(make, dtype: str) -> None:
    p = from_numpy(np.ones((3, 2), dtype)).requires_grad_()
    p.grad = from_numpy(np.full((3, 2), 0.5, dtype))
    array = p.array
    make([p]).step()
    assert p.array is array and p.dtype == np.dtype(dtype) and p.is_leaf
    assert (p.array < 1).all() and (p.grad.array == 0.5).all()


@each_optimizer
def test_a_zero_dim_parameter(make) -> None:
    p = tensor(1.0, requires_grad=True)
    p.grad = tensor(2.0)
    optimizer = make([p])
    optimizer.step()
    optimizer.step()
    assert p.shape == () and p.item() < 1


@each_optimizer
def test_it_minimises(make) -> None:
    p = leaf(5)
    optimizer = make([p])
    for _ in range(200):
        optimizer.zero_grad()
        ((p - 3) ** 2).sum().backward()
        optimizer.step()
    assert ((p - 3).array ** 2).max() < 0.05


@each_optimizer
def test_maximize_climbs(make) -> None:
    up, down = leaf(4), leaf(4)
    up.array[...] = 0
    down.array[...] = 0
    up.grad, down.grad = ones(4), -ones(4)
    first, second = make([{"params": [up], "maximize": True}]), make([down])
    for _ in range(3):
        first.step()
        second.step()
    np.testing.assert_array_equal(up.array, down.array)
    assert (up.array > 0).all()


@each_optimizer
def test_replaced_memory_is_followed(make) -> None:
    p = with_gradient(3)
    optimizer = make([p])
    optimizer.step()
    old, p.data = p.array, zeros(3)
    before = old.copy()
    optimizer.step()
    assert (p.array != 0).all() and (old == before).all()


@each_optimizer
def test_parameters_without_gradient_are_left_alone(make) -> None:
    p, q = with_gradient(3), leaf(3)
    before = q.array.copy()
    optimizer = make([p, q])
    optimizer.step()
    assert (q.array == before).all() and q not in optimizer.state


@each_optimizer
def test_nan_and_infinity_speak_for_themselves(make) -> None:
    p = leaf(4)
    p.grad = tensor([1.0, math.nan, math.inf, 1e30])
    make([p]).step()
    assert math.isfinite(p[0].item()) and math.isnan(p[1].item())


def test_backward_through_an_old_value_raises() -> None:
    p = leaf(3)
    loss = (p * p * p).sum()
    loss.backward(retain_graph=True)
    SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError):
        loss.backward()


def test_a_plain_step_allocates_no_graph() -> None:
    p = with_gradient(3)
    optimizer = Adam([p])
    optimizer.step()
    assert p.grad_fn is None and not optimizer.state[p]["exp_avg"].requires_grad
    gone = weakref.ref(p)
    del p, optimizer
    gc.collect()
    assert gone() is None


def test_a_closure_is_computed_with_gradients() -> None:
    from tt_autograd import no_grad

    p = leaf(3)
    optimizer = SGD([p], lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    before = float((p.array**2).sum())
    with no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == pytest.approx(before)
    assert float((p.array**2).sum()) < before


def test_zero_grad() -> None:
    p, q = with_gradient(3), leaf(2)
    optimizer = SGD([p, q])
    grad = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.array is grad.array and (grad.array == 0).all() and q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


def test_an_optimizer_of_ones_own() -> None:
    class Sign(Optimizer):
        def __init__(self, params, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        def update(self, param, grad, group, state) -> None:
            state["count"] = state.get("count", 0) + 1
            param -= group["lr"] * np.sign(grad)

    p = tensor([1.0, 1.0], requires_grad=True)
    p.grad = tensor([5.0, -0.1])
    optimizer = Sign([p], lr=0.5)
    optimizer.step()
    assert p.tolist() == [0.5, 1.5] and optimizer.state[p]["count"] == 1


# ---- groups --------------------------------------------------------------------------------------


def test_groups_have_their_own_hyperparameters() -> None:
    p, q = with_gradient(3), with_gradient(3)
    before = q.array.copy()
    optimizer = SGD([{"params": p, "lr": 1.0}, {"params": [q]}], lr=0.0, momentum=0.5)
    optimizer.step()
    assert (q.array == before).all()
    assert [g["lr"] for g in optimizer.param_groups] == [1.0, 0.0]
    assert all(g["momentum"] == 0.5 for g in optimizer.param_groups)
    r = with_gradient(2)
    optimizer.add_param_group({"params": [r], "lr": 3.0})
    assert optimizer.param_groups[2]["params"] == [r] or optimizer.param_groups[2]["lr"] == 3.0


def test_named_parameters() -> None:
    p, q = leaf(3), leaf(2)
    optimizer = Adam([("weight", p), ("bias", q)])
    assert optimizer.param_groups[0]["params"][0] is p
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="names for all"):
        Adam([("weight", p), q])
    with pytest.raises(ValueError, match="all groups or for none"):
        optimizer.add_param_group({"params": [leaf(1)]})
    with pytest.raises(ValueError, match="weight"):
        optimizer.add_param_group({"params": [("weight", p)]})


def test_the_callers_dicts_are_not_changed() -> None:
    group = {"params": [leaf(2)]}
    SGD([group], lr=0.5)
    assert group.keys() == {"params"}


def test_parameters_from_a_generator() -> None:
    assert len(SGD(leaf(2) for _ in range(3)).param_groups[0]["params"]) == 3


@pytest.mark.parametrize(
    "params, error, message",
    [
        (lambda: [], ValueError, "at least one parameter, got none"),
        (lambda: iter(()), ValueError, "got none"),
        (lambda: leaf(3), TypeError, "got a single Tensor"),
        (lambda: [np.zeros(3)], TypeError, "number 0 is a ndarray"),
        (lambda: [leaf(2), "weight"], TypeError, "number 1 is a str"),
        (lambda: [leaf(3) * 2], ValueError, "expects leaf tensors"),
        (lambda: [{"lr": 0.1}], ValueError, "'params'"),
        (lambda: [{"params": {leaf(1)}}], TypeError, "set"),
        (lambda: [leaf(1), {"params": []}], TypeError, "number 1 is a dict"),
    ],
)
def test_what_cannot_be_optimised(params, error, message: str) -> None:
    for kind in (SGD, Adam, AdamW):
        with pytest.raises(error, match=message):
            kind(params())


def test_a_parameter_twice() -> None:
    p = leaf(3)
    with pytest.raises(ValueError, match="given twice"):
        SGD([p, p])
    with pytest.raises(ValueError, match="given twice"):
        SGD([{"params": [p]}, {"params": [p]}])
    assert SGD([leaf(3), leaf(3)])  # equal values are two parameters


@pytest.mark.parametrize(
    "options",
    [
        {"lr": -0.1},
        {"lr": math.nan},
        {"weight_decay": -1},
        {"eps": -1e-8},
        {"betas": (1.0, 0.9)},
        {"betas": (0.9, -0.1)},
        {"betas": (0.9,)},
    ],
)
def test_hyperparameters_that_make_no_sense(options: dict) -> None:
    (name,) = options
    for kind in (Adam, AdamW):
        with pytest.raises(ValueError, match=name):
            kind([leaf(2)], **options)
        with pytest.raises(ValueError, match=name):
            kind([{"params": [leaf(2)], **options}])


def test_sgd_hyperparameters_that_make_no_sense() -> None:
    for options in ({"lr": -1}, {"momentum": -0.1}, {"weight_decay": -1}):
        with pytest.raises(ValueError, match=next(iter(options))):
            SGD([leaf(2)], **options)
    for options in ({"momentum": 0}, {"momentum": 0.9, "dampening": 0.1}):
        with pytest.raises(ValueError, match="nesterov"):
            SGD([leaf(2)], nesterov=True, **options)


def test_a_tensor_as_learning_rate() -> None:
    optimizer = SGD([leaf(2)], lr=tensor(0.5))
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert type(optimizer.param_groups[0]["lr"]) is float


def test_repr_tells_the_hyperparameters() -> None:
    text = repr(AdamW([leaf(2)], lr=0.25))
    assert text.startswith("AdamW (\nParameter Group 0\n") and "    lr: 0.25\n" in text


# ---- state ---------------------------------------------------------------------------------------


def run(make, steps: int, reload_at: int | None = None, through=None) -> list[np.ndarray]:
    """Train two parameters; on the way, move the state to a new optimizer."""
    rng = np.random.default_rng(0)
    params = [from_numpy(rng.standard_normal(s)).requires_grad_() for s in ((3, 2), (4,))]
    optimizer = make([{"params": params[:1], "lr": 0.05}, {"params": params[1:]}])
    for step in range(steps):
        if step == reload_at:
            state = through(optimizer.state_dict())
            optimizer = make([{"params": params[:1]}, {"params": params[1:]}])
            optimizer.load_state_dict(state)
        for p in params:
            p.grad = from_numpy(rng.standard_normal(p.shape))
        optimizer.step()
    return [p.array for p in params]


@each_optimizer
def test_state_goes_on_where_it_was(make) -> None:
    expected = run(make, 8)
    for found, wanted in zip(run(make, 8, 4, copy.deepcopy), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_loaded_state_is_a_copy_in_the_parameters_dtype() -> None:
    p = with_gradient(3)
    optimizer = Adam([p])
    optimizer.step()
    state = optimizer.state_dict()
    double = from_numpy(np.ones(3)).requires_grad_()
    other = Adam([double])
    other.load_state_dict(state)
    mean = other.state[double]["exp_avg"]
    assert mean.dtype == np.float64 and other.state[double]["step"].item() == 1
    mean.array[...] = 7
    assert (state["state"][0]["exp_avg"].array != 7).all()


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    p, q = with_gradient(3), with_gradient(2)
    optimizer = Adam([p, q])
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    for other in (Adam([leaf(3)]), Adam([{"params": [leaf(3)]}, {"params": [leaf(2)]}])):
        with pytest.raises(ValueError, match="expected the state of groups"):
            other.load_state_dict(state)
    swapped = Adam([leaf(2), leaf(3)])
    with pytest.raises(ValueError, match="exp_avg of parameter 0"):
        swapped.load_state_dict(state)
    assert not swapped.state
    with pytest.raises(ValueError, match="param_groups"):
        optimizer.load_state_dict({"weight": ones(2)})

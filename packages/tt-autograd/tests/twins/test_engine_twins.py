"""Small programs, each run by both frameworks: the same values and gradients, or both refuse.

Every function ``case_...(t, ag)`` takes tt_tensor and tt_autograd, or torch and torch.autograd.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tt_autograd
import tt_tensor

torch = pytest.importorskip("torch")


def leaf(t: Any, *numbers: float) -> Any:
    return t.tensor(list(numbers) or [1.0, 2.0, 3.0], requires_grad=True)


# --- accumulation and reuse -----------------------------------------------------------------------


def case_twice_the_same_input(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (x + x).sum().backward()
    return x.grad


def case_shared_subgraph(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * x
    z = y + y.exp() * y
    z.sum().backward()
    return x.grad


def case_gradients_do_not_share_memory(t: Any, ag: Any) -> Any:
    x, y = leaf(t), leaf(t)
    (x + y).sum().backward()
    x.grad.mul_(10)
    return x.grad, y.grad


def case_gradient_of_the_start_is_not_the_leafs(t: Any, ag: Any) -> Any:
    x = leaf(t)
    start = t.ones(3)
    (x + 0).backward(start)
    x.grad.mul_(10)
    return start, x.grad


def case_accumulates(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (x * 2).sum().backward()
    (x * x).sum().backward()
    return x.grad


def case_accumulates_in_place(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (x * 2).sum().backward()
    held = x.grad
    (x * x).sum().backward()
    return held, held is x.grad


def case_grad_reset(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (x * 2).sum().backward()
    x.grad = None
    (x * x).sum().backward()
    return x.grad


def case_grad_assigned(t: Any, ag: Any) -> Any:
    x = leaf(t)
    x.grad = t.ones(3)
    (x * x).sum().backward()
    return x.grad


def case_grad_zeroed(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (x * 2).sum().backward()
    x.grad.zero_()
    (x * x).sum().backward()
    return x.grad


def case_grad_of_wrong_shape(t: Any, ag: Any) -> Any:
    leaf(t).grad = t.ones(2)


def case_grad_of_wrong_dtype(t: Any, ag: Any) -> Any:
    leaf(t).grad = t.ones(3, dtype=t.float64)


def case_grad_that_is_no_tensor(t: Any, ag: Any) -> Any:
    leaf(t).grad = 1.0


def case_grad_of_the_inputs_only(t: Any, ag: Any) -> Any:
    x = leaf(t)
    kept = ag.grad((x * x).sum(), x, None, True, True, True)
    named = ag.grad(outputs=(x * x).sum(), inputs=[x], only_inputs=True, create_graph=True)
    return kept, named, x.grad


def case_grad_deleted(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (x * 2).sum().backward()
    x.grad = None
    return x.grad


# --- operators that write in place ----------------------------------------------------------------


def case_augmented_assignment_keeps_the_memory(t: Any, ag: Any) -> Any:
    x, mask = t.arange(7), t.tensor([True, False])
    held, held_mask, other = x, mask, mask.clone()
    x //= 2
    x **= 3
    x %= 5
    mask |= t.tensor([False, True])
    mask &= True
    mask ^= other
    return held, held_mask


def case_augmented_power_of_an_intermediate(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * 2
    y **= 3
    y.sum().backward()
    return x.grad


def case_augmented_remainder_of_a_leaf(t: Any, ag: Any) -> Any:
    x = leaf(t)
    x %= 2


def case_adam_in_place(t: Any, ag: Any) -> Any:
    """The optimizer as many write it: means kept in place, one fused update."""
    p, mean, square = leaf(t), t.zeros(3), t.zeros(3)
    for step in range(1, 4):
        (g,) = ag.grad((p * p * p).sum(), p)
        mean.mul_(0.9).add_(g, alpha=0.1)
        square.mul_(0.99).addcmul_(g, g, value=0.01)
        with ag.no_grad():
            p.addcdiv_(mean, square.sqrt().add_(1e-8), value=-0.1 / step)
    return p.detach(), mean.lerp_(square, 0.5)


def case_in_place_with_tensors_that_require_grad(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * 2
    y.addcmul_(x, x, value=3).lerp_(x * 5, 0.25).addcdiv_(x, x.detach() + 1)
    y.index_add_(0, t.tensor([0, 0, 2]), x, alpha=2).scatter_(0, t.tensor([1]), x[:1] * 3)
    (y * y).sum().backward()
    return x.grad


# --- second passes --------------------------------------------------------------------------------


def case_second_backward_raises(t: Any, ag: Any) -> Any:
    y = (leaf(t) * leaf(t)).sum()
    y.backward()
    y.backward()


def case_second_backward_with_retain(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


def case_third_backward_raises(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    y.backward()


def case_add_may_run_twice(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    return x.grad


def case_partly_freed_add_part(t: Any, ag: Any) -> Any:
    x = leaf(t)
    shared = x + 1
    (shared * 2).sum().backward()
    (shared * 3).sum().backward()
    return x.grad


def case_partly_freed_mul_part(t: Any, ag: Any) -> Any:
    x = leaf(t)
    shared = x * x
    (shared * 2).sum().backward()
    (shared * 3).sum().backward()


def case_partly_freed_exp_part(t: Any, ag: Any) -> Any:
    shared = leaf(t).exp()
    shared.sum().backward()
    shared.sum().backward()


# --- where backward starts ------------------------------------------------------------------------


def case_not_scalar_raises(t: Any, ag: Any) -> Any:
    (leaf(t) * 2).backward()


def case_one_element_of_some_dims(t: Any, ag: Any) -> Any:
    x = t.tensor([[2.0]], requires_grad=True)
    (x * x).backward()
    return x.grad


def case_gradient_given(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (x * x).backward(t.tensor([1.0, 0.0, -1.0]))
    return x.grad


def case_gradient_by_name(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (x * x).backward(gradient=t.ones(3), retain_graph=False)
    return x.grad


def case_gradient_of_wrong_shape(t: Any, ag: Any) -> Any:
    (leaf(t) * 2).backward(t.ones(2))


def case_backward_of_a_constant(t: Any, ag: Any) -> Any:
    t.ones(1).backward()


def case_backward_of_a_leaf(t: Any, ag: Any) -> Any:
    x = t.tensor(2.0, requires_grad=True)
    x.backward()
    x.backward()
    return x.grad


def case_backward_of_detached(t: Any, ag: Any) -> Any:
    (leaf(t) * 2).sum().detach().backward()


def case_backward_of_integers(t: Any, ag: Any) -> Any:
    leaf(t).argmax().backward()


def case_backward_of_several(t: Any, ag: Any) -> Any:
    x = leaf(t)
    ag.backward([(x * x).sum(), (x * 3).sum()])
    return x.grad


def case_backward_of_several_with_gradients(t: Any, ag: Any) -> Any:
    x = leaf(t)
    ag.backward([x * x, (x * 3).sum()], [t.ones(3), t.tensor(2.0)])
    return x.grad


def case_backward_with_too_few_gradients(t: Any, ag: Any) -> Any:
    x = leaf(t)
    ag.backward([x * x, x * 3], [t.ones(3)])


def case_backward_of_the_same_output_twice(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = (x * x).sum()
    ag.backward([y, y])
    return x.grad


def case_backward_of_an_output_and_its_input(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = (x * x).sum()
    z = y * 3
    ag.backward([y, z])
    return x.grad


# --- grad() ---------------------------------------------------------------------------------------


def case_grad_of_leaves(t: Any, ag: Any) -> Any:
    x, y = leaf(t), leaf(t)
    found = ag.grad((x * y).sum(), (x, y))
    return found, x.grad


def case_grad_of_one_input(t: Any, ag: Any) -> Any:
    x = leaf(t)
    return ag.grad((x * x).sum(), x)


def case_grad_of_a_computed_input(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * x
    return ag.grad((y * y).sum(), [y])


def case_grad_of_computed_and_leaf(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * x
    return ag.grad((y * x).sum(), [y, x])


def case_grad_of_the_output_itself(t: Any, ag: Any) -> Any:
    y = (leaf(t) * 2).sum()
    return ag.grad(y, y)


def case_grad_of_one_piece(t: Any, ag: Any) -> Any:
    x = leaf(t)
    first, second = (x * x).split([1, 2])
    return ag.grad((first * 2).sum() + (second * 3).sum(), [first, second, x])


def case_grad_of_the_same_input_twice(t: Any, ag: Any) -> Any:
    x = leaf(t)
    return ag.grad((x * x).sum(), [x, x])


def case_grad_unused_raises(t: Any, ag: Any) -> Any:
    ag.grad((leaf(t) * 2).sum(), [leaf(t)])


def case_grad_unused_allowed(t: Any, ag: Any) -> Any:
    x, other = leaf(t), leaf(t)
    return ag.grad((x * 2).sum(), [x, other], allow_unused=True)


def case_grad_of_a_constant_raises(t: Any, ag: Any) -> Any:
    ag.grad((leaf(t) * 2).sum(), [t.ones(3)])


def case_grad_outputs(t: Any, ag: Any) -> Any:
    x = leaf(t)
    return ag.grad(x * x, x, t.tensor([1.0, 2.0, 0.0]))


def case_grad_outputs_wrong_count(t: Any, ag: Any) -> Any:
    x = leaf(t)
    return ag.grad([x * x, x], x, [t.ones(3)])


def case_grad_not_scalar_raises(t: Any, ag: Any) -> Any:
    x = leaf(t)
    ag.grad(x * x, x)


def case_grad_frees(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = (x * x).sum()
    ag.grad(y, x)
    ag.grad(y, x)


def case_grad_retains(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = (x * x).sum()
    ag.grad(y, x, retain_graph=True)
    return ag.grad(y, x)


def case_grad_of_leaf_and_leaf(t: Any, ag: Any) -> Any:
    x = t.tensor(3.0, requires_grad=True)
    return ag.grad(x, x)


def case_second_derivative(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (first,) = ag.grad((x**3).sum(), x, create_graph=True)
    (second,) = ag.grad(first.sum(), x, create_graph=True)
    (third,) = ag.grad(second.sum(), x)
    return first, second, third, first.requires_grad


def case_gradient_penalty(t: Any, ag: Any) -> Any:
    x, w = leaf(t), leaf(t, 0.5, -1.0, 2.0)
    (g,) = ag.grad((x * w).tanh().sum(), x, create_graph=True)
    (g.norm() - 1).square().backward()
    return x.grad, w.grad


def case_backward_with_create_graph(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (x**3).sum().backward(create_graph=True)
    g = x.grad
    x.grad = None
    g.sum().backward()
    return g, x.grad


def case_derivative_by_the_start(t: Any, ag: Any) -> Any:
    x, start = leaf(t), leaf(t)
    (g,) = ag.grad(x * x, x, start, create_graph=True)
    return ag.grad(g.sum(), [start, x])


def case_second_derivative_through_matmul_and_softmax(t: Any, ag: Any) -> Any:
    x = t.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)
    y = (x @ x.T).logsumexp(1).sum()
    (g,) = ag.grad(y, x, create_graph=True)
    return ag.grad(g.square().sum(), x)


# --- modes ----------------------------------------------------------------------------------------


def case_no_grad(t: Any, ag: Any) -> Any:
    x = leaf(t)
    with ag.no_grad():
        y = x * 2
    return y.requires_grad, y.is_leaf, (x * 2).requires_grad


def case_enable_grad_inside_no_grad(t: Any, ag: Any) -> Any:
    x = leaf(t)
    with ag.no_grad(), ag.enable_grad():
        y = x * 2
    return y.requires_grad


def case_no_grad_as_decorator(t: Any, ag: Any) -> Any:
    @ag.no_grad()
    def double(x: Any) -> Any:
        return x * 2

    return double(leaf(t)).requires_grad, double.__name__


def case_no_grad_restores_after_an_error(t: Any, ag: Any) -> Any:
    try:
        with ag.no_grad():
            raise KeyError
    except KeyError:
        return (leaf(t) * 2).requires_grad


def case_set_grad_enabled(t: Any, ag: Any) -> Any:
    x = leaf(t)
    with ag.set_grad_enabled(False):
        first = (x * 2).requires_grad
    with ag.set_grad_enabled(True):
        second = (x * 2).requires_grad
    ag.set_grad_enabled(False)
    third = (x * 2).requires_grad
    ag.set_grad_enabled(True)
    return first, second, third, (x * 2).requires_grad


def case_backward_inside_no_grad(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = (x * x).sum()
    with ag.no_grad():
        y.backward()
    return x.grad


def case_grad_of_gradient_is_not_followed(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (x * x).sum().backward()
    return x.grad.requires_grad


def case_inference_mode(t: Any, ag: Any) -> Any:
    mode = getattr(t, "inference_mode", None) or ag.inference_mode
    with mode():
        return (leaf(t) * 2).requires_grad


# --- leaves, detach, retain_grad ------------------------------------------------------------------


def case_requires_grad_of_integers(t: Any, ag: Any) -> Any:
    t.tensor([1, 2]).requires_grad_()


def case_requires_grad_of_bools(t: Any, ag: Any) -> Any:
    t.tensor([True]).requires_grad = True


def case_requires_grad_false_of_integers(t: Any, ag: Any) -> Any:
    return t.tensor([1, 2]).requires_grad_(False).requires_grad


def case_requires_grad_of_a_computed_tensor(t: Any, ag: Any) -> Any:
    y = leaf(t) * 2
    return y.requires_grad_().requires_grad


def case_requires_grad_off_of_a_computed_tensor(t: Any, ag: Any) -> Any:
    (leaf(t) * 2).requires_grad_(False)


def case_requires_grad_switched_off(t: Any, ag: Any) -> Any:
    x = leaf(t)
    x.requires_grad = False
    return (x * 2).requires_grad, x.requires_grad, x.is_leaf


def case_frozen_after_use(t: Any, ag: Any) -> Any:
    x, w = leaf(t), leaf(t)
    y = (x * w).sum()
    w.requires_grad_(False)
    y.backward()
    return x.grad


def case_is_leaf(t: Any, ag: Any) -> Any:
    x = leaf(t)
    return [v.is_leaf for v in (x, x * 2, x.detach(), t.ones(2), t.ones(2) * 2, x.argmax())]


def case_grad_fn_is_none(t: Any, ag: Any) -> Any:
    x = leaf(t)
    return [v.grad_fn is None for v in (x, x * 2, x.detach(), t.ones(2) * 2)]


def case_detach(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * x
    (y.detach() * x).sum().backward()
    return x.grad, y.detach().requires_grad


def case_detach_shares_memory(t: Any, ag: Any) -> Any:
    x = leaf(t)
    x.detach().mul_(2)
    return x


def case_data_is_written_unnoticed(t: Any, ag: Any) -> Any:
    x = leaf(t)
    x.data.mul_(2)
    x.data = x.data + 1
    (x * x).sum().backward()
    return x, x.grad


def case_retain_grad(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * x
    y.retain_grad()
    (y * y).sum().backward()
    return y.grad, x.grad


def case_retain_grad_accumulates(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x + 1
    y.retain_grad()
    (y * 2).sum().backward()
    (y * 3).sum().backward()
    return y.grad, x.grad


def case_retain_grad_of_a_leaf(t: Any, ag: Any) -> Any:
    x = leaf(t)
    x.retain_grad()
    (x * 2).sum().backward()
    return x.grad


def case_retain_grad_of_a_constant(t: Any, ag: Any) -> Any:
    t.ones(2).retain_grad()


def case_retain_grad_of_a_piece(t: Any, ag: Any) -> Any:
    x = leaf(t)
    first, second = x.split([1, 2])
    first.retain_grad()
    (first * 2).sum().backward()
    return first.grad, second.is_leaf, x.grad


def case_numpy_of_a_followed_tensor(t: Any, ag: Any) -> Any:
    leaf(t).numpy()


def case_item_and_tolist_of_a_followed_tensor(t: Any, ag: Any) -> Any:
    x = leaf(t)
    return x.tolist(), x.sum().item(), float(x.sum()), bool(x.sum() > 1)


def case_comparisons_are_not_followed(t: Any, ag: Any) -> Any:
    x = leaf(t)
    return [(x > 1).requires_grad, x.argmax().requires_grad, x.sort().indices.requires_grad]


def case_to_integers_is_not_followed(t: Any, ag: Any) -> Any:
    return leaf(t).long().requires_grad


def case_dtypes_of_gradients(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = t.tensor([1.0, 2.0, 3.0], dtype=t.float64, requires_grad=True)
    (x.double() * y + x).sum().backward()
    return x.grad, y.grad


def case_mixed_dtypes(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = t.tensor(2.0, dtype=t.float64, requires_grad=True)
    h = t.tensor([1.0, 2.0, 3.0], dtype=t.float16, requires_grad=True)
    (x * y * h).sum().backward()
    return x.grad, y.grad, h.grad


def case_deepcopy(t: Any, ag: Any) -> Any:
    import copy

    x = leaf(t)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    y.grad.mul_(2)
    return x, y, x.grad, y.grad, y.requires_grad


def case_deepcopy_of_a_computed_tensor(t: Any, ag: Any) -> Any:
    import copy

    copy.deepcopy(leaf(t) * 2)


def case_clone_is_followed(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x.clone()
    (y * y).sum().backward()
    return x.grad, y.is_leaf


def case_tensor_of_a_tensor_is_cut_off(t: Any, ag: Any) -> Any:
    return t.tensor((leaf(t) * 2).tolist()).requires_grad


def case_as_tensor_stays_followed(t: Any, ag: Any) -> Any:
    return t.as_tensor(leaf(t) * 2).requires_grad


# --- in place -------------------------------------------------------------------------------------


def case_leaf_in_place_raises(t: Any, ag: Any) -> Any:
    leaf(t).add_(1)


def case_leaf_iadd_raises(t: Any, ag: Any) -> Any:
    x = leaf(t)
    x += 1


def case_leaf_setitem_raises(t: Any, ag: Any) -> Any:
    leaf(t)[0] = 1.0


def case_leaf_zero_raises(t: Any, ag: Any) -> Any:
    leaf(t).zero_()


def case_leaf_copy_raises(t: Any, ag: Any) -> Any:
    leaf(t).copy_(t.ones(3))


def case_leaf_view_in_place_raises(t: Any, ag: Any) -> Any:
    x = leaf(t)
    x[0:2].add_(1)


def case_leaf_under_no_grad(t: Any, ag: Any) -> Any:
    x = leaf(t)
    with ag.no_grad():
        x -= 0.5
        x[0] = 7.0
        x.mul_(2)
    (x * x).sum().backward()
    return x, x.grad, x.is_leaf, x.requires_grad


def case_intermediate_add(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * 2
    y += 1
    y.add_(x)
    (y * y).sum().backward()
    return y, x.grad


def case_intermediate_mul(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * 2
    y.mul_(x)
    y.sum().backward()
    return y, x.grad


def case_intermediate_mul_by_itself_saved_raises(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * 2
    z = y * y
    y.mul_(3)
    z.sum().backward()


def case_saved_output_changed_raises(t: Any, ag: Any) -> Any:
    y = leaf(t).exp()
    y.add_(1)
    y.sum().backward()


def case_saved_sigmoid_changed_raises(t: Any, ag: Any) -> Any:
    y = leaf(t).sigmoid()
    y *= 2
    y.sum().backward()


def case_unsaved_input_changed(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x + 0
    z = y.sum()
    y.mul_(5)
    z.backward()
    return x.grad


def case_constant_factor_changed_raises(t: Any, ag: Any) -> Any:
    x, w = leaf(t), t.ones(3)
    y = (x * w).sum()
    w.add_(1)
    y.backward()


def case_constant_factor_changed_through_a_view_raises(t: Any, ag: Any) -> Any:
    x, w = leaf(t), t.ones(3)
    y = (x * w).sum()
    w[1:].add_(1)
    y.backward()


def case_leaf_factor_changed_under_no_grad_raises(t: Any, ag: Any) -> Any:
    x, w = leaf(t), leaf(t)
    y = (x * w).sum()
    with ag.no_grad():
        w.add_(1)
    y.backward()


def case_changed_before_use(t: Any, ag: Any) -> Any:
    x, w = leaf(t), t.ones(3)
    w.add_(1)
    y = (x * w).sum()
    y.backward()
    return x.grad


def case_setitem_of_a_number(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * 2
    y[1] = 7.0
    (y * y).sum().backward()
    return y, x.grad


def case_setitem_of_a_tensor(t: Any, ag: Any) -> Any:
    x, v = leaf(t), t.tensor(5.0, requires_grad=True)
    y = x * 2
    y[1] = v * 3
    (y * y).sum().backward()
    return y, x.grad, v.grad


def case_setitem_into_a_constant(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = t.zeros(2, 3)
    y[0] = x * 2
    y[1, 1:] = x[:2]
    (y * y).sum().backward()
    return y, x.grad, y.requires_grad, y.is_leaf


def case_setitem_with_a_mask(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * 2
    y[y > 3] = 0.0
    (y * y).sum().backward()
    return y, x.grad


def case_setitem_with_integers(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * 2
    y[t.tensor([0, 2])] = x[:2]
    (y * y).sum().backward()
    return y, x.grad


def case_setitem_int_slice_and_integers(t: Any, ag: Any) -> Any:
    y = t.zeros(2, 3, 4)
    v = t.arange(6.0).reshape(3, 2).requires_grad_()
    y[1, :, t.tensor([0, 3])] = v * 2
    (y * y).sum().backward()
    return y, v.grad


def case_setitem_broadcasts(t: Any, ag: Any) -> Any:
    v = leaf(t)
    y = t.zeros(2, 3)
    y[:] = v
    y[:, 0] = v[2]
    (y * y).sum().backward()
    return y, v.grad


def case_setitem_of_ints_into_floats(t: Any, ag: Any) -> Any:
    y = t.zeros(3)
    y[0] = 2
    y[1:] = t.tensor([3, 4])
    return y


def case_setitem_of_floats_into_ints(t: Any, ag: Any) -> Any:
    y = t.zeros(3, dtype=t.int64)
    y[0] = 2.7
    y[1:] = t.tensor([3.2, 4.9])
    return y


def case_index_changed_after_use(t: Any, ag: Any) -> Any:
    x, k = leaf(t), t.tensor([0, 1])
    y = x[k].square()
    k.add_(1)
    try:
        y.sum().backward()
    except RuntimeError:  # PyTorch refuses; keeping a copy of the index is right as well
        return t.tensor([2.0, 4.0, 0.0])
    return x.grad


def case_view_of_a_temporary_changed(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = (x * 2).view(1, 3)
    y += 1
    (y * y).sum().backward()
    return y, x.grad


def case_copied_then_changed(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = t.zeros(3)
    y.copy_(x * 2)
    y.mul_(x)
    y[0] = x[2]
    y.sum().backward()
    return y, x.grad


def case_create_graph_grads_are_not_shared(t: Any, ag: Any) -> Any:
    x, y = leaf(t), leaf(t)
    (x + y).sum().backward(create_graph=True)
    with ag.no_grad():
        x.grad.mul_(10)
    result = x.grad.detach(), y.grad.detach()
    x.grad = y.grad = None
    return result


def case_function_saved_output_changed_raises(t: Any, ag: Any) -> Any:
    class Exp(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (y,) = ctx.saved_tensors
            return g * y

    y = Exp.apply(leaf(t))
    y.add_(1)
    y.sum().backward()


def case_iterated_setitem(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = t.zeros(3)
    for i in range(3):
        y[i] = x[i] * (i + 1)
    y.sum().backward()
    return y, x.grad


def case_copy_of_a_followed_tensor(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = t.zeros(3)
    y.copy_(x * 2)
    (y * y).sum().backward()
    return x.grad


def case_copy_converts_and_broadcasts(t: Any, ag: Any) -> Any:
    x = t.tensor([1.5], dtype=t.float64, requires_grad=True)
    y = t.zeros(2, 3)
    y.copy_(x)
    (y * y).sum().backward()
    return y, x.grad


def case_fill_and_zero_cut_off(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * 2
    y.zero_()
    y += x
    y.sum().backward()
    return y, x.grad


def case_fill(t: Any, ag: Any) -> Any:
    x = leaf(t)
    y = x * 2
    y.fill_(3.0)
    (y * y).sum().backward()
    return y, x.grad


def case_in_place_functions(t: Any, ag: Any) -> Any:
    x = leaf(t, 0.5, -1.0, 2.0)
    results = []
    for name in ("neg_", "exp_", "relu_", "sigmoid_", "tanh_"):
        y = x * 1.5
        getattr(y, name)()
        (y * t.tensor([1.0, 2.0, 3.0])).sum().backward()
        results += [y.detach(), x.grad]
        x.grad = None
    y = x.abs() + 1
    y.sqrt_()
    (y * y * x).sum().backward()
    results += [y.detach(), x.grad]
    x.grad = None
    y = x + 1
    y.clamp_(1.3, 1.5)
    y.masked_fill_(t.tensor([False, False, True]), 4.0)
    y.sub_(x).div_(2).mul_(x)
    y.scatter_add_(0, t.tensor([0, 0]), x[1:])
    y.sum().backward()
    return results, y, x.grad


def case_in_place_return_themselves(t: Any, ag: Any) -> Any:
    x = t.ones(3)
    return [x.add_(1) is x, x.zero_() is x, x.fill_(2) is x, x.copy_(t.ones(3)) is x]


def case_in_place_with_alpha(t: Any, ag: Any) -> Any:
    return t.ones(3).add_(t.ones(3), alpha=2), t.ones(3).sub_(t.ones(3), alpha=2)


def case_in_place_keeps_dtype(t: Any, ag: Any) -> Any:
    return t.ones(3).add_(t.ones(3, dtype=t.float64)), t.ones(3, dtype=t.int8).mul_(3)


def case_in_place_through_a_view_of_a_constant(t: Any, ag: Any) -> Any:
    y = t.zeros(2, 3)
    y[0].add_(1)
    y.T[1].mul_(5)
    y.view(6)[5] = 9.0
    y[:, 1] += 2
    return y


def case_in_place_grad_of_a_leaf(t: Any, ag: Any) -> Any:
    x = leaf(t)
    (x * x).sum().backward()
    x.grad /= 2
    return x.grad


def case_in_place_on_an_expanded_tensor(t: Any, ag: Any) -> Any:
    t.ones(1).expand(3).add_(1)


def case_optimizer_loop(t: Any, ag: Any) -> Any:
    w, x = leaf(t), t.tensor([0.5, -1.0, 2.0])
    for _ in range(5):
        ((w * x).sum() - 1).square().backward()
        with ag.no_grad():
            w -= 0.01 * w.grad
            w.grad.zero_()
    return w


def case_optimizer_with_data(t: Any, ag: Any) -> Any:
    w, x = leaf(t), t.tensor([0.5, -1.0, 2.0])
    for _ in range(5):
        ((w * x).sum() - 1).square().backward()
        w.data.sub_(w.grad * 0.01)
        w.grad = None
    return w


# --- ties -----------------------------------------------------------------------------------------


def _gradient(t: Any, make: Callable[[Any], Any], *numbers: float) -> Any:
    x = leaf(t, *numbers)
    make(x).sum().backward()
    return x.grad


def case_ties(t: Any, ag: Any) -> Any:
    ties = (2.0, 5.0, 5.0, -1.0, -1.0)
    return [
        _gradient(t, lambda x: x.max(), *ties),
        _gradient(t, lambda x: x.min(), *ties),
        _gradient(t, lambda x: x.amax(0), *ties),
        _gradient(t, lambda x: x.amin(0), *ties),
        _gradient(t, lambda x: x.clamp(-1, 5), *ties),
        _gradient(t, lambda x: x.clamp(5, 5), *ties),
        _gradient(t, lambda x: t.maximum(x, t.tensor(5.0)), *ties),
        _gradient(t, lambda x: t.minimum(x, x), *ties),
        _gradient(t, lambda x: x.clamp(t.tensor(-1.0), t.tensor(5.0)), *ties),
        _gradient(t, lambda x: x.abs(), 0.0, -1.0, 2.0),
        _gradient(t, lambda x: x.relu(), 0.0, -1.0, 2.0),
        _gradient(t, lambda x: x.sign(), 0.0, -1.0, 2.0),
        _gradient(t, lambda x: x.sqrt(), 0.0, 1.0),
        _gradient(t, lambda x: x.norm(), 0.0, 0.0),
        _gradient(t, lambda x: x.norm(1), 0.0, 0.0),
        _gradient(t, lambda x: x.norm(3), 0.0, 0.0),
        _gradient(t, lambda x: x.std(), 2.0, 2.0),
        _gradient(t, lambda x: x**0, 0.0, 2.0),
        _gradient(t, lambda x: x**1, 0.0, 2.0),
        _gradient(t, lambda x: x**2, 0.0, 2.0),
        _gradient(t, lambda x: x**x, 0.0, 2.0),
        _gradient(t, lambda x: 0**x, 0.0, 2.0),
        _gradient(t, lambda x: x.prod(), 0.0, 2.0, 3.0),
        _gradient(t, lambda x: x.prod(), 0.0, 0.0, 3.0),
        _gradient(t, lambda x: x.cumprod(0), 2.0, 0.0, 3.0, 0.0),
        _gradient(t, lambda x: x.logsumexp(0), float("inf"), 1.0),
        _gradient(t, lambda x: t.where(x > 0, x.log(), x), 0.0, 1.0),
    ]


def case_dim_ties(t: Any, ag: Any) -> Any:
    x = t.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], requires_grad=True)
    x.max(1).values.sum().backward()
    one = x.grad.sum(1)
    x.grad = None
    x.amax(1).sum().backward()
    return one, x.grad


# --- views ----------------------------------------------------------------------------------------


def case_what_shares_memory(t: Any, ag: Any) -> Any:
    x = t.arange(24.0).reshape(2, 3, 4)
    makes: list[Callable[[Any], Any]] = [
        lambda x: x.view(-1),
        lambda x: x.reshape(4, 6),
        lambda x: x.transpose(0, 1),
        lambda x: x.permute(2, 0, 1),
        lambda x: x[0],
        lambda x: x[:, 1:],
        lambda x: x[..., ::2],
        lambda x: x[None],
        lambda x: x.squeeze(),
        lambda x: x.unsqueeze(0),
        lambda x: x.split(1)[1],
        lambda x: x.chunk(2, 1)[0],
        lambda x: x.unbind(2)[0],
        lambda x: x.detach(),
        lambda x: x.data,
        lambda x: x.diagonal(),
        lambda x: x.mT,
        lambda x: x.flatten(),
        lambda x: x.contiguous(),
        lambda x: x.to(t.float32),
        lambda x: x[t.tensor(1)],
        lambda x: x[t.tensor([0, 1])],
        lambda x: x[x > 3],
        lambda x: x.clone(),
        lambda x: x.flip(0),
        lambda x: x.mT.reshape(-1),
        lambda x: x.repeat(1, 1, 1),
        lambda x: x + 0,
        lambda x: x.relu(),
        lambda x: t.cat([x]),
        lambda x: t.tensor(x.tolist()),
        lambda x: t.as_tensor(x),
        lambda x: x.double(),
    ]
    shared = []
    for make in makes:
        before = x.sum().item()
        result = make(x)
        if result.numel() and result.is_floating_point():
            with ag.no_grad():
                result.add_(1)
        shared.append(x.sum().item() != before)
    return shared


def case_from_numpy_shares_both_ways(t: Any, ag: Any) -> Any:
    array = np.zeros(3, np.float32)
    x = t.from_numpy(array)
    array[0] = 1
    x[1] = 2
    y = t.ones(2)
    y.numpy()[0] = 5
    return x, array.tolist(), y


# --- Function -------------------------------------------------------------------------------------


def case_function(t: Any, ag: Any) -> Any:
    class Scale(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, factor: float) -> Any:
            ctx.factor = factor
            ctx.save_for_backward(x)
            return x * factor

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            assert ctx.needs_input_grad == (True, False)
            return g * ctx.factor + 0 * x, None

    x = leaf(t)
    y = Scale.apply(x, 3.0)
    (y * y).sum().backward()
    return y, x.grad


def case_function_with_two_outputs(t: Any, ag: Any) -> Any:
    class SinCos(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            s, c = x.sin(), x.cos()
            ctx.save_for_backward(s, c)
            return s, c

        @staticmethod
        def backward(ctx: Any, gs: Any, gc: Any) -> Any:
            s, c = ctx.saved_tensors
            return gs * c - gc * s

    x, y = leaf(t), leaf(t)
    s, c = SinCos.apply(x)
    (s * 2 + c * c).sum().backward()
    only, _ = SinCos.apply(y)
    only.sum().backward()
    return s, c, x.grad, y.grad


def case_function_second_derivative(t: Any, ag: Any) -> Any:
    class Cube(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * 3 * x * x

    x = leaf(t)
    (g,) = ag.grad(Cube.apply(x).sum(), x, create_graph=True)
    return g, ag.grad(g.sum(), x)


def case_function_saved_output_second_derivative(t: Any, ag: Any) -> Any:
    class Exp(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (y,) = ctx.saved_tensors
            return g * y

    x = leaf(t)
    (g,) = ag.grad(Exp.apply(x).sum(), x, create_graph=True)
    return g, ag.grad(g.sum(), x)


def case_function_with_none(t: Any, ag: Any) -> Any:
    class First(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x + y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g, None

    x, y = leaf(t), leaf(t)
    First.apply(x, y).sum().backward()
    return x.grad, y.grad


def case_function_wrong_count(t: Any, ag: Any) -> Any:
    class Wrong(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x + y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    Wrong.apply(leaf(t), leaf(t)).sum().backward()


def case_function_wrong_shape(t: Any, ag: Any) -> Any:
    class Wrong(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.exp()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g[:2]

    Wrong.apply(leaf(t)).sum().backward()


def case_function_raises(t: Any, ag: Any) -> Any:
    class Wrong(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            raise RuntimeError("something in the forward of the user")

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    Wrong.apply(leaf(t))


def case_function_without_backward(t: Any, ag: Any) -> Any:
    class Half(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

    Half.apply(leaf(t)).sum().backward()


def case_function_non_differentiable_output(t: Any, ag: Any) -> Any:
    class SortLike(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y, z = x * 2, x * 3
            ctx.mark_non_differentiable(z)
            return y, z

        @staticmethod
        def backward(ctx: Any, gy: Any, gz: Any) -> Any:
            return gy * 2 + gz * 0

    x = leaf(t)
    y, z = SortLike.apply(x)
    y.sum().backward()
    return x.grad, y.requires_grad, z.requires_grad


def case_function_integer_output(t: Any, ag: Any) -> Any:
    class WithCount(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            count = (x > 1).long()
            ctx.mark_non_differentiable(count)
            return count, x * 2

        @staticmethod
        def backward(ctx: Any, _: Any, g: Any) -> Any:
            return g * 2

    x = leaf(t)
    count, y = WithCount.apply(x)
    y.sum().backward()
    return count, x.grad, count.requires_grad


def case_function_under_no_grad(t: Any, ag: Any) -> Any:
    class Double(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    with ag.no_grad():
        first = Double.apply(leaf(t)).requires_grad
    return first, Double.apply(t.ones(3)).requires_grad, Double.apply(leaf(t)).requires_grad


def case_function_with_a_context_set_up_apart(t: Any, ag: Any) -> Any:
    class Linear(ag.Function):
        @staticmethod
        def forward(x: Any, weight: Any, bias: Any) -> Any:
            y = x @ weight.T
            return y if bias is None else y + bias

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            x, weight, bias = inputs
            ctx.save_for_backward(x, weight, output)
            ctx.biased = bias is not None

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, weight, y = ctx.saved_tensors
            by_x = g @ weight if ctx.needs_input_grad[0] else None
            return by_x, g.T @ x, (g + 0 * y).sum(0) if ctx.biased else None

    x = t.tensor([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]], requires_grad=True)
    weight = t.tensor([[2.0, 1.0], [-1.0, 4.0]], requires_grad=True)
    bias = leaf(t, 0.5, -1.5)
    y = Linear.apply(x, weight, bias)
    first = ag.grad(y.square().sum(), [x, weight, bias], create_graph=True)
    second = ag.grad(sum(g.square().sum() for g in first), [x, weight, bias])
    unbiased = ag.grad(Linear.apply(x.detach(), weight, None).square().sum(), weight)
    return y, first, second, unbiased


def case_function_that_only_sets_up(t: Any, ag: Any) -> Any:
    class Half(ag.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x / 2

    return Half.apply(leaf(t))


def case_function_broadcast_scalar_and_constant(t: Any, ag: Any) -> Any:
    class Mul(ag.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, y = ctx.saved_tensors
            grad_x = g * y if ctx.needs_input_grad[0] else None
            grad_y = g * x if ctx.needs_input_grad[1] else None
            return grad_x, grad_y

    x = leaf(t)
    Mul.apply(x, t.tensor([2.0, 3.0, 4.0])).sum().backward()
    return x.grad


def case_checkpoint(t: Any, ag: Any) -> Any:
    if t is torch:
        from torch.utils.checkpoint import checkpoint
    else:
        checkpoint = ag.checkpoint
    x, w = leaf(t), leaf(t, 0.5, -1.0, 2.0)

    def block(x: Any, y: Any) -> Any:
        return ((x * w).tanh() * y).exp()

    checkpoint(block, x, 2.0, use_reentrant=False).sum().backward()
    return x.grad, w.grad


def case_gradcheck(t: Any, ag: Any) -> Any:
    x = t.tensor([0.5, -1.0, 2.0], dtype=t.float64, requires_grad=True)
    wrong = lambda x: x * x.detach()  # noqa: E731
    return [
        ag.gradcheck(lambda x: x.tanh() * x, (x,)),
        ag.gradgradcheck(lambda x: x.tanh() * x, (x,)),
        ag.gradcheck(wrong, (x,), raise_exception=False),
        ag.gradcheck(lambda x: x.exp(), (x,), eps=1e-5, atol=1e-4, rtol=1e-2),
    ]


def case_gradcheck_raises(t: Any, ag: Any) -> Any:
    x = t.tensor([0.5, -1.0, 2.0], dtype=t.float64, requires_grad=True)
    ag.gradcheck(lambda x: x * x.detach(), (x,))


def case_straight_through(t: Any, ag: Any) -> Any:
    x = leaf(t, 0.2, 1.7, -2.4)
    y = x + (x.round() - x).detach()
    (y * y).sum().backward()
    return y, x.grad


# --- the test -------------------------------------------------------------------------------------

CASES = [
    pytest.param(case, id=name.removeprefix("case_"))
    for name, case in list(globals().items())
    if name.startswith("case_")
]
REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, NotImplementedError)


def _outcome(case: Callable[..., Any], t: Any, ag: Any) -> Any:
    try:
        return case(t, ag)
    except REFUSALS as error:
        assert len(str(error)) > 15, "an error needs a message"
        return f"refused: {type(error).__name__}: {error}"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore")  # PyTorch's own notices
def test_case(case: Callable[..., Any], compare: Callable[[Any, Any], None]) -> None:
    ours = _outcome(case, tt_tensor, tt_autograd)
    theirs = _outcome(case, torch, torch.autograd)
    refused = [isinstance(r, str) and r.startswith("refused") for r in (ours, theirs)]
    assert refused[0] == refused[1], (ours, theirs)
    assert refused[0] or "return" in inspect.getsource(case), "a case must show something"
    if not refused[0]:
        compare(ours, theirs)

"""Changing tensors in place."""

import numpy as np
import pytest

import tt_tensor as t

CHANGES = {
    "add_": (lambda x: x.add_(2), lambda a: a + 2),
    "add_ alpha": (lambda x: x.add_(x, alpha=3), lambda a: a + 3 * a),
    "sub_": (lambda x: x.sub_(1), lambda a: a - 1),
    "mul_": (lambda x: x.mul_(3), lambda a: a * 3),
    "div_": (lambda x: x.div_(4), lambda a: a / 4),
    "neg_": (lambda x: x.neg_(), lambda a: -a),
    "exp_": (lambda x: x.exp_(), np.exp),
    "sqrt_": (lambda x: x.sqrt_(), np.sqrt),
    "relu_": (lambda x: x.relu_(), lambda a: np.maximum(a, 0)),
    "sigmoid_": (lambda x: x.sigmoid_(), lambda a: 1 / (1 + np.exp(-a))),
    "tanh_": (lambda x: x.tanh_(), np.tanh),
    "clamp_": (lambda x: x.clamp_(0.3, 0.6), lambda a: np.clip(a, 0.3, 0.6)),
    "copy_": (lambda x: x.copy_(t.ones(3)), np.ones_like),
    "copy_ broadcasts": (lambda x: x.copy_(t.tensor(2.0)), lambda a: a * 0 + 2),
    "fill_": (lambda x: x.fill_(5), lambda a: a * 0 + 5),
    "zero_": (lambda x: x.zero_(), np.zeros_like),
    "masked_fill_": (lambda x: x.masked_fill_(x > 0.4, 0), lambda a: np.where(a > 0.4, 0, a)),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("dtype", [t.float32, t.float64])
def test_changes_happen_in_the_same_memory(change, expected, dtype) -> None:
    x = t.tensor([0.25, 0.5, 0.75], dtype=dtype)
    memory, before = x.array, x.numpy().copy()
    assert change(x) is x
    assert x.array is memory and x.dtype == dtype
    np.testing.assert_allclose(x.numpy(), expected(before), rtol=1e-6)


def test_operators() -> None:
    x = y = t.ones(2)
    x += 1
    x *= 3
    x -= 2
    x /= 2
    assert x is y and y.tolist() == [2.0, 2.0]


def test_views_see_the_change_and_change_the_base() -> None:
    x = t.zeros(2, 3)
    row = x[0]
    row += 1
    x.T[2] = 5.0
    x.view(6)[1].fill_(7)
    assert x.tolist() == [[1, 7, 5], [0, 0, 5]]
    assert row.tolist() == [1, 7, 5]


def test_overlapping_source() -> None:
    x = t.arange(4)
    x[1:].copy_(x[:-1].clone())
    assert x.tolist() == [0, 0, 1, 2]


def test_the_dtype_stays() -> None:
    x = t.ones(2)
    x.add_(t.ones(2, dtype=t.float64))
    assert x.dtype == t.float32
    i = t.ones(2, dtype=t.int64)
    for change in (lambda: i.add_(0.5), lambda: i.div_(2), i.exp_, lambda: i.mul_(x)):
        with pytest.raises(TypeError, match=r"cannot be kept in a int64.*out-of-place"):
            change()
    assert i.tolist() == [1, 1]


def test_the_shape_stays() -> None:
    with pytest.raises(ValueError, match=r"add_: .*\(2, 3\) does not fit .*\(3,\).*x.add\("):
        t.ones(3).add_(t.ones(2, 3))
    with pytest.raises(ValueError, match=r"does not fit"):
        t.ones(3).copy_(t.ones(2))
    with pytest.raises(ValueError, match=r"does not fit"):
        t.ones(3).copy_(t.ones(1, 3))
    with pytest.raises(ValueError, match=r"one value"):
        t.ones(3).fill_(t.ones(3))


def test_assignment_converts() -> None:
    i = t.zeros(3, dtype=t.int64)
    i[0] = 2.7
    i[1:] = t.tensor([1.2, 3.9])
    assert i.tolist() == [2, 1, 3]


def test_expanded_tensors_cannot_be_written() -> None:
    x = t.ones(1).expand(3)
    for change in (lambda: x.add_(1), lambda: x.zero_(), lambda: x.__setitem__(0, 1)):
        with pytest.raises(RuntimeError, match=r"expanded.*change a clone\(\)"):
            change()


def test_random_filling() -> None:
    g = t.Generator().manual_seed(3)
    x = t.zeros(10_000)
    x.uniform_(2, 4, generator=g)
    assert 2 <= x.min().item() < 2.01 and 3.99 < x.max().item() < 4
    assert x.mean().item() == pytest.approx(3, abs=0.02)
    x.normal_(5, 0.5, generator=g)
    assert x.mean().item() == pytest.approx(5, abs=0.02)
    assert x.std().item() == pytest.approx(0.5, abs=0.02)
    y = t.zeros(10_000).normal_(5, 0.5, generator=g.manual_seed(3))
    z = t.zeros(10_000).normal_(5, 0.5, generator=g.manual_seed(3))
    assert t.equal(y, z)
    for call in (lambda: x.uniform_(2, 1), lambda: x.normal_(0, -1)):
        with pytest.raises(ValueError, match=r"expected"):
            call()
    with pytest.raises(TypeError, match=r"floating"):
        t.zeros(2, dtype=t.int64).normal_()

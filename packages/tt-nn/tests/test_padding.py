"""Padding and cutting."""

from collections.abc import Callable

import numpy as np
import pytest

import tt_nn.functional as F
from tt_autograd import gradcheck, gradgradcheck
from tt_tensor import Tensor, ones, tensor, zeros


@pytest.mark.parametrize(
    "amounts", [(1, 2), (0, 3), (2, 0, 1, 4), (0, 0, 1, 0), (1, 1, 2, 2, 0, 3), ()]
)
def test_like_numpy(amounts: tuple[int, ...], leaf: Callable[..., Tensor]) -> None:
    x = leaf(2, 3, 4)
    pairs = [(amounts[i], amounts[i + 1]) for i in range(0, len(amounts), 2)]
    widths = [(0, 0)] * (3 - len(pairs)) + pairs[::-1]
    expected = np.pad(x.detach().numpy(), widths, constant_values=1.5)
    np.testing.assert_array_equal(F.pad(x, amounts, value=1.5).detach().numpy(), expected)
    assert gradcheck(lambda x: F.pad(x, amounts, value=1.5), (x,))
    assert gradgradcheck(lambda x: F.pad(x, amounts).square(), (x,))


def test_negative_amounts_cut(leaf: Callable[..., Tensor]) -> None:
    x = leaf(3, 4)
    np.testing.assert_array_equal(F.pad(x, (-1, -2)).detach().numpy(), x.detach().numpy()[:, 1:2])
    assert F.pad(x, (-1, 2, 1, -3)).shape == (1, 5)
    assert gradcheck(lambda x: F.pad(x, (-1, 2, 1, -1)), (x,))


def test_dtype_is_kept() -> None:
    assert F.pad(ones(2), (1, 1)).dtype == np.float32
    padded = F.pad(tensor([1, 2]), (1, 1), value=7)
    assert padded.dtype == np.int64 and padded.tolist() == [7, 1, 2, 7]
    assert F.pad(tensor([True]), (0, 1), value=True).tolist() == [True, True]
    assert F.pad(zeros(0, 2), (1, 0, 1, 1)).shape == (2, 3)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"one \(left, right\) pair per dim.*got \(1,\)"):
        F.pad(ones(2, 2), (1,))
    with pytest.raises(ValueError, match=r"for shape \(2,\)"):
        F.pad(ones(2), (1, 1, 1, 1))
    with pytest.raises(ValueError, match="mode must be 'constant' or one of"):
        F.pad(ones(2), (1, 1), "sideways")
    with pytest.raises(ValueError, match=r"cannot cut 3 off dim 0 of shape \(2,\)"):
        F.pad(ones(2), (-1, -2))

"""Two integers in a byte come back as they were; groups have scales of their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_optimize.quantize.int4 import pack_int4, packed_weight, unpack_int4, unpacked_floats
from tt_tensor import from_numpy, ones, randn, tensor, zeros


@given(st.lists(st.integers(-8, 7), min_size=0, max_size=11), st.integers(1, 3))
def test_packing_loses_nothing(row: list[int], rows: int) -> None:
    q = from_numpy(np.array([row] * rows, np.int8))
    packed = pack_int4(q)
    assert packed.dtype == np.uint8 and packed.shape == (rows, (len(row) + 1) // 2)
    assert np.array_equal(unpack_int4(packed, len(row)).numpy(), q.numpy())


def test_what_4_bits_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"-8 to 7, got 0 to 8"):
        pack_int4(from_numpy(np.array([0, 8], np.int8)))
    with pytest.raises(TypeError, match=r"rows of integers"):
        pack_int4(ones(3))


@pytest.mark.parametrize(
    ("length", "group"), [(64, 32), (64, 64), (50, 32), (9, 32), (9, 3), (7, 4)]
)
def test_a_weight_errs_by_half_a_step_of_its_group(length: int, group: int) -> None:
    weight = randn(5, length)
    packed, scale = packed_weight(weight, group)
    groups = -(-length // group)
    assert packed.nbytes == 5 * ((length + 1) // 2) and scale.shape == (5, groups)
    back = unpacked_floats(packed.numpy(), scale.numpy(), length, group)
    step = np.repeat(scale.numpy().astype(np.float32), group, 1)[:, :length]
    # the scale itself is rounded to float16, which moves the largest by a thousandth of its 7 steps
    assert (np.abs(back - weight.numpy()) <= step * 0.51).all()


def test_groups_do_not_share_an_outlier() -> None:
    weight = zeros(1, 64)
    weight[0, :32] = 0.01
    weight[0, 40] = 100.0
    packed, scale = packed_weight(weight, 32)
    back = unpacked_floats(packed.numpy(), scale.numpy(), 64, 32)
    assert np.allclose(back[0, :32], 0.01, rtol=1e-3) and back[0, 40] == pytest.approx(
        100, rel=1e-3
    )


def test_zeros_tiny_and_huge_weights() -> None:
    packed, scale = packed_weight(tensor([[0.0] * 4, [1e-12] * 4]), 4)
    assert not unpacked_floats(packed.numpy(), scale.numpy(), 4, 4).any()
    with pytest.raises(ValueError, match=r"above what float16 holds"):
        packed_weight(ones(1, 4) * 1e6, 4)

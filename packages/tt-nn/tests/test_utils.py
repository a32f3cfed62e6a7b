"""Clipping gradients; parameters as one vector."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tt_nn.utils import (
    clip_grad_norm_,
    clip_grad_value_,
    gradient_norm,
    parameters_to_vector,
    vector_to_parameters,
)
from tt_tensor import Tensor, arange, from_numpy, ones, randn, tensor, zeros


def gradients(*values: list[float]) -> list[Tensor]:
    params = [zeros(len(v), requires_grad=True) for v in values]
    for p, v in zip(params, values, strict=True):
        p.grad = tensor(v)
    return params


def test_the_norm_is_that_of_all_gradients_together() -> None:
    params = gradients([3.0], [0.0, 4.0])
    memory = params[0].grad.array
    norm = clip_grad_norm_(params, 1.0)
    assert norm.shape == () and norm.item() == 5
    assert params[0].grad.array is memory
    np.testing.assert_allclose(memory, [0.6], rtol=1e-5)
    np.testing.assert_allclose(params[1].grad.array, [0, 0.8], rtol=1e-5)


def test_small_gradients_stay_bit_for_bit() -> None:
    params = gradients([0.1, 0.2])
    before = params[0].grad.array.copy()
    clip_grad_norm_(params, 1.0)
    assert (params[0].grad.array == before).all()


def test_nothing_to_clip() -> None:
    assert clip_grad_norm_([zeros(2, requires_grad=True)], 1.0).item() == 0
    assert clip_grad_norm_([], 1.0).item() == 0
    clip_grad_value_([zeros(2, requires_grad=True)], 1.0)
    assert gradient_norm([zeros(0)]) == 0


def test_a_single_tensor_and_a_generator() -> None:
    params = gradients([3.0, 4.0])
    assert clip_grad_norm_(params[0], 10.0).item() == 5
    assert clip_grad_norm_((p for p in params), 1.0).item() == 5
    assert params[0].grad.array.max() < 1


@pytest.mark.parametrize("norm_type, expected", [(1, 7.0), (2, 5.0), (math.inf, 4.0)])
def test_other_norms(norm_type: float, expected: float) -> None:
    assert gradient_norm([tensor([3.0]), tensor([-4.0])], norm_type) == pytest.approx(expected)


def test_huge_and_tiny_gradients_have_a_norm() -> None:
    assert gradient_norm([tensor([3e30, 4e30])]) == pytest.approx(5e30)
    assert gradient_norm([tensor([3e-30, 4e-30])]) == pytest.approx(5e-30)
    half = from_numpy(np.array([300.0, 400.0], "float16"))
    assert gradient_norm([half]) == 500


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_gradients_that_are_not_finite(bad: float) -> None:
    params = gradients([bad, 1.0])
    with pytest.raises(RuntimeError, match=f"is {bad}"):
        clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert params[0].grad.tolist()[1] == 1
    assert not math.isfinite(clip_grad_norm_(params, 1.0).item())


def test_values() -> None:
    params = gradients([-3.0, 0.5, 2.0])
    clip_grad_value_(params, 1.0)
    assert params[0].grad.tolist() == [-1, 0.5, 1]


def test_to_a_vector_and_back() -> None:
    params = [randn(2, 3, requires_grad=True), randn(1, requires_grad=True), tensor(5.0)]
    vector = parameters_to_vector(params)
    assert vector.shape == (8,) and vector[-1].item() == 5
    vector_to_parameters(arange(8.0), params)
    assert params[0].tolist() == [[0, 1, 2], [3, 4, 5]] and params[2].shape == ()
    assert params[0].is_leaf and params[0].requires_grad


def test_gradients_flow_through_the_vector() -> None:
    params = [randn(2, requires_grad=True), randn(3, requires_grad=True)]
    (parameters_to_vector(params) * arange(5.0)).sum().backward()
    assert params[1].grad.tolist() == [2, 3, 4]


def test_a_vector_that_does_not_fit() -> None:
    params = [ones(2), ones(3)]
    for size in (4, 6):
        with pytest.raises(ValueError, match="expected a vector of 5 elements"):
            vector_to_parameters(zeros(size), params)
    with pytest.raises(TypeError, match="expected a Tensor"):
        vector_to_parameters([1.0] * 5, params)
    assert params[0].tolist() == [1, 1]

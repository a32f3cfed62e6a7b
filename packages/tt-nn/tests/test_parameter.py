"""A tensor that a module learns."""

import copy
import pickle

import numpy as np
import pytest

from tt_nn import Parameter
from tt_tensor import Tensor, float64, ones, tensor


def test_it_requires_grad_unless_told_otherwise() -> None:
    assert Parameter([1.0, 2.0]).requires_grad
    assert Parameter(ones(2)).requires_grad
    assert not Parameter(ones(2), requires_grad=False).requires_grad
    with pytest.raises(RuntimeError, match="only floating tensors can require grad, got int64"):
        Parameter(tensor([1, 2]))
    assert Parameter(tensor([1, 2]), requires_grad=False).dtype == np.int64


def test_it_shares_the_tensors_memory_and_is_a_leaf() -> None:
    data = ones(2, dtype=float64)
    parameter = Parameter(data)
    data[0] = 5.0
    assert parameter.tolist() == [5.0, 1.0] and parameter.dtype == float64
    computed = Parameter(ones(2, requires_grad=True) * 2)
    assert computed.is_leaf and computed.requires_grad


def test_results_are_plain_tensors() -> None:
    parameter = Parameter(ones(2))
    for result in (parameter * 2, parameter.detach(), parameter.double(), parameter[0]):
        assert type(result) is Tensor
    (parameter * 3).sum().backward()
    assert parameter.grad.tolist() == [3, 3]


def test_copies() -> None:
    parameter = Parameter(ones(2))
    copied = copy.deepcopy(parameter)
    copied.data[0] = 9.0
    assert isinstance(copied, Parameter) and copied.requires_grad
    assert parameter.tolist() == [1, 1]
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(parameter)


def test_representation() -> None:
    expected = "Parameter containing:\ntensor([1., 2.], requires_grad=True)"
    assert repr(Parameter([1.0, 2.0])) == expected

"""Aligned memory: where arrays begin, and what moving them leaves as it was."""

import numpy as np
import pytest

from tt_models import GPT, GPTConfig
from tt_nn import Embedding, Linear, Sequential
from tt_optimize import KVCache
from tt_optimize.aligned import LINE, align, aligned_empty
from tt_tensor import ones


@pytest.mark.parametrize("shape", [(), (1,), (7, 3), (64, 64)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
def test_it_begins_at_a_line(shape, dtype) -> None:
    for _ in range(4):
        array = aligned_empty(shape, dtype)
        assert array.ctypes.data % LINE == 0
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.flags.c_contiguous and array.flags.writeable


def test_moving_keeps_tensors_values_and_ties() -> None:
    model = Sequential(Embedding(100, 64), Linear(64, 100, bias=False))
    model[1].weight = model[0].weight
    other = Sequential(model[1])
    weight, values = model[0].weight, model[0].weight.tolist()
    align(model)
    assert model[0].weight is weight is model[1].weight is other[0].weight
    assert weight.tolist() == values and weight.requires_grad
    assert weight.array.ctypes.data % LINE == 0


def test_parts_of_other_memory_stay_where_they_are() -> None:
    layer = Linear(64, 64)
    flat = np.zeros(64 * 64 + 1, np.float32)
    layer.weight.array = flat[1:].reshape(64, 64)
    align(layer)
    flat[1:] = 3
    assert (layer.weight.array == 3).all()


def test_what_lies_well_and_what_is_small_is_not_moved() -> None:
    layer = Linear(64, 64)
    bias = layer.bias.array
    align(layer)
    weight = layer.weight.array
    align(layer)
    assert layer.weight.array is weight and layer.bias.array is bias
    layer(ones(2, 64)).sum().backward()
    assert layer.weight.grad.shape == (64, 64)


def test_a_cache_is_aligned() -> None:
    cache = KVCache(GPT(GPTConfig(11, 8, 2, 2, 16)))
    assert cache.keys.ctypes.data % LINE == cache.values.ctypes.data % LINE == 0

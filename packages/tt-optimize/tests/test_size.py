"""The bytes of a model."""

import numpy as np

import tt_nn as nn
from tt_optimize import size_of
from tt_tensor import Tensor, ones, tensor


def test_size_of() -> None:
    assert size_of(nn.Linear(10, 5)) == 4 * 55
    assert size_of(nn.Linear(10, 5).double()) == 8 * 55
    assert size_of(nn.ReLU()) == 0


def test_tied_weights_count_once() -> None:
    tied = nn.Sequential(nn.Embedding(30, 20), nn.Linear(20, 30, bias=False))
    apart = size_of(tied)
    tied[1].weight = tied[0].weight
    assert size_of(tied) == apart / 2 == 4 * 600
    other = nn.Parameter(tied[0].weight.detach())  # another object on the same memory
    tied[1].weight = other
    assert size_of(tied) == 4 * 600
    tied[1].weight = nn.Parameter(tied[0].weight.detach()[:10])  # a part of it, from its start
    assert size_of(tied) == 4 * 600


def test_every_dtype_counts_what_it_takes() -> None:
    model = nn.Sequential(nn.Linear(10, 5))
    for name, dtype in (("a", np.int8), ("b", np.float16), ("c", np.int64), ("d", np.bool_)):
        model.register_buffer(name, tensor(np.zeros(100, dtype)))
    model.register_buffer("absent", None)
    model.private = Tensor(ones(1000))
    assert size_of(model) == 220 + 100 * (1 + 2 + 8 + 1)


def test_parts_of_one_buffer_add_up() -> None:
    flat = ones(30)
    model = nn.Module()
    model.first = nn.Parameter(flat[:10])
    model.second = nn.Parameter(flat[10:])
    assert size_of(model) == 120

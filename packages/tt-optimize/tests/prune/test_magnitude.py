"""The smallest weights are 0, exactly as many as asked for, and no others have changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_models import CNN, GPT
from tt_nn import Linear, Sequential
from tt_optimize import prune, sparsity
from tt_tensor import randn, tensor


@given(st.integers(1, 40), st.integers(2, 40), st.floats(0, 0.9))
def test_the_smallest_are_zero_and_the_rest_as_before(n: int, m: int, amount: float) -> None:
    layer = Linear(n, m)
    before, after = layer.weight.detach().numpy(), None
    zeros = round(amount * n * m)
    if zeros == n * m:
        return
    small = prune(layer, amount=amount)
    after = small.weight.detach().numpy()
    gone = after == 0
    assert gone.sum() == zeros
    assert np.array_equal(after[~gone], before[~gone])
    if zeros:
        assert np.abs(before[gone]).max() <= np.abs(before[~gone]).min()
    assert np.array_equal(small.bias.detach().numpy(), layer.bias.detach().numpy())


def test_global_takes_more_where_weights_are_small() -> None:
    model = Sequential(Linear(10, 10), Linear(10, 10))
    model[0].weight.data.copy_(randn(10, 10) * 0.01 + 0.001)
    model[1].weight.data.copy_(randn(10, 10).sign() * 3)
    by_layer, together = prune(model, amount=0.4), prune(model, amount=0.4, scope="global")
    assert [sparsity(layer) for layer in by_layer] == [0.4, 0.4]
    assert [sparsity(layer) for layer in together] == [0.8, 0.0]


def test_a_layer_is_never_silenced() -> None:
    model = Sequential(Linear(10, 10), Linear(10, 10))
    model[0].weight.data.copy_(randn(10, 10) * 0.001)
    model[1].weight.data.fill_(3.0)
    with pytest.raises(ValueError, match=r"all of 0\.weight to 0.*scope='layer'"):
        prune(model, amount=0.5, scope="global")
    with pytest.raises(ValueError, match=r"a smaller amount"):
        prune(Linear(1, 1), amount=0.9)


def test_convolutions_are_pruned_and_norms_are_not() -> None:
    small = prune(CNN(1, widths=(4, 8, 8)), amount=0.5)
    assert sparsity(small) == 0.5
    assert (small.blocks[0][2].weight.detach().numpy() == 1).all()


def test_a_gpt_s_table_of_tokens_is_left_alone(gpt: GPT) -> None:
    small = prune(gpt, amount=0.5)
    assert small.lm_head.weight is small.transformer["wte"].weight
    assert (small.lm_head.weight.detach().numpy() != 0).all()
    assert sparsity(small.transformer["h"][0]) == 0.5


def test_a_weight_of_two_layers_counts_once_and_stays_one() -> None:
    model = Sequential(Linear(6, 6), Linear(6, 6))
    model[1].weight = model[0].weight
    small = prune(model, amount=0.25, scope="global")
    assert small[0].weight is small[1].weight and sparsity(small) == 0.25


def test_zeros_come_out_positive() -> None:
    layer = Linear(2, 1, bias=False)
    layer.weight.data.copy_(tensor([[-0.5, 2.0]]))
    assert not np.signbit(prune(layer, amount=0.5).weight.detach().numpy()).any()


def test_sparsity_of_a_model_without_matrices() -> None:
    assert sparsity(Sequential()) == 0.0

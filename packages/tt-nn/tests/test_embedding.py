"""Looking up rows, and rows of zeros with a one."""

from collections.abc import Callable

import numpy as np
import pytest

import tt_nn as nn
import tt_nn.functional as F
from tt_autograd import gradcheck, gradgradcheck
from tt_tensor import Tensor, int32, ones, tensor, zeros

IDS = tensor([[0, 2, 2], [4, 0, 2]])


def test_values(leaf: Callable[..., Tensor]) -> None:
    table = leaf(5, 3)
    for ids in (IDS, IDS.T, IDS[0], IDS[0, 1], IDS[:0], IDS.to(int32)):
        y = F.embedding(ids, table)
        np.testing.assert_array_equal(y.detach().numpy(), table.detach().numpy()[ids.numpy()])


def test_gradients(leaf: Callable[..., Tensor]) -> None:
    for ids in (IDS, IDS.T, IDS[0, 1], IDS[:0]):
        assert gradcheck(lambda table, ids=ids: F.embedding(ids, table), (leaf(5, 3),))
    square = leaf(5, 3)
    assert gradgradcheck(lambda table: F.embedding(IDS, table).square(), (square,))


def test_each_use_adds_to_its_row() -> None:
    layer = nn.Embedding(5, 2)
    layer(IDS).sum().backward()
    assert layer.weight.grad.tolist() == [[2, 2], [0, 0], [3, 3], [0, 0], [1, 1]]
    assert layer.weight.grad.dtype == np.float32


@pytest.mark.parametrize("padding_idx", [2, -3])
def test_the_row_for_padding_starts_at_0_and_stays(padding_idx: int) -> None:
    layer = nn.Embedding(5, 2, padding_idx=padding_idx)
    assert layer.padding_idx == 2
    assert layer.weight[2].tolist() == [0, 0] and (layer.weight != 0).sum().item() == 8
    layer(IDS).sum().backward()
    assert layer.weight.grad.tolist() == [[2, 2], [0, 0], [0, 0], [0, 0], [1, 1]]
    table = layer.weight.detach().requires_grad_()
    F.embedding(IDS, table, padding_idx).sum().backward()
    assert table.grad.tolist() == layer.weight.grad.tolist()


@pytest.mark.parametrize("bad", [5, -1])
def test_an_index_outside_the_table_raises(bad: int) -> None:
    with pytest.raises(IndexError, match=f"index {bad} is out of range; expected 0 to 4"):
        nn.Embedding(5, 2)(tensor([0, bad]))


def test_other_errors() -> None:
    with pytest.raises(TypeError, match=r"must be integers, got float32; use index.long\(\)"):
        nn.Embedding(5, 2)(ones(3))
    for bad in (5, -6):
        with pytest.raises(ValueError, match=f"one of the 5 embeddings, got {bad}"):
            nn.Embedding(5, 2, padding_idx=bad)
        with pytest.raises(ValueError, match=f"padding_idx {bad} is not one of 5 rows"):
            F.embedding(IDS, ones(5, 2), bad)
    with pytest.raises(ValueError, match=r"weight of 2 dims, got shape \(5,\)"):
        F.embedding(IDS, ones(5))


def test_first_values_are_normal() -> None:
    values = nn.Embedding(500, 100).weight.detach().numpy()
    assert abs(values.mean()) < 0.03 and values.std() == pytest.approx(1, rel=0.03)


def test_from_a_given_table() -> None:
    table = tensor([[1.0, 2.0], [3.0, 4.0]])
    frozen = nn.Embedding.from_pretrained(table, padding_idx=-1)
    assert not frozen.weight.requires_grad and frozen.padding_idx == 1
    assert (frozen.num_embeddings, frozen.embedding_dim) == (2, 2)
    table[0, 0] = 9.0
    assert frozen(tensor([0])).tolist() == [[9.0, 2.0]]
    learned = nn.Embedding.from_pretrained(table, freeze=False)
    assert [name for name, _ in learned.named_parameters()] == ["weight"]
    assert learned.weight.requires_grad
    with pytest.raises(ValueError, match="2 dims"):
        nn.Embedding.from_pretrained(zeros(3))


def test_representation() -> None:
    assert repr(nn.Embedding(5, 2)) == "Embedding(5, 2)"
    assert repr(nn.Embedding(5, 2, padding_idx=-1)) == "Embedding(5, 2, padding_idx=4)"


def test_one_hot() -> None:
    y = F.one_hot(IDS)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y.numpy(), np.eye(5, dtype=int)[IDS.numpy()])
    assert F.one_hot(tensor(1), 3).tolist() == [0, 1, 0]
    assert F.one_hot(tensor([1]), 60_000).sum().item() == 1, "60,000² numbers would not fit"


def test_one_hot_errors() -> None:
    with pytest.raises(IndexError, match="index 4 is out of range; expected 0 to 2"):
        F.one_hot(IDS, 3)
    with pytest.raises(IndexError, match="index -1 is out of range"):
        F.one_hot(tensor([-1, 0]))
    with pytest.raises(TypeError, match="expected integers, got float32"):
        F.one_hot(ones(2))

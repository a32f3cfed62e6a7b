"""How units are chosen: by the criterion that was named."""

from __future__ import annotations

import numpy as np
import pytest

from tt_models import CNN, GPT, MLP
from tt_nn import Linear, MSELoss, ReLU, Sequential, functional as F
from tt_optimize import prune
from tt_tensor import randint, randn, tensor


def kept(model: MLP, **options: object) -> list[int]:
    """Which neurons of the hidden layer stay: their biases are their numbers."""
    model.layers[0].bias.data.copy_(tensor([0.0, 1.0, 2.0, 3.0]))
    small = prune(model, amount=0.5, method="structured", **options)
    return [round(b) for b in small.layers[0].bias.tolist()]


def test_l1_and_l2_differ_where_they_should() -> None:
    model = MLP([4, 4, 2])
    model.layers[0].weight.data.copy_(
        tensor([[2.0, 0, 0, 0], [1.0, 1, 1, 0], [0.1] * 4, [1.0, 1, 1, 1]])
    )
    assert kept(model, importance="l1") == [1, 3]  # 2, 3, 0.4, 4
    assert kept(model, importance="l2") == [0, 3]  # 2, 1.73, 0.2, 2


def test_equals_go_from_the_end() -> None:
    model = MLP([4, 4, 2])
    model.layers[0].weight.data.fill_(1.0)
    assert kept(model) == [0, 1]


def test_the_scale_of_batch_norm() -> None:
    model = CNN(1, widths=(2, 4)).eval()
    norm = model.blocks[0][2]
    norm.weight.data.copy_(tensor([0.1, -3.0, 2.0, 0.5]))
    small = prune(model, amount=0.5, method="structured", importance="batch_norm")
    assert small.blocks[0][2].weight.tolist() == [-3.0, 2.0]


def test_taylor_is_the_change_of_the_loss_to_first_order() -> None:
    model = MLP([4, 6, 3])
    x, y = randn(32, 4), randint(0, 3, (32,))
    F.cross_entropy(model(x), y).backward()
    weight = model.layers[0].weight
    change = np.abs((weight.detach().numpy() * weight.grad.numpy()).sum(1))
    stay = np.sort(np.argsort(change)[3:])
    expected = weight.detach().numpy()[stay]
    gradient = weight.grad.numpy().copy()
    small = prune(model, amount=0.5, method="structured", importance="taylor", calibration=[(x, y)])
    assert np.array_equal(small.layers[0].weight.detach().numpy(), expected)
    assert np.array_equal(weight.grad.numpy(), gradient)  # the model's own are not touched
    assert all(p.grad is None for p in small.parameters())


def test_taylor_finds_what_the_loss_does_not_need() -> None:
    model = Sequential(Linear(4, 6), ReLU(), Linear(6, 2))
    model[0].weight.data[0] = 50.0  # large, but nothing reads it
    model[2].weight.data[:, 0] = 0.0
    batches = [(randn(16, 4), randn(16, 2)) for _ in range(3)]
    options = {"calibration": batches, "loss_step": lambda m, b: MSELoss()(m(b[0]), b[1])}
    small = prune(model, amount=1 / 6, method="structured", importance="taylor", **options)
    assert (small[0].weight.detach().numpy() != 50.0).all()
    assert (prune(model, amount=1 / 6, method="structured")[0].weight.array == 50.0).any()


def test_taylor_reads_a_gpt_s_own_loss_and_leaves_its_mode(gpt: GPT) -> None:
    idx = randint(0, 11, (4, 8))
    frozen = gpt.requires_grad_(False)
    small = prune(
        frozen, amount=0.5, method="structured", importance="taylor", calibration=[(idx, idx)]
    )
    assert small.config.n_head == 1 and not small.training
    assert not any(p.requires_grad for p in small.parameters())
    norm = prune(CNN(1, widths=(2, 4)), method="structured", importance="taylor",
                 calibration=[(randn(4, 1, 8, 8), randint(0, 10, (4,)))])  # fmt: skip
    assert norm.training and norm.blocks[0][2].num_batches_tracked.item() == 0


def test_calibration_must_have_batches() -> None:
    with pytest.raises(ValueError, match=r"calibration gave no batches"):
        prune(MLP([4, 4, 2]), method="structured", importance="taylor", calibration=[])


def test_taylor_leaves_out_what_the_loss_does_not_depend_on() -> None:
    """A branch that is not called has no gradients: none of its neurons would be missed."""
    model = Sequential(Linear(4, 6), ReLU(), Linear(6, 3))
    model[2].spare = Sequential(Linear(4, 6), ReLU(), Linear(6, 3))
    batches = [(randn(8, 4), randint(0, 3, (8,)))]
    options = {"method": "structured", "importance": "taylor", "calibration": batches}
    small = prune(model, amount=0.5, **options)
    assert small[0].out_features == small[2].spare[0].out_features == 3

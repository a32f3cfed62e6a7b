"""Pruning beside torch.nn.utils.prune, and low rank beside torch.linalg."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tt_nn import Conv2d, Linear, Module, ReLU, Sequential
from tt_optimize import low_rank, prune
from tt_tensor import manual_seed, randn

torch = pytest.importorskip("torch")
torch_prune = pytest.importorskip("torch.nn.utils.prune")

AMOUNTS = [0.1, 0.25, 0.5, 0.77, 0.9]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    manual_seed(0)


def twin_of(layer: Module) -> Any:
    """PyTorch's layer with the same numbers."""
    if isinstance(layer, Linear):
        twin = torch.nn.Linear(layer.in_features, layer.out_features)
    else:
        twin = torch.nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size)
    state = layer.state_dict().items()
    twin.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in state})
    return twin


def weights_of(twin: Any) -> np.ndarray:
    return np.asarray(twin.weight.detach().numpy())


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("layer", [Linear(17, 9), Conv2d(5, 7, 3)], ids=["Linear", "Conv2d"])
def test_the_same_weights_become_0(layer: Any, amount: float) -> None:
    twin = twin_of(layer)
    torch_prune.l1_unstructured(twin, "weight", amount=amount)
    small = prune(layer, amount=amount)
    assert np.array_equal(small.weight.detach().numpy(), weights_of(twin))


@pytest.mark.parametrize("amount", [0.1, 0.25, 0.5, 0.77])
def test_the_same_weights_become_0_over_all_layers(amount: float) -> None:
    model = Sequential(Linear(17, 9), ReLU(), Linear(9, 30))
    twins = [twin_of(model[0]), twin_of(model[2])]
    torch_prune.global_unstructured(
        [(twin, "weight") for twin in twins],
        pruning_method=torch_prune.L1Unstructured,
        amount=amount,
    )
    small = prune(model, amount=amount, scope="global")
    for layer, twin in zip((small[0], small[2]), twins, strict=True):
        assert np.array_equal(layer.weight.detach().numpy(), weights_of(twin))


@pytest.mark.parametrize("importance", ["l1", "l2"])
@pytest.mark.parametrize("amount", [0.1, 0.25, 0.5, 0.77])
@pytest.mark.parametrize("images", [False, True], ids=["Linear", "Conv2d"])
def test_the_same_units_go(images: bool, amount: float, importance: str) -> None:
    first = Conv2d(5, 12, 3) if images else Linear(17, 12)
    second = Conv2d(12, 4, 3) if images else Linear(12, 4)
    twin = twin_of(first)
    torch_prune.ln_structured(twin, "weight", amount=amount, n=int(importance[1]), dim=0)
    stay = np.flatnonzero(weights_of(twin).reshape(12, -1).any(1))
    model = Sequential(first, ReLU(), second)
    small = prune(model, amount=amount, method="structured", importance=importance)
    assert np.array_equal(small[0].weight.detach().numpy(), weights_of(twin)[stay])
    # PyTorch's weights are masked only, its model as large as before; yet it says the same, once
    # the biases of the masked units are 0, too
    with torch.no_grad():
        twin.bias[np.setdiff1d(np.arange(12), stay)] = 0.0
    x = randn(3, 5, 9, 9) if images else randn(3, 17)
    expected = twin_of(second)(torch.relu(twin(torch.from_numpy(x.numpy()))))
    assert np.allclose(small(x).detach().numpy(), expected.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("rank", [1, 4, 9])
def test_the_product_is_torch_s_truncated_svd(rank: int) -> None:
    layer = Linear(40, 24)
    u, s, vt = torch.linalg.svd(torch.from_numpy(layer.weight.detach().numpy()))
    expected = (u[:, :rank] * s[:rank] @ vt[:rank]).numpy()
    small = low_rank(layer, rank=rank)
    got = small.up.weight.detach().numpy() @ small.down.weight.detach().numpy()
    assert np.allclose(got, expected, atol=1e-6)

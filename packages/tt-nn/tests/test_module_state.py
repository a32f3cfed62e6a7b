"""state_dict and load_state_dict."""

import numpy as np
import pytest

import tt_nn as nn
from tt_nn import Module, Parameter
from tt_tensor import Tensor, float64, ones, tensor, zeros


class Net(Module):
    """Parameters, buffers of both kinds, and a child."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)
        self.scale = Parameter(ones(2))
        self.register_buffer("kept", zeros(1))
        self.register_buffer("passing", zeros(1), persistent=False)
        self.register_buffer("absent", None)
        self.private = ones(7)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x * self.scale)


KEYS = ["scale", "kept", "layer.weight", "layer.bias"]


def test_the_state_is_parameters_and_persistent_buffers() -> None:
    state = Net().state_dict()
    assert list(state) == KEYS
    assert all(type(value) is Tensor and not value.requires_grad for value in state.values())
    assert list(Net().state_dict(prefix="net.")) == [f"net.{key}" for key in KEYS]


def test_the_state_is_on_the_modules_own_memory() -> None:
    net = Net()
    net.state_dict()["scale"][0] = 5.0
    assert net.scale.tolist() == [5, 1]


def test_tied_weights_stand_under_each_name() -> None:
    tied = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 3, bias=False))
    tied[1].weight = tied[0].weight
    state = tied.state_dict()
    assert list(state) == ["0.weight", "1.weight"]
    assert state["0.weight"].array is state["1.weight"].array or np.shares_memory(
        state["0.weight"].array, state["1.weight"].array
    )
    layer = nn.Linear(2, 2)
    assert len(nn.Sequential(layer, layer).state_dict()) == 4


def test_a_round_trip() -> None:
    net, other = Net(), Net()
    net.kept.fill_(3.0)
    before = [id(p) for p in other.parameters()]
    result = other.load_state_dict(net.state_dict())
    assert result == ([], []) and result.missing_keys == [] and result.unexpected_keys == []
    for key in KEYS:
        np.testing.assert_array_equal(
            other.state_dict()[key].numpy(), net.state_dict()[key].numpy()
        )
    assert [id(p) for p in other.parameters()] == before
    net.scale.data.fill_(8.0)
    assert other.scale.tolist() == [1, 1], "values are copied, memory is not shared"


def test_values_are_converted_to_the_modules_dtype() -> None:
    net = Net()
    state = {key: value.double() + 1 for key, value in net.state_dict().items()}
    net.load_state_dict(state)
    assert net.scale.dtype == np.float32 and net.scale.tolist() == [2, 2]
    net.load_state_dict({"scale": np.array([4.0, 5.0]), "kept": [6.0]}, strict=False)  # type: ignore[dict-item]
    assert net.scale.tolist() == [4, 5] and net.kept.tolist() == [6]


def test_all_that_does_not_fit_is_named_and_nothing_changes() -> None:
    net = Net()
    before = {key: value.tolist() for key, value in net.state_dict().items()}
    state = {
        "layer.weight": ones(3, 3),
        "scale": ones(1),
        "kept": ones(1),
        "extra": ones(1),
        "passing": ones(1),
    }
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    assert "does not fit Net; nothing was changed" in message
    assert "missing keys: layer.bias\n" in message
    assert "unexpected keys: extra, passing\n" in message
    assert "layer.weight: expected shape (3, 2), got (3, 3)" in message
    assert "scale: expected shape (2,), got (1,)" in message
    assert {key: value.tolist() for key, value in net.state_dict().items()} == before


def test_not_strict() -> None:
    net = Net()
    result = net.load_state_dict({"scale": ones(2) * 7, "extra": ones(1)}, strict=False)
    assert result.missing_keys == ["kept", "layer.weight", "layer.bias"]
    assert result.unexpected_keys == ["extra"]
    assert net.scale.tolist() == [7, 7]
    with pytest.raises(RuntimeError, match=r"scale: expected shape \(2,\), got \(3,\)") as caught:
        net.load_state_dict({"kept": ones(1), "scale": ones(3)}, strict=False)
    assert "missing" not in str(caught.value)
    assert net.kept.item() == 0


def test_loading_is_seen_by_a_backward_that_needed_the_old_values() -> None:
    net = nn.Linear(2, 2, bias=False)
    x = ones(1, 2, requires_grad=True)
    y = net(x).sum()
    net.load_state_dict({"weight": zeros(2, 2)})
    with pytest.raises(RuntimeError, match="changed in place after it was used"):
        y.backward()


def test_a_state_of_learned_tensors_and_of_another_width() -> None:
    net = nn.Linear(2, 1, dtype=float64)
    net.load_state_dict({"weight": Parameter([[1.0, 2.0]]), "bias": tensor([3])})
    assert net.weight.tolist() == [[1, 2]] and net.bias.tolist() == [3]
    assert net.weight.dtype == float64 and net.weight.is_leaf and net.weight.requires_grad

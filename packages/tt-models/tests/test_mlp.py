"""The multilayer perceptron."""

import numpy as np
import pytest

from tt_models import MLP
from tt_nn import Tanh, functional as F
from tt_tensor import ones, randn, tensor


def test_sizes_and_names() -> None:
    model = MLP([6, 5, 4, 3])
    assert [tuple(p.shape) for p in model.parameters()] == [
        (5, 6),
        (5,),
        (4, 5),
        (4,),
        (3, 4),
        (3,),
    ]
    assert list(model.state_dict())[:3] == ["layers.0.weight", "layers.0.bias", "layers.2.weight"]
    assert [type(layer).__name__ for layer in model.layers] == ["Linear", "ReLU"] * 2 + ["Linear"]
    assert len(MLP((2, 1)).layers) == 1


def test_it_is_layers_with_an_activation_between() -> None:
    for activation, function in ((Tanh, np.tanh), (None, lambda x: np.maximum(x, 0))):
        model = MLP([3, 4, 2], activation) if activation else MLP([3, 4, 2])
        x = randn(5, 3)
        w1, b1, w2, b2 = (p.detach().numpy() for p in model.parameters())
        expected = function(x.numpy() @ w1.T + b1) @ w2.T + b2
        np.testing.assert_allclose(model(x).detach().numpy(), expected, 1e-5, 1e-6)


def test_images_are_flattened() -> None:
    model = MLP([12, 2])
    images = randn(5, 1, 3, 4)
    assert model(images).tolist() == model(images.reshape(5, 12)).tolist()
    assert model(ones(12)).shape == (2,)
    assert model(ones(0, 12)).shape == (0, 2)


def test_it_learns_exclusive_or() -> None:
    """What no perceptron can: one hidden layer bends the line."""
    x, y = tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), tensor([0, 1, 1, 0])
    model = MLP([2, 16, 2], Tanh)
    for _ in range(300):
        loss = F.cross_entropy(model(x), y)
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= p.grad * 0.5
    assert model(x).argmax(1).tolist() == y.tolist()


@pytest.mark.parametrize("sizes", [[], [3], [3, 0], [3, -1, 2]])
def test_wrong_sizes(sizes: list[int]) -> None:
    with pytest.raises(
        ValueError, match="expected positive sizes, at least of an input and an output"
    ):
        MLP(sizes)


def test_a_wrong_input_names_the_size() -> None:
    with pytest.raises(ValueError, match=r"Expected x of shape \(\.\.\., 12\)"):
        MLP([12, 2])(ones(5, 3, 3))

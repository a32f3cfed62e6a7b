"""LeNet-5: its table, other images, and that it learns."""

import numpy as np
import pytest

from tt_models import LeNet5
from tt_nn import functional as F
from tt_nn.optim import Adam
from tt_tensor import from_numpy, randn, zeros


def test_the_parameters_of_its_table() -> None:
    model = LeNet5()
    counts = {}
    for name, p in model.named_parameters():
        layer = name.split(".")[0]
        counts[layer] = counts.get(layer, 0) + p.numel()
    assert counts == {"conv1": 156, "conv2": 2416, "fc1": 48120, "fc2": 10164, "fc3": 850}
    assert list(model.state_dict())[:3] == ["conv1.weight", "conv1.bias", "conv2.weight"]


def test_other_images_and_classes() -> None:
    assert LeNet5(num_classes=7, in_channels=3, image_size=32)(randn(2, 3, 32, 32)).shape == (2, 7)
    assert LeNet5(image_size=12)(randn(2, 1, 12, 12)).shape == (2, 10)
    assert LeNet5()(zeros(0, 1, 28, 28)).shape == (0, 10)


def test_wrong_images() -> None:
    with pytest.raises(ValueError, match=r"at least 12×12 pixels .* image_size=8. CNN takes"):
        LeNet5(image_size=8)
    with pytest.raises(ValueError, match=r"expected images \(B, C, 28, 28\), got \(2, 1, 32, 32\)"):
        LeNet5()(randn(2, 1, 32, 32))
    with pytest.raises(ValueError, match="expects 1 = 1 channels"):
        LeNet5()(randn(2, 3, 28, 28))


def test_it_tells_upright_from_lying_bars() -> None:
    draw = np.random.default_rng(0)
    images = np.zeros((64, 1, 12, 12), np.float32)
    for i, image in enumerate(images):
        place = draw.integers(12)
        image[0, :, place] = 1
        images[i] = image if i % 2 else image.transpose(0, 2, 1)
    x, y = from_numpy(images), from_numpy(np.arange(64) % 2)
    model = LeNet5(num_classes=2, image_size=12)
    optimizer = Adam(model.parameters(), lr=3e-3)
    for _ in range(40):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (model(x).argmax(1) == y).all().item()

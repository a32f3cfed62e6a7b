"""The small convolutional network: its table, other images, and that it learns."""

import numpy as np
import pytest

from tt_models import CNN
from tt_nn import functional as F
from tt_nn.optim import SGD
from tt_tensor import from_numpy, randn, zeros


def test_the_parameters_of_its_table() -> None:
    model = CNN()
    parts = [model.stem, *model.blocks, model.head]
    counts = [sum(p.numel() for p in part.parameters()) for part in parts]
    assert counts == [448, 13952, 55552, 221696, 1290]
    assert sum(p.numel() for p in model.parameters()) == 292938


def test_other_images_and_classes() -> None:
    digits = CNN(in_channels=1, num_classes=7, widths=(8, 16, 32))
    assert digits(randn(3, 1, 8, 8)).shape == (3, 7)
    assert CNN()(randn(2, 3, 40, 33)).shape == (2, 10)
    assert CNN().eval()(zeros(0, 3, 32, 32)).shape == (0, 10)
    assert CNN(widths=[4])(randn(2, 3, 5, 5)).shape == (2, 10)


def test_it_looks_for_something_wherever_it_is() -> None:
    """Global max-pooling: what is moved by a multiple of what the blocks merge scores the same."""
    model = CNN(1, 4, widths=(4, 8)).eval()
    x = np.zeros((2, 1, 20, 20), np.float32)
    x[0, 0, 6:10, 6:10] = x[1, 0, 8:12, 10:14] = randn(4, 4).numpy()
    scores = model(from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(scores[0], scores[1], 1e-5, 1e-6)


def test_wrong_images() -> None:
    with pytest.raises(ValueError, match=r"3 blocks.* at least 8×8 pixels; got \(2, 3, 7, 9\)"):
        CNN()(randn(2, 3, 7, 9))
    for widths in ((), (16, 0)):
        with pytest.raises(ValueError, match="expected positive widths"):
            CNN(widths=widths)
    with pytest.raises(ValueError, match="expects 3 = 3 channels"):
        CNN()(randn(2, 1, 32, 32))


def test_it_tells_upright_from_lying_bars() -> None:
    draw = np.random.default_rng(0)
    images = draw.normal(0, 0.3, (64, 1, 8, 8)).astype(np.float32)
    for i, (image,) in enumerate(images):
        (image if i % 2 else image.T)[:, draw.integers(8)] += 1
    x, y = from_numpy(images), from_numpy(np.arange(64) % 2)
    model = CNN(1, 2, widths=(4, 8, 8))
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    for _ in range(40):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert (model(x).argmax(1) == y).float().mean().item() > 0.95

"""LeNet5 and CNN in PyTorch: the same state, the same scores, the same gradients."""

from typing import Any

import numpy as np
import pytest

import tt_tensor
from tt_models import CNN, LeNet5
from tt_nn import functional as ours

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


class LeNetTwin(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, 400)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class CNNTwin(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        super().__init__()
        widths = [16, 32, 64, 128]
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.blocks = nn.Sequential(*map(self.block, widths, widths[1:]))
        self.head = nn.Linear(128, 10)

    @staticmethod
    def block(narrow: int, wide: int) -> Any:
        first = [nn.Conv2d(narrow, wide, 3, padding=1, bias=False), nn.MaxPool2d(2)]
        second = [nn.Conv2d(wide, wide, 3, padding=1, bias=False)]
        norm = [[nn.BatchNorm2d(wide), nn.ReLU()] for _ in range(2)]
        return nn.Sequential(*first, *norm[0], *second, *norm[1])

    def forward(self, x: Any) -> Any:
        return self.head(self.blocks(self.stem(x)).amax((2, 3)))


PAIRS = [(LeNet5, LeNetTwin, (1, 28, 28)), (CNN, CNNTwin, (3, 32, 32))]


@pytest.mark.parametrize(("model", "twin", "image"), PAIRS)
def test_the_same_scores_and_gradients(model: Any, twin: Any, image: tuple[int, ...]) -> None:
    one, other = model().double(), twin().double()
    assert list(one.state_dict()) == list(other.state_dict())
    other.load_state_dict({k: torch.tensor(v.numpy()) for k, v in one.state_dict().items()})
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((6, *image)), draw.integers(0, 10, 6)
    scores = one(tt_tensor.from_numpy(x))
    expected = other(torch.from_numpy(x))
    np.testing.assert_allclose(scores.detach().numpy(), expected.detach().numpy(), 1e-9, 1e-10)
    ours.cross_entropy(scores, tt_tensor.from_numpy(y)).backward()
    F.cross_entropy(expected, torch.from_numpy(y)).backward()
    for (name, p), q in zip(one.named_parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), 1e-7, 1e-9, err_msg=name)
    one.eval(), other.eval()
    np.testing.assert_allclose(
        one(tt_tensor.from_numpy(x)).detach().numpy(),
        other(torch.from_numpy(x)).detach().numpy(),
        1e-8,
        1e-9,
    )

"""LeNet-5, which read the cheques of the nineties."""

from __future__ import annotations

from tt_nn import Conv2d, Linear, Module, functional as F
from tt_tensor import Tensor

__all__ = ["LeNet5"]


class LeNet5(Module):
    """Two convolutions that each halve the image, then three affine layers.

    | layer                 | output          | parameters |
    |-----------------------|-----------------|-----------:|
    | image                 | (B, 1, 28, 28)  |            |
    | conv1, 5×5, padding 2 | (B, 6, 28, 28)  |        156 |
    | max-pooling           | (B, 6, 14, 14)  |            |
    | conv2, 5×5            | (B, 16, 10, 10) |      2,416 |
    | max-pooling           | (B, 16, 5, 5)   |            |
    | fc1                   | (B, 120)        |     48,120 |
    | fc2                   | (B, 84)         |     10,164 |
    | fc3                   | (B, 10)         |        850 |

    61,706 in all. The original differs in what time has replaced: its squashing function was a
    scaled tanh (here ReLU), it halved images by averages with a learned factor and bias (here
    max-pooling), connected each map of the second convolution to a chosen few of the first (here to
    all), and compared the 84 numbers with drawn digits (here an affine layer, whose scores go into
    cross-entropy).

    Args:
        num_classes: how many scores.
        in_channels: 1 for grey images, 3 for coloured ones.
        image_size: height and width of the images, at least 12.

    Shape: x (B, in_channels, image_size, image_size) -> (B, num_classes)

    Source: LeCun, Bottou, Bengio and Haffner 1998, §II.B.

    >>> from tt_tensor import zeros
    >>> model = LeNet5()
    >>> model(zeros(2, 1, 28, 28)).shape
    (2, 10)
    >>> sum(p.numel() for p in model.parameters())
    61706
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1, image_size: int = 28) -> None:
        super().__init__()
        if image_size < 12:
            raise ValueError(
                f"LeNet5: images must have at least 12×12 pixels for two convolutions of 5×5, got "
                f"image_size={image_size}. CNN takes smaller ones"
            )
        self.image_size = image_size
        size = (image_size // 2 - 4) // 2  # after both poolings
        self.conv1 = Conv2d(in_channels, 6, 5, padding=2)
        self.conv2 = Conv2d(6, 16, 5)
        self.fc1 = Linear(16 * size * size, 120)
        self.fc2 = Linear(120, 84)
        self.fc3 = Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """The score of each class."""
        if x.shape[-2:] != (self.image_size, self.image_size):
            raise ValueError(
                f"LeNet5: expected images (B, C, {self.image_size}, {self.image_size}), got "
                f"{x.shape}; LeNet5(image_size=...) takes another size"
            )
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.relu(self.fc2(x))
        return self.fc3(x)  # type: ignore[no-any-return]

"""A small convolutional network as one would write it today."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tt_nn import (
    AdaptiveMaxPool2d,
    BatchNorm2d,
    Conv2d,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)
from tt_tensor import Tensor

__all__ = ["CNN"]


class CNN(Module):
    """A convolution, then blocks that halve the image and widen it, then one look at the whole.

    With coloured images of 32×32 pixels and ten classes:

    | part              | output          | parameters |
    |-------------------|-----------------|-----------:|
    | image             | (B, 3, 32, 32)  |            |
    | stem: convolution | (B, 16, 32, 32) |        448 |
    | block 1           | (B, 32, 16, 16) |     13,952 |
    | block 2           | (B, 64, 8, 8)   |     55,552 |
    | block 3           | (B, 128, 4, 4)  |    221,696 |
    | global maximum    | (B, 128)        |            |
    | head: affine      | (B, 10)         |      1,290 |

    292,938 in all. A block is convolution - max-pooling - batch norm - ReLU, then convolution -
    batch norm - ReLU. All kernels are 3×3. The convolutions of the blocks have no bias: batch norm
    takes away every constant and adds its own. The pooling comes before batch norm and ReLU, which
    so have a quarter of the numbers to work on.

    Args:
        in_channels: 1 for grey images, 3 for coloured ones.
        num_classes: how many scores.
        widths: the channels of the stem and of each block. Each block halves the image, so n of
            them need at least 2ⁿ×2ⁿ pixels: ``CNN(1, 10, widths=(16, 32, 64))`` suits digits of
            8×8.

    Shape: x (B, in_channels, H, W) -> (B, num_classes), whatever H and W

    >>> from tt_tensor import zeros
    >>> model = CNN()
    >>> model(zeros(2, 3, 32, 32)).shape
    (2, 10)
    >>> sum(p.numel() for p in model.parameters())
    292938
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 10,
        widths: Sequence[int] = (16, 32, 64, 128),
    ) -> None:
        super().__init__()
        if not widths or min(widths) < 1:
            raise ValueError(f"CNN: expected positive widths, at least the stem's; got {widths}")
        self.stem = Conv2d(in_channels, widths[0], 3, padding=1)
        self.blocks = Sequential(*(_block(*pair) for pair in pairwise(widths)))
        self.pool = AdaptiveMaxPool2d(1)
        self.head = Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """The score of each class."""
        if min(x.shape[-2:]) < 2 ** len(self.blocks):
            least = 2 ** len(self.blocks)
            raise ValueError(
                f"CNN: {len(self.blocks)} blocks, which each halve the image, need at least "
                f"{least}×{least} pixels; got {x.shape}. Give fewer widths"
            )
        x = self.blocks(self.stem(x))
        return self.head(self.pool(x).flatten(1))  # type: ignore[no-any-return]


def _block(channels_in: int, channels_out: int) -> Sequential:
    """Half as high and wide, from ``channels_in`` channels to ``channels_out``."""
    return Sequential(
        Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        MaxPool2d(2),
        BatchNorm2d(channels_out),
        ReLU(),
        Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
        BatchNorm2d(channels_out),
        ReLU(),
    )

"""Text as training examples for a language model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tt_tensor import Tensor
from tt_tensor.tensor import wrap

__all__ = ["TextDataset"]


class TextDataset:
    """Windows of a long text: the input is block_size tokens, the target the same moved on by one.

    Args:
        ids: the token ids of the whole text.
        block_size: the length of a window.
        stride: how far apart windows start; block_size (no overlap) if None.

    >>> x, y = TextDataset([10, 11, 12, 13, 14], block_size=3, stride=1)[1]
    >>> x.tolist(), y.tolist()
    ([11, 12, 13], [12, 13, 14])
    """

    def __init__(
        self, ids: Sequence[int] | Tensor, block_size: int, stride: int | None = None
    ) -> None:
        array = ids.array if isinstance(ids, Tensor) else np.asarray(ids)
        if array.size and array.dtype.kind not in "iu":
            raise TypeError(f"TextDataset: expected integer ids, got {array.dtype}")
        self.ids = array.astype(np.int64)  # a copy
        self.block_size = block_size
        self.stride = block_size if stride is None else stride
        if self.ids.ndim != 1 or block_size <= 0 or self.stride <= 0:
            raise ValueError(
                "TextDataset: expected a flat list of ids and positive block_size and stride, got "
                f"ids of shape {self.ids.shape}, {block_size} and {self.stride}"
            )
        if len(self.ids) <= block_size:
            raise ValueError(
                f"TextDataset: {len(self.ids)} tokens are too few for windows of {block_size} and "
                "the token after each; use a longer text or a smaller block_size"
            )

    def __len__(self) -> int:
        return (len(self.ids) - self.block_size - 1) // self.stride + 1

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} windows")
        start = index % len(self) * self.stride
        window = self.ids[start : start + self.block_size + 1]
        return wrap(window[:-1]), wrap(window[1:])

"""A dataset of tensors that lie in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tt_tensor import Tensor

from .dataset import Dataset, position

__all__ = ["TensorDataset"]


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors side by side: item i is the tuple of each tensor's row i.

    Raises:
        TypeError: if something other than a Tensor is given.
        ValueError: if no tensor is given, or their lengths (first dims) differ.

    >>> from tt_tensor import arange, tensor
    >>> data = TensorDataset(arange(6).reshape(3, 2), tensor([0, 1, 0]))
    >>> data[1]
    (tensor([2, 3]), tensor(1))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset: expected at least one tensor, got none")
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"TensorDataset: expected Tensors, got {type(tensor).__name__}. "
                    "Make one of it first: tt_tensor.tensor(data)"
                )
        shapes = [tensor.shape for tensor in tensors]
        if not all(shapes) or len({shape[0] for shape in shapes}) > 1:
            raise ValueError(
                "TensorDataset: expected tensors with the same first dim, one row for each item; "
                f"got shapes {', '.join(map(str, shapes))}"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        if isinstance(index, int):  # a slice or a list of numbers takes several rows at once
            index = position(index, len(self), "TensorDataset")
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def gather(self, indices: Sequence[int]) -> list[Tensor]:
        """The batch of these items: equal to `default_collate([self[i] for i in indices])`.

        One indexing operation a tensor copies all rows at once, so no item is ever made.

        >>> from tt_tensor import tensor
        >>> TensorDataset(tensor([10, 11, 12])).gather([2, 0])
        [tensor([12, 10])]
        """
        rows = list(indices)
        if rows:  # both ends are enough to check
            position(min(rows), len(self), "TensorDataset")
            position(max(rows), len(self), "TensorDataset")
        return [tensor[rows] for tensor in self.tensors]

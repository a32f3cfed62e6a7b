"""Collation: many items become one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tt_tensor import Tensor, as_tensor, float64, stack, tensor

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Sequence[Any]) -> Any:
    """One batch from a list of items that are all built alike; the first item decides how.

    | items | batch |
    |---|---|
    | tensors, arrays of one shape | one tensor with a new first dim, the number of items |
    | ints, bools | an int64 or bool tensor (B,) |
    | floats | a float64 tensor (B,), for a Python float is one |
    | NumPy scalars | a tensor (B,) of their dtype |
    | strings, bytes | the same list |
    | dicts | a dict: each key's values collated |
    | tuples, lists | a list: the first elements collated, the second ones, ... |
    | named tuples | a named tuple of the same kind |

    Raises:
        TypeError: if there is an item of another type.
        ValueError: if there is no item.
        RuntimeError: if tensors have different shapes, or tuples different lengths.

    >>> default_collate([(tensor([1.0, 2.0]), 0), (tensor([3.0, 4.0]), 1)])
    [tensor([[1., 2.],
            [3., 4.]]), tensor([0, 1])]
    >>> default_collate([{"name": "a", "age": 3}, {"name": "b", "age": 4}])
    {'name': ['a', 'b'], 'age': tensor([3, 4])}
    """
    if not len(batch):
        raise ValueError("default_collate: expected at least one item to make a batch of, got none")
    first = batch[0]
    if isinstance(first, Tensor):
        return stack_all(batch)
    if isinstance(first, np.ndarray):
        return stack_all([as_tensor(array) for array in batch])
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, float) and not isinstance(first, np.generic):
        return tensor(list(batch), dtype=float64)
    if isinstance(first, (int, np.bool_, np.number)):  # a bool is an int
        return tensor(list(batch))
    if isinstance(first, Mapping):
        return rebuilt(
            first, {key: default_collate([item[key] for item in batch]) for key in first}
        )
    if isinstance(first, Sequence):
        return collate_sequences(first, batch)
    raise TypeError(
        "default_collate: expected tensors, arrays, numbers, strings, or dicts, tuples and lists "
        f"of these; got {type(first).__name__}. Give the DataLoader a collate_fn for such items"
    )


def default_convert(item: Any) -> Any:
    """One item as it is, with a tensor in place of each array: for loaders without batches.

    >>> import numpy as np
    >>> default_convert({"x": np.array([1, 2]), "y": 3})
    {'x': tensor([1, 2]), 'y': 3}
    """
    if isinstance(item, np.ndarray) or (isinstance(item, np.generic) and item.dtype.kind in "biuf"):
        return as_tensor(item)
    if isinstance(item, Mapping):
        return rebuilt(item, {key: default_convert(value) for key, value in item.items()})
    if isinstance(item, Sequence) and not isinstance(item, (str, bytes)):
        return rebuilt(item, [default_convert(value) for value in item])
    return item


def stack_all(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors along a new first dim; an error that helps if their shapes differ."""
    for number, one in enumerate(tensors):
        if one.shape != tensors[0].shape:
            raise RuntimeError(
                f"default_collate: expected items of one shape; got {tensors[0].shape} at place 0 "
                f"of the batch and {one.shape} at place {number}. Bring them to one shape in the "
                "dataset (crop, pad), or give the DataLoader a collate_fn that pads"
            )
    return stack(list(tensors))


def collate_sequences(first: Sequence[Any], batch: Sequence[Any]) -> Any:
    """Collate tuples or lists element by element."""
    for number, item in enumerate(batch):
        if len(item) != len(first):
            raise RuntimeError(
                f"default_collate: expected each item to have {len(first)} elements, as the first "
                f"has; got {len(item)} at place {number} of the batch"
            )
    columns = [default_collate(column) for column in zip(*batch, strict=True)]
    return rebuilt(first, columns)


def rebuilt(model: Any, values: Any) -> Any:
    """The values in a container of the model's type; a tuple becomes a list, as in PyTorch."""
    kind = type(model)
    if kind in (dict, list, tuple):
        return values
    if isinstance(model, tuple) and hasattr(model, "_fields"):
        return kind(*values)
    try:
        return kind(values)
    except TypeError:  # a container that is not made from its contents, such as a range
        return values

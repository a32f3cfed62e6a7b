"""Storing a pruned model: the values that are left, and where they stand.

A tensor of n numbers of b bytes, k of them not 0, takes

=========== ============================ ==============================================
dense       b · n bytes
bit mask    b · k + n / 8 bytes          a bit for each number: is there a value?
gaps        (b + 1) · k bytes and more   a byte for each value: how many zeros before it?
=========== ============================ ==============================================

So for float32 (b = 4) a mask pays from 1/32 = 3.1 % zeros on, and gaps are shorter than a mask once
fewer than one in 8 is left (87.5 % zeros); for int8 (b = 1) a mask pays from 12.5 % on. More than
255 zeros in a row need a 0 stored as if it were a value, so gaps lose again when hardly anything is
left. `sparse_state` counts the bytes of all three, tensor by tensor, and takes the fewest.

This is for the disk. In memory zeros take their room again, and a product takes its time.

Source: Han, Mao and Dally 2016, §2 for the gaps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tt_tensor import Tensor
from tt_tensor.tensor import wrap

__all__ = ["dense_state", "sparse_state"]

Array = np.ndarray[Any, np.dtype[Any]]
LONGEST_GAP = 255
HEADER = 100  # bytes, about: what a file's header takes for each tensor more


def sparse_state(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """A state dict with its tensors stored without zeros where that takes fewer bytes.

    ``tt_nn.save`` writes the result, and `dense_state` restores what was given, bit for bit.

    >>> import io
    >>> from tt_nn import Linear, load, save
    >>> from tt_optimize.prune import prune
    >>> model, file, small = prune(Linear(100, 100), amount=0.9), io.BytesIO(), io.BytesIO()
    >>> save(model.state_dict(), file)
    >>> save(sparse_state(model.state_dict()), small)
    >>> small.tell() < file.tell() / 6
    True
    >>> _ = small.seek(0)
    >>> model.load_state_dict(dense_state(load(small)))
    <All keys matched successfully>
    """
    return {name: _smallest(tensor) for name, tensor in state_dict.items()}


def dense_state(sparse: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state dict that `sparse_state` was given.

    Raises:
        ValueError: a tensor's parts do not fit one another; the message names it.
    """
    return {
        name: stored if isinstance(stored, Tensor) else _restored(name, stored)
        for name, stored in sparse.items()
    }


def _smallest(tensor: Tensor) -> Tensor | dict[str, Any]:
    """A tensor in the form that takes the fewest bytes."""
    flat = np.ascontiguousarray(tensor.array).reshape(-1)
    there = _bits(flat) != 0  # by its bits, so that -0.0 comes back as -0.0
    mask = {"values": flat[there], "mask": np.packbits(there)}
    values, gaps = _with_gaps(flat, np.flatnonzero(there))
    forms = [mask, {"values": values, "gaps": gaps}]
    best = min(forms, key=_nbytes)
    if _nbytes(best) + 2 * HEADER >= flat.nbytes:
        return tensor
    return {"shape": tensor.shape, **{name: wrap(array) for name, array in best.items()}}


def _nbytes(form: dict[str, Array]) -> int:
    return sum(array.nbytes for array in form.values())


def _bits(flat: Array) -> Array:
    """The numbers as whole numbers of the same bits."""
    return flat.view(f"u{flat.itemsize}") if flat.dtype != bool else flat


def _with_gaps(flat: Array, places: Array) -> tuple[Array, Array]:
    """The values at ``places``, and how many zeros stand before each, in a byte.

    A value 0 after 255 zeros stands in where more follow one another, at the end as well.
    """
    zeros = np.diff(places, prepend=-1, append=flat.size) - 1  # before each value; after the last
    steps, gaps = np.divmod(zeros, LONGEST_GAP + 1)  # a stand-in is a step over 256 numbers
    ends = np.cumsum(steps + 1) - 1  # where each value comes to stand among the stand-ins
    values = np.zeros(ends[-1], flat.dtype)
    bytes_ = np.full(ends[-1], LONGEST_GAP, np.uint8)
    values[ends[:-1]], bytes_[ends[:-1]] = flat[places], gaps[:-1]
    return values, bytes_


def _restored(name: str, stored: Any) -> Tensor:
    """A tensor from its values and their places. Its shape is not trusted: it has to fit them."""
    problem = f"dense_state: {name} is not what sparse_state makes"
    try:
        shape, values = tuple(stored["shape"]), stored["values"].array
        where = stored["mask" if "mask" in stored else "gaps"].array
        size = math.prod(shape)
        plain = all(type(n) is int and n >= 0 for n in shape)
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"{problem}: expected shape, values and a mask or gaps") from None
    if not plain or where.dtype != np.uint8 or values.ndim != 1 or where.ndim != 1:
        raise ValueError(f"{problem}: expected a shape, a row of values and one of bytes")
    if "mask" in stored:
        fits = where.size == -(-size // 8)
        places = np.flatnonzero(np.unpackbits(where, count=size)) if fits else None
    else:
        places = np.cumsum(where.astype(np.int64) + 1) - 1
        end = int(places[-1]) + 1 if places.size else 0
        fits = end <= size <= end + LONGEST_GAP
    if places is None or not fits or places.size != values.size:
        raise ValueError(
            f"{problem}: {values.size} values and {where.size} bytes of places do not make a "
            f"tensor of shape {shape}; the file is damaged, use a copy"
        )
    flat = np.zeros(size, values.dtype)
    flat[places] = values
    return wrap(flat.reshape(shape))

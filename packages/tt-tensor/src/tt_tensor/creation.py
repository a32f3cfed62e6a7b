"""Making tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtypes import Array, canonical, default_dtype, int64
from .shapes import sizes
from .tensor import Tensor, check_device, wrap

__all__ = [
    "arange",
    "as_tensor",
    "empty",
    "empty_like",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "tensor",
    "to_array",
    "zeros",
    "zeros_like",
]


def to_array(data: Any, dtype: Any = None) -> Array:
    """A new array with the data; without a dtype, Python floats become float32, ints int64."""
    try:
        if isinstance(data, Tensor):
            return data.array.astype(dtype or data.dtype)
        if isinstance(data, (np.ndarray, np.generic)):
            return np.array(data, canonical(dtype or data.dtype))
        array = np.array(_plain(data))
    except ValueError as error:
        raise ValueError(
            f"the nested lists have uneven lengths: {error}. Each list of a level must be as long "
            "as its neighbours"
        ) from None
    if array.dtype == object or array.dtype.kind in "USO":
        raise TypeError(f"expected numbers, got {_example(data)!r}; a Tensor holds numbers only")
    if dtype is not None:
        return array.astype(canonical(dtype), copy=False)
    if array.dtype.kind == "f":
        return array.astype(_list_float(data), copy=False)
    return (
        array.astype(canonical(array.dtype), copy=False)
        if array.size
        else array.astype(default_dtype)
    )


def _plain(data: Any) -> Any:
    """Lists of Tensors as lists of arrays."""
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return data.array if isinstance(data, Tensor) else data


def _example(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _list_float(data: Any) -> Any:
    """float32 for Python floats; lists of NumPy values or Tensors keep their own width."""
    example = _example(data)
    return (
        example.dtype if hasattr(example, "dtype") and example.dtype.kind == "f" else default_dtype
    )


def _finish(array: Array, requires_grad: bool, device: str | None) -> Tensor:
    check_device(device)
    result = wrap(array)
    if requires_grad:
        result.requires_grad = True
    return result


def tensor(
    data: Any, dtype: Any = None, requires_grad: bool = False, device: str | None = None
) -> Tensor:
    """A new tensor with a copy of the data.

    Python floats become float32, ints int64, bools bool; NumPy arrays and Tensors keep their dtype.

    >>> tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    >>> tensor([1, 2]).dtype
    dtype('int64')
    """
    return _finish(to_array(data, dtype), requires_grad, device)


def as_tensor(data: Any, dtype: Any = None, device: str | None = None) -> Tensor:
    """The data as a tensor: on the same memory if it is an array or Tensor of that dtype."""
    check_device(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        return wrap(data.astype(canonical(dtype or data.dtype), copy=False))
    return tensor(data, dtype)


def from_numpy(array: Array) -> Tensor:
    """A tensor on a NumPy array's memory: each sees what the other writes."""
    if not isinstance(array, np.ndarray):
        raise TypeError(
            f"from_numpy expects a NumPy array, got {type(array).__name__}; use tensor()"
        )
    canonical(array.dtype)
    return wrap(array)


def zeros(
    *size: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
    **named: Any,
) -> Tensor:
    """Zeros of the given shape: ``zeros(2, 3)``, ``zeros((2, 3))`` or ``zeros(size=(2, 3))``."""
    array = np.zeros(sizes(size, named), canonical(dtype or default_dtype))
    return _finish(array, requires_grad, device)


def ones(
    *size: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
    **named: Any,
) -> Tensor:
    """Ones of the given shape."""
    array = np.ones(sizes(size, named), canonical(dtype or default_dtype))
    return _finish(array, requires_grad, device)


def empty(
    *size: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
    **named: Any,
) -> Tensor:
    """A tensor of the given shape whose values are whatever its memory held."""
    array = np.empty(sizes(size, named), canonical(dtype or default_dtype))
    return _finish(array, requires_grad, device)


def full(
    size: Any,
    fill_value: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
) -> Tensor:
    """One value in every place; the dtype is the value's if not given.

    >>> full((2,), 7)
    tensor([7, 7])
    """
    shape = (size,) if isinstance(size, (int, np.integer)) else tuple(size)
    number = fill_value.item() if isinstance(fill_value, (np.generic, Tensor)) else fill_value
    value = to_array(number, dtype)
    return _finish(np.full(shape, value, value.dtype), requires_grad, device)


def zeros_like(
    input: Tensor, dtype: Any = None, requires_grad: bool = False, device: str | None = None
) -> Tensor:
    """Zeros in the shape and dtype of x."""
    return zeros(
        input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad, device=device
    )


def ones_like(
    input: Tensor, dtype: Any = None, requires_grad: bool = False, device: str | None = None
) -> Tensor:
    """Ones in the shape and dtype of x."""
    return ones(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad, device=device)


def empty_like(
    input: Tensor, dtype: Any = None, requires_grad: bool = False, device: str | None = None
) -> Tensor:
    """Uninitialised memory in the shape and dtype of x."""
    return empty(
        input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad, device=device
    )


def full_like(
    input: Tensor,
    fill_value: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
) -> Tensor:
    """One value in the shape and dtype of x."""
    return full(
        input.shape,
        fill_value,
        dtype=dtype or input.dtype,
        requires_grad=requires_grad,
        device=device,
    )


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
) -> Tensor:
    """start, start + step, ... up to but without end; int64 if all three are ints.

    >>> arange(0, 1, 0.25)
    tensor([0.0000, 0.2500, 0.5000, 0.7500])
    """
    if end is None:
        start, end = None, start
    if end is None:
        raise TypeError("arange: expected at least an end, got nothing")
    start = 0 if start is None else start
    start, end, step = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    if step == 0:
        raise ValueError("arange: step must not be 0")
    if (end - start) * step < 0:
        raise ValueError(f"arange: a step of {step} does not lead from {start} to {end}")
    if dtype is None:
        dtype = (
            int64 if all(isinstance(v, (int, np.integer)) for v in (start, end, step)) else float
        )
    return _finish(np.arange(start, end, step).astype(canonical(dtype)), requires_grad, device)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
) -> Tensor:
    """``steps`` evenly spaced numbers from start to end, both included."""
    values = np.linspace(start, end, steps).astype(canonical(dtype or default_dtype))
    return _finish(values, requires_grad, device)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
) -> Tensor:
    """The identity matrix: ones on the diagonal, zeros elsewhere."""
    return _finish(np.eye(n, m, dtype=canonical(dtype or default_dtype)), requires_grad, device)

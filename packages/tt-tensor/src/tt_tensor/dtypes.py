"""Data types and PyTorch's promotion rules, which differ from NumPy's in three ways.

1. Python scalars and 0-d tensors never promote within their category (bool < int < float):
   ``float32 tensor * 2.0`` stays float32, whatever the scalar's own width.
2. An integer tensor that meets a Python float becomes float32, the default dtype, not float64.
3. Integer division and transcendental functions of integers give float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "Array",
    "DType",
    "bool_",
    "canonical",
    "default_dtype",
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "promote",
    "promote_to_floating",
    "to_floating",
    "uint8",
]

type_of = np.dtype
Array = np.ndarray[Any, np.dtype[Any]]
DType = np.dtype[Any]

float16: DType = np.dtype("float16")
float32: DType = np.dtype("float32")
float64: DType = np.dtype("float64")
int8: DType = np.dtype("int8")
int16: DType = np.dtype("int16")
int32: DType = np.dtype("int32")
int64: DType = np.dtype("int64")
uint8: DType = np.dtype("uint8")
bool_: DType = np.dtype("bool")

default_dtype = float32
_KNOWN = {d.name: d for d in (float16, float32, float64, int8, int16, int32, int64, uint8, bool_)}
_THEMSELVES = {dtype: dtype for dtype in _KNOWN.values()}
_NUMPY = (np.ndarray, np.generic)  # what rules compute of 0-d arrays are NumPy's scalars
_CATEGORY = {"b": 0, "i": 1, "u": 1, "f": 2}


def canonical(dtype: Any) -> DType:
    """The dtype meant by a dtype, a NumPy type, a Python type or a name.

    Python's ``float`` means the default float32, as ``torch.tensor(1.0)`` does.

    >>> canonical(float), canonical("int8"), canonical(bool)
    (dtype('float32'), dtype('int8'), dtype('bool'))
    """
    if dtype is float:
        return default_dtype
    try:
        known = _THEMSELVES.get(dtype)  # 0.04 µs; NumPy takes 2 to say a name
        return _KNOWN[np.dtype(dtype).name] if known is None else known
    except (TypeError, KeyError):
        raise TypeError(
            f"dtype {dtype!r} is not supported; use one of {', '.join(_KNOWN)}"
        ) from None


def promote(*values: Any) -> list[Any]:
    """Operands of one elementwise op, brought to PyTorch's common dtype.

    Python scalars that need no conversion stay Python scalars: NumPy treats them as weak.
    """
    dtype = result_type(*values)
    return [_cast(value, dtype) for value in values]


def promote_to_floating(*values: Any) -> list[Any]:
    """``promote``, and to the default dtype if the common one is not floating (division)."""
    dtype = result_type(*values)
    return [_cast(value, dtype if dtype.kind == "f" else default_dtype) for value in values]


def result_type(*values: Any) -> DType:
    """The dtype PyTorch gives the elementwise combination of arrays and Python scalars.

    The operands are ranked: tensors with dimensions, then 0-d tensors, then Python scalars. A lower
    rank counts only if its category (bool < int < float) is higher than that of the ranks above it.
    """
    ranks: list[DType | None] = [None, None, None]
    for value in values:
        if isinstance(value, _NUMPY):
            rank, dtype = (0 if value.ndim else 1), value.dtype
        else:
            rank, dtype = 2, _scalar_dtype(value)
        known = ranks[rank]
        ranks[rank] = dtype if known is None else _wider(known, dtype)
    result: DType | None = None
    for candidate in ranks:
        if candidate is None:
            continue
        if result is None or _CATEGORY[candidate.kind] > _CATEGORY[result.kind]:
            result = candidate
    assert result is not None
    return result


def to_floating(value: Any) -> Any:
    """Integers and bools become float32, the default dtype; floating values stay as they are."""
    if isinstance(value, _NUMPY) and value.dtype.kind != "f":
        return value.astype(default_dtype)
    return value


def _wider(a: DType, b: DType) -> DType:
    """The common dtype of two tensors of one rank; int with float gives that float."""
    if _CATEGORY[a.kind] != _CATEGORY[b.kind]:
        return a if _CATEGORY[a.kind] > _CATEGORY[b.kind] else b
    return np.promote_types(a, b)


def _scalar_dtype(value: Any) -> DType:
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return default_dtype
    raise TypeError(
        f"expected a Tensor or a number, got {type(value).__name__}. Wrap it first: tensor(value)"
    )


def _cast(value: Any, dtype: DType) -> Any:
    if isinstance(value, _NUMPY):
        return value if value.dtype == dtype else value.astype(dtype)
    if dtype.kind == "f":
        return float(value)
    return np.array(value).astype(dtype)  # wraps around like a tensor of that dtype would

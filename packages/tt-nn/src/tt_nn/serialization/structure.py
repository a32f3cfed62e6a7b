"""An object taken apart into named arrays and a JSON text that says how they belong together.

In the JSON, null, true, false, strings, lists and most numbers stand for themselves; all else is an
object with one key that says what it is: ``{"tensor": name}``, ``{"tuple": [...]}``,
``{"dict": [[key, value], ...]}``, ``{"float": "nan"}``, ``{"int": "0x1f"}``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tt_tensor import Tensor, from_numpy

__all__ = ["pack", "unpack"]

Array = np.ndarray[Any, np.dtype[Any]]
KEY = "tinytorch"  # the metadata entry with the structure


def pack(obj: Any) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays of an object by name, and the metadata with its structure.

    Raises:
        TypeError: naming the place of something that is neither a Tensor nor a plain value.
        ValueError: the object contains itself.
    """
    packer = Packer()
    structure = json.dumps(packer.node(obj, ()))
    # readers of model files ask for the layout: "pt" says as in PyTorch
    return packer.arrays, {"format": "pt", KEY: structure}


class Packer:
    """Collects the arrays while the structure is written down."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self.inside: set[int] = set()  # the containers around the present place

    def node(self, obj: Any, path: tuple[Any, ...]) -> Any:
        """The JSON value that stands for ``obj``, which is at ``path`` in the whole."""
        if obj is None or isinstance(obj, (bool, str)):
            return obj
        if isinstance(obj, int):
            return int(obj) if abs(obj) < 2**63 else {"int": hex(obj)}  # JSON's digits are limited
        if isinstance(obj, float):
            return float(obj) if math.isfinite(obj) else {"float": repr(float(obj))}
        if isinstance(obj, Tensor):
            return {"tensor": self.add(obj.array, path)}
        if isinstance(obj, (list, tuple, Mapping)):
            return self.container(obj, path)
        raise TypeError(
            f"save: obj{_place(path)} is a {type(obj).__name__}; expected Tensors, dicts, lists, "
            f"tuples, numbers, strings, bools or None.{_advice(obj)}"
        )

    def container(self, obj: Any, path: tuple[Any, ...]) -> Any:
        """The JSON value of a dict, list or tuple."""
        if id(obj) in self.inside:
            raise ValueError(f"save: obj{_place(path)} contains itself, so it has no end")
        self.inside.add(id(obj))
        node: Any
        if isinstance(obj, Mapping):
            node = {"dict": [[self.key(k, path), self.node(v, (*path, k))] for k, v in obj.items()]}
        else:
            items = [self.node(item, (*path, i)) for i, item in enumerate(obj)]
            node = {"tuple": items} if isinstance(obj, tuple) else items
        self.inside.remove(id(obj))
        return node

    def key(self, key: Any, path: tuple[Any, ...]) -> Any:
        """The JSON value of a dict's key: plain values and tuples of them, no Tensors."""
        if isinstance(key, (str, int, float, tuple)) or key is None:
            before = len(self.arrays)
            node = self.node(key, (*path, key))
            if len(self.arrays) == before:
                return node
        raise TypeError(
            f"save: obj{_place(path)} has the key {key!r}; expected strings, numbers or tuples"
        )

    def add(self, array: Array, path: tuple[Any, ...]) -> str:
        """Keep an array under a name made of its path, and return the name."""
        text = ".".join(str(step) for step in path) or "tensor"
        name = base = text.encode("utf-8", "backslashreplace").decode()
        number = 1
        while name in self.arrays or name == "__metadata__":
            number += 1
            name = f"{base}#{number}"
        dtype = array.dtype.newbyteorder("<")
        self.arrays[name] = np.array(array, dtype, order="C", copy=None)
        return name


def unpack(arrays: dict[str, Array], metadata: dict[str, str], name: str) -> Any:
    """The object that was packed; a dict of Tensors if the metadata says nothing of one.

    Raises:
        ValueError: the structure is damaged.
    """
    tensors = {key: from_numpy(array) for key, array in arrays.items()}
    if KEY not in metadata:
        return tensors
    try:
        return _object(json.loads(metadata[KEY]), tensors)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{name}: expected a saved object's structure in the metadata {KEY!r}; got "
            f"{type(error).__name__}: {str(error)[:120]}. help: the file is damaged; use a copy"
        ) from None


def _object(node: Any, tensors: dict[str, Tensor]) -> Any:
    """The object that a JSON value stands for."""
    if isinstance(node, list):
        return [_object(item, tensors) for item in node]
    if not isinstance(node, dict):
        return node
    ((kind, value),) = node.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "tuple":
        return tuple([_object(item, tensors) for item in value])
    if kind == "dict":
        return {_object(key, tensors): _object(item, tensors) for key, item in value}
    if kind == "float":
        return float(value)
    if kind == "int":
        return int(value, 16)
    raise ValueError(f"unknown kind {kind!r}")


def _place(path: tuple[Any, ...]) -> str:
    """``["optimizer"]["state"][0]``."""
    return "".join([f"[{step!r}]" for step in path])


def _advice(obj: Any) -> str:
    if isinstance(obj, np.ndarray):
        return " Wrap it: tt_tensor.from_numpy(array)"
    if isinstance(obj, np.generic):
        return " Convert it: value.item()"
    if hasattr(obj, "state_dict"):
        return " Save its state_dict()"
    return ""

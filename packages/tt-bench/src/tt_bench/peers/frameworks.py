"""The frameworks a workload can run on, under one set of names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

__all__ = ["Framework", "load_framework"]


@dataclass(frozen=True)
class Framework:
    """What a workload uses; each part has PyTorch's names, whosever it is.

    Attributes:
        torch: tensors: ``from_numpy``, ``arange``, ...
        nn, F, optim: modules, functions, optimizers.
        no_grad: the context in which nothing is recorded.
        optimizer_options: given to the optimizer: a peer's faster implementation, if it has one.
    """

    name: str
    version: str
    torch: Any
    nn: Any
    F: Any
    optim: Any
    no_grad: Any
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)


def load_framework(name: str, threads: int = 1, **optimizer_options: Any) -> Framework:
    """Import a framework ("tt" or "torch") and limit it to so many threads.

    The limit of NumPy's BLAS is set by environment variables before this process starts.

    Raises:
        ValueError: there is no such framework here.
    """
    if name == "tt":
        tensors, nn = import_module("tt_tensor"), import_module("tt_nn")
        no_grad = import_module("tt_autograd").no_grad
    elif name == "torch":
        tensors = import_module("torch")
        tensors.set_num_threads(threads)
        nn, no_grad = tensors.nn, tensors.no_grad
    else:
        raise ValueError(f'framework: expected "tt" or "torch", got {name!r}')
    return Framework(
        name=name,
        version=tensors.__version__,
        torch=tensors,
        nn=nn,
        F=nn.functional,
        optim=nn.optim if name == "tt" else tensors.optim,
        no_grad=no_grad,
        optimizer_options=optimizer_options,
    )

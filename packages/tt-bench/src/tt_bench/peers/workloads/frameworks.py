"""The frameworks a workload can run on; those with PyTorch's names under one set of names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Any

__all__ = ["Framework", "load_framework"]


OTHERS: Mapping[str, Callable[[], ModuleType]] = {
    "autograd": lambda: import_module("autograd"),
    "micrograd": lambda: import_module("micrograd"),
    "tokenizers": lambda: import_module("tokenizers"),
    "tiktoken": lambda: import_module("tiktoken"),
}


@dataclass(frozen=True)
class Framework:
    """What a workload uses; each part has PyTorch's names, whosever it is.

    Attributes:
        torch: tensors: ``from_numpy``, ``arange``, ...
        nn, F, optim: modules, functions, optimizers.
        no_grad: the context in which nothing is recorded.
        options: a peer's faster ways, for workloads that know them: ``fused=True``.
    """

    name: str
    version: str
    torch: Any = None
    nn: Any = None
    F: Any = None
    optim: Any = None
    no_grad: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)


def load_framework(name: str, threads: int = 1, **options: Any) -> Framework:
    """Import a framework and limit it to so many threads.

    "tt" and "torch" share PyTorch's names. The others (HIPS "autograd", "micrograd", Hugging Face's
    "tokenizers", "tiktoken") have their own, which their programs import themselves. The limit of
    NumPy's BLAS is set by environment variables before this process starts.

    Raises:
        ValueError: there is no such framework here.
    """
    if name == "tt":
        tensors, nn = import_module("tt_tensor"), import_module("tt_nn")
        no_grad, optim = import_module("tt_autograd").no_grad, nn.optim
    elif name == "torch":
        tensors = import_module("torch")
        tensors.set_num_threads(threads)
        nn, no_grad, optim = tensors.nn, tensors.no_grad, tensors.optim
    elif name in OTHERS:
        return Framework(name, version(OTHERS[name]().__name__), options=options)
    else:
        expected = ", ".join(map(repr, ("tt", "torch", *OTHERS)))
        raise ValueError(f"framework: expected one of {expected}; got {name!r}")
    F = nn.functional
    return Framework(name, tensors.__version__, tensors, nn, F, optim, no_grad, options)

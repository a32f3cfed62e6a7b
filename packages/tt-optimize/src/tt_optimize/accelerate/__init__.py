"""The same model, faster: what a model computes, computed by a backend made for its form."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tt_nn import Module

from ..technique import technique

__all__ = ["accelerate"]

BACKENDS = {"numpy": "numpy_backend", "numba": "numba"}


@technique
def accelerate(model: Module, backend: str = "numpy") -> Any:
    """The model with a faster forward for inference, on the same weights.

    Layer by layer, a framework pays for its generality: each operation allocates its result, wraps
    it, and asks whether anyone wants its gradient. For one token of a small GPT this costs more
    than the arithmetic. A backend knows the whole model instead: it runs on arrays alone, into
    memory that it keeps, and does in one pass over memory what took several.

    Args:
        model: a GPT, MLP, CNN or LeNet5, or whatever is built of ``Sequential``.
        backend: "numpy"; or "numba", whose compiled loops need the package numba. What has no
            layer that they stand for, as an MLP or a CNN, gets NumPy's.

    Returns:
        A module of the model's class on the same parameters and buffers: nothing is copied, and
        changed weights show at once. The fast path is taken in evaluation mode under ``no_grad()``
        (``generate`` sees to both); otherwise the model's own forward runs, so training works too.
        It also runs where a layer inside has hooks, which it calls.

    Raises:
        ValueError: an unknown backend, or a model in which the backend knows nothing.
        ImportError: the backend's package is not installed.

    >>> from tt_autograd import no_grad
    >>> from tt_models import MLP
    >>> from tt_tensor import allclose, ones
    >>> model = MLP([64, 32, 10]).eval()
    >>> fast = accelerate(model)
    >>> with no_grad():
    ...     allclose(fast(ones(8, 64)), model(ones(8, 64)))
    True
    >>> fast.layers[0].weight is model.layers[0].weight
    True
    """
    if backend not in BACKENDS:
        expected = " or ".join(map(repr, BACKENDS))
        raise ValueError(f"accelerate: the backend must be {expected}, got {backend!r}")
    try:
        module = import_module(f".{BACKENDS[backend]}", __name__)
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        raise ImportError(
            'accelerate: backend="numba" needs the package numba, which is not installed: '
            "pip install numba"
        ) from error
    return module.build(model)

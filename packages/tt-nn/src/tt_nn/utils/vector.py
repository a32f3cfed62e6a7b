"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from tt_tensor import Tensor, cat

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, flattened, one after the other; gradients flow through.

    >>> from tt_tensor import eye, tensor
    >>> parameters_to_vector([eye(2), tensor([5.0])])
    tensor([1., 0., 0., 1., 5.])
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make each parameter the next part of the vector, in its own shape, on the vector's memory.

    Raises:
        ValueError: the vector has more or fewer elements than the parameters; nothing is changed.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected a Tensor, got {type(vec).__name__}")
    params = list(parameters)
    expected = sum(p.numel() for p in params)
    if vec.ndim != 1 or vec.numel() != expected:
        raise ValueError(f"expected a vector of {expected} elements, got shape {vec.shape}")
    start = 0
    for p in params:
        p.data = vec.detach()[start : start + p.numel()].reshape(p.shape)
        start += p.numel()

"""Gradients as functions: ``grad``, ``backward``, ``value_and_grad``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tt_tensor import Tensor
from tt_tensor.tensor import wrap

from .backward import own, run_backward
from .engine import accumulate, slots_of, starting_gradient
from .modes import enable_grad

__all__ = ["backward", "grad", "value_and_grad"]

Tensors = Tensor | Sequence[Tensor]


def _sequence(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, Tensor) or tensors is None else list(tensors)


def _starts(outputs: list[Tensor], gradients: Any, create_graph: bool) -> dict[Any, Any]:
    """The gradient to start with at each output's slot."""
    given = _sequence(gradients) if gradients is not None else [None] * len(outputs)
    if len(given) != len(outputs):
        raise ValueError(f"got {len(outputs)} outputs but {len(given)} gradients for them")
    starts: dict[Any, Any] = {}
    for x, gradient in zip(outputs, given, strict=True):
        g, before = starting_gradient(x, gradient, create_graph), starts.get(x._graph)
        starts[x._graph] = g if before is None else before + g
    return starts


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    *,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of the outputs' sum by each input, without touching any ``.grad``.

    Args:
        inputs: leaves or computed tensors that the outputs depend on.
        grad_outputs: the gradient to start with at each output; 1 for single elements.
        retain_graph: keep the graph for another pass; ``create_graph`` by default.
        create_graph: make the results differentiable themselves.
        only_inputs: always True; older programs name it.
        allow_unused: give None, instead of an error, for inputs without influence.
        materialize_grads: give zeros for them.

    >>> from tt_tensor import tensor
    >>> x = tensor(3.0, requires_grad=True)
    >>> (first,) = grad(x**3, x, create_graph=True)
    >>> (second,) = grad(first, x)
    >>> first.item(), second.item()
    (27.0, 18.0)
    """
    if not only_inputs:
        raise ValueError("grad: expected only_inputs=True; backward() fills the .grad of leaves")
    roots, leaves = _sequence(outputs), _sequence(inputs)
    targets = slots_of(leaves)
    found = run_backward(
        _starts(roots, grad_outputs, create_graph),
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
        targets=targets,
    )
    gradients = found if create_graph else own(found)
    results: list[Any] = []
    for i, x in enumerate(leaves):
        g = gradients.get(x._graph)
        if g is None and materialize_grads:
            g = wrap(np.zeros_like(x.array))
        if g is None and not allow_unused:
            raise RuntimeError(
                f"input {i} of grad() has no influence on the outputs; pass allow_unused=True to "
                "get None"
            )
        results.append(g)
    return tuple(results)


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of the tensors' sum to the ``.grad`` of every leaf, or of ``inputs``."""
    roots = _sequence(tensors)
    found = run_backward(
        _starts(roots, grad_tensors, create_graph),
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
        targets=None if inputs is None else slots_of(inputs),
    )
    accumulate(found)


def value_and_grad(
    function: Callable[..., Tensor], argnums: int | Sequence[int] = 0
) -> Callable[..., tuple[Tensor, Any]]:
    """A function that returns ``function``'s value and its gradient by the chosen arguments.

    >>> from tt_tensor import tensor
    >>> value, gradient = value_and_grad(lambda x: (x * x).sum())(tensor([1.0, 2.0]))
    >>> value.item(), gradient
    (5.0, tensor([2., 4.]))
    """
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)

    def wrapped(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        fresh = list(args)
        for i in numbers:
            fresh[i] = args[i].detach().requires_grad_()
        with enable_grad():
            value = function(*fresh, **kwargs)
        gradients = grad(value, [fresh[i] for i in numbers])
        return value.detach(), gradients[0] if isinstance(argnums, int) else gradients

    return wrapped

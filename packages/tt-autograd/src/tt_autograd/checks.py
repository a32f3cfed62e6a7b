"""Checking gradients against finite differences: the oracle that needs no other framework."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tt_tensor import Tensor
from tt_tensor.tensor import wrap

from .functional import grad
from .modes import no_grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A gradient differs from the finite difference."""


def _outputs(function: Callable[..., Any], inputs: Sequence[Any]) -> list[Tensor]:
    result = function(*inputs)
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    return [o for o in outputs if isinstance(o, Tensor) and o.dtype.kind == "f"]


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of ``func`` with central differences (f(x + ε) - f(x - ε)) / 2ε.

    Every output is contracted with a fixed random tensor v, and vᵀ·J is compared element by element
    for every input that requires grad. Use float64 inputs: float32 is too coarse for ε = 1e-6.

    Raises:
        GradcheckError: naming the function, the input, the index and both derivatives.

    >>> from tt_tensor import float64, tensor
    >>> gradcheck(lambda x: x.tanh(), tensor([0.5, -1.0], dtype=float64, requires_grad=True))
    True
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    watched = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not watched:
        raise ValueError("gradcheck: no input requires grad, so there is nothing to check")
    for i in watched:
        if inputs[i].dtype != np.float64:
            raise ValueError(f"gradcheck: input {i} is {inputs[i].dtype}; use float64")
    outputs = _outputs(func, inputs)
    draw = np.random.default_rng(0)
    weights = [wrap(draw.uniform(0.5, 1.5, o.shape)) for o in outputs]
    live = [(o, w) for o, w in zip(outputs, weights, strict=True) if o.requires_grad]
    analytic = grad(
        [o for o, _ in live],
        [inputs[i] for i in watched],
        [w for _, w in live],
        allow_unused=True,
    )
    try:
        for i, found in zip(watched, analytic, strict=True):
            _compare(func, inputs, i, found, weights, (eps, atol, rtol))
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _compare(
    func: Callable[..., Any],
    inputs: tuple[Any, ...],
    i: int,
    found: Tensor | None,
    weights: list[Tensor],
    tolerance: tuple[float, float, float],
) -> None:
    """Compare one input's gradient, element by element."""
    eps, atol, rtol = tolerance
    original = inputs[i].detach().numpy()
    analytic = np.zeros(original.shape) if found is None else found.detach().numpy()
    for index in np.ndindex(original.shape):
        values = []
        for step in (eps, -eps):
            moved = original.copy()
            moved[index] += step
            trial = list(inputs)
            trial[i] = wrap(moved).requires_grad_()
            values.append(_contracted(func, trial, weights))
        numeric = (values[0] - values[1]) / (2 * eps)
        here = float(analytic[index])
        if not abs(here - numeric) <= atol + rtol * abs(numeric):
            raise GradcheckError(
                f"the gradient of {getattr(func, '__name__', func)!r} by input {i} at index "
                f"{index} is {here:.10g}, but the finite difference is {numeric:.10g} (input "
                f"{original[index]:.6g}, ε = {eps:g}). Check the rule of the operation"
            )


def _contracted(func: Callable[..., Any], inputs: list[Any], weights: list[Tensor]) -> float:
    """Σ v · func(inputs), without recording more than func itself needs."""
    outputs = _outputs(func, inputs)
    with no_grad():
        return float(sum((o.array * w.array).sum() for o, w in zip(outputs, weights, strict=True)))


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """``gradcheck`` of the gradients themselves: are the second derivatives right?"""
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    watched = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    starts = [
        wrap(np.random.default_rng(1).uniform(0.5, 1.5, o.shape)).requires_grad_()
        for o in (_outputs(func, inputs) if grad_outputs is None else ())
    ] or list(grad_outputs or ())

    def gradients(*arguments: Any) -> tuple[Tensor, ...]:
        given, starting = arguments[: len(inputs)], arguments[len(inputs) :]
        outputs = _outputs(func, given)
        live = [(o, s) for o, s in zip(outputs, starting, strict=True) if o.requires_grad]
        found = grad(
            [o for o, _ in live],
            [given[i] for i in watched],
            [s for _, s in live],
            create_graph=True,
            allow_unused=True,
        )
        return tuple(g for g in found if g is not None)

    return gradcheck(gradients, (*inputs, *starts), eps, atol, rtol, raise_exception)

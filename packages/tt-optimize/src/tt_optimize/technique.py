"""What all techniques have in common: they make a new model of a model, now or later.

``prune(model, amount=0.5)`` prunes at once. ``prune(amount=0.5)``, without a model, is a `Step`:
the same call, kept for the model that a `Pipeline` will bring.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from tt_nn import Module

__all__ = ["Step", "Technique", "technique"]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True)
class Step:
    """A technique with its options, waiting for a model: ``step(model)`` is the new model.

    Attributes:
        name: of the technique, such as "prune".
        apply: what is called with the model and the options.
        options: the keyword arguments.
    """

    name: str
    apply: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __call__(self, model: Module) -> Any:
        """The new model; the given one stays as it is."""
        return self.apply(model, **self.options)

    def __repr__(self) -> str:
        """As it would be written: numbers and names in full, of anything larger its kind."""
        return f"{self.name}({', '.join(f'{k}={_brief(v)}' for k, v in self.options.items())})"


class Technique(Protocol[P, R_co]):
    """A function of a model and options that makes a `Step` if the model is left out."""

    __name__: str

    @overload
    def __call__(self, model: Module, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Step: ...


def technique(function: Callable[Concatenate[Any, P], R_co]) -> Technique[P, R_co]:
    """Let a function of a model be called without it, which makes a `Step` for a `Pipeline`.

    Its first parameter is the model. A step's options are given by name and checked when the step
    is made, not when the pipeline has come so far.

    Raises:
        TypeError: no model first but something else, or an option that the function does not have.

    >>> from tt_nn import Linear
    >>> @technique
    ... def scaled(model, factor=2.0):
    ...     new = Linear(model.in_features, model.out_features)
    ...     new.load_state_dict({k: v * factor for k, v in model.state_dict().items()})
    ...     return new
    >>> layer = Linear(3, 2)
    >>> step = scaled(factor=3.0)
    >>> step
    scaled(factor=3.0)
    >>> step(layer).bias.tolist() == scaled(layer, factor=3.0).bias.tolist()
    True
    """
    signature = inspect.signature(function)
    first = next(iter(signature.parameters))
    name = function.__name__

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if first in options or (args and isinstance(args[0], Module)):
            return function(*args, **options)
        if args:
            raise TypeError(
                f"{name}: expected a Module first, got {type(args[0]).__name__}. "
                f"help: a step for a Pipeline has no model and names all options: {name}(x=...)"
            )
        try:
            signature.bind(None, **options)
        except TypeError as error:
            names = ", ".join(n for n in signature.parameters if n != first) or "none"
            raise TypeError(f"{name}: {error}. Its options are {names}") from None
        return Step(name, function, MappingProxyType(options))

    return call


def _brief(value: Any) -> str:
    """A value's repr if it is short; else what it is."""
    if isinstance(value, Module) or len(text := repr(value)) > 40 or text.startswith("<"):
        return str(getattr(value, "__name__", f"<{type(value).__name__}>"))
    return text

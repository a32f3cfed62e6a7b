"""The one door: every computed Tensor comes through ``apply``.

The door unwraps the arrays, lets the op compute, wraps the result, and tells whoever listens. It
knows nothing of gradients: tt-autograd is a listener, and so is the profiler.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .constants import constant, constants
from .dtypes import float32
from .op import Op

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = [
    "apply",
    "apply_one",
    "apply_pair",
    "is_timed",
    "listen",
    "results_are",
    "time_ops",
    "unlisten",
    "untime_ops",
]

Listener = Callable[[Op, tuple[Any, ...], tuple[Any, ...], dict[str, Any], Any, Any], None]
OneListener = Callable[[Op, Any, Any, Any], None]
PairListener = Callable[[Op, Any, Any, Any, Any, Any, bool], None]
Timer = Callable[[Op, tuple[Any, ...], dict[str, Any], Any, float], None]

_timers: tuple[Timer, ...] = ()
_NO_PARAMS: dict[str, Any] = {}
_EXPLAINED = (ValueError, TypeError, IndexError, OverflowError, AttributeError)
_NUMBERS: frozenset[Any] = frozenset((float, int))
_ndarray = np.ndarray
_generic = np.generic  # NumPy's numbers count as Python's: np.sqrt(2) makes no float64 of float32
_allocate: Callable[[Any], Any] = object.__new__
_Tensor: type[Tensor]


def apply(op: Op, *inputs: Any, **params: Any) -> Tensor:
    """Compute ``op`` on Tensors (or numbers) and return the Tensor of the result.

    Args:
        inputs: Tensors, NumPy arrays or numbers: everything a gradient could flow to.
        params: everything else the op needs (dims, shapes, flags).

    Returns:
        A Tensor, or a tuple of Tensors if the op has several outputs (such callers cast).

    Raises:
        ValueError, TypeError, IndexError: naming the op, what it expected and what it got.

    >>> import numpy as np
    >>> from tt_tensor import Op, tensor
    >>> apply(Op("double", lambda x: x + x), tensor([1.0, 2.0]))
    tensor([2., 4.])
    """
    operands: list[Any] = []
    slots: list[Any] = []
    followed = False
    for x in inputs:  # a loop: a comprehension costs a call (0.1 µs of a 1 µs op)
        if isinstance(x, _Tensor):
            operands.append(x.array)
            slots.append(slot := x._graph)
            if slot is not None:
                followed = True
        else:
            operands.append(x.item() if isinstance(x, _generic) else x)
            slots.append(None)
    arrays = tuple(operands)
    try:
        if _timers:
            start = perf_counter()
            out = op.forward(*arrays, **params)
            seconds = perf_counter() - start
        else:
            out = op.forward(*arrays, **params) if params else op.forward(*arrays)
    except _EXPLAINED as error:
        explained = op.explain(error, arrays, params)
        if explained is error:
            raise
        raise explained from None
    saved = None
    if op.saves:
        out, saved = out
    result: Any
    several = out.__class__ is list
    result = tuple([_wrapped(array) for array in out]) if several else _wrapped(out)
    if followed:
        _tell(op, arrays, tuple(slots), params, result, saved)
    if _timers:
        for timer in _timers:
            timer(op, inputs, params, result, seconds)
    return result  # type: ignore[no-any-return]


def apply_one(op: Op, x: Any) -> Tensor:
    """``apply(op, x)`` where one result comes out and nothing is saved: in half the time."""
    if _timers:
        return apply(op, x)
    direct = op.direct
    try:
        array, slot = x.array, x._graph
        plain = direct is not None and array.dtype is float32
        out = direct(array) if plain else op.forward(array)  # type: ignore[misc]
    except _EXPLAINED:
        return apply(op, x)  # which explains
    result = _allocate(_Tensor)  # what _wrapped does, without the call
    result.array = out if out.__class__ is _ndarray else np.asarray(out)
    result._graph = None
    if slot is not None:
        _tell_one(op, array, slot, result)
    return result  # type: ignore[no-any-return]


def apply_pair(op: Op, x: Any, y: Any) -> Tensor:
    """``apply(op, x, y)`` where one result comes out and nothing is saved: in half the time.

    x must be the Tensor, if only one of them is.
    """
    if _timers:
        return apply(op, x, y)
    b: Any
    same = False  # in shape and dtype, as the result: nothing is stretched or converted
    direct = op.direct
    try:
        a, slot = x.array, x._graph
        if y.__class__ is _Tensor or isinstance(y, _Tensor):  # the first costs less
            b, other = y.array, y._graph
            if direct is not None and a.dtype is b.dtype and a.shape == b.shape:
                same = True
                out = direct(a, b)
            else:
                out = op.forward(a, b)
        else:
            number = type(y) in _NUMBERS
            if not number and isinstance(y, _generic):
                y = y.item()
                number = type(y) in _NUMBERS
            b, other = y, None
            if number and direct is not None and a.dtype is float32:
                same = True
                b = constants.get(y)
                if b is None:
                    b = constant(y)
                out = direct(a, b)
            else:
                out = op.forward(a, b)
    except _EXPLAINED:
        return apply(op, x, y)  # which explains
    result = _allocate(_Tensor)  # what _wrapped does, without the call
    result.array = out if out.__class__ is _ndarray else np.asarray(out)
    result._graph = None
    if slot is not None or other is not None:
        _tell_pair(op, a, b, slot, other, result, same)
    return result  # type: ignore[no-any-return]


def _wrapped(out: Any) -> Tensor:
    """The Tensor of one result; NumPy hands 0-d ones out as scalars, which are not arrays."""
    result = _allocate(_Tensor)
    result.array = out if out.__class__ is _ndarray else np.asarray(out)
    result._graph = None
    return result  # type: ignore[no-any-return]


def listen(
    listener: Listener, one: OneListener | None = None, pair: PairListener | None = None
) -> None:
    """Call ``listener(op, arrays, slots, params, result, saved)`` after every op from now on that
    has an input whose slot is filled: what nobody follows costs nothing.

    ``arrays`` and ``slots`` are what the inputs hold.

    Args:
        one: ``one(op, array, slot, result)`` is told instead of ops with one input that have no
            params and save nothing: a shorter way, if the listener has one.
        pair: ``pair(op, x, y, slot_x, slot_y, result, same)``, the same for two inputs; ``same``
            if the result has the shape and dtype of those with slots.
    """
    global _listeners

    def one_by_general(op: Op, array: Any, slot: Any, result: Any) -> None:
        listener(op, (array,), (slot,), _NO_PARAMS, result, None)

    def pair_by_general(op: Op, x: Any, y: Any, *more: Any) -> None:
        listener(op, (x, y), more[:2], _NO_PARAMS, more[2], None)

    _listeners = (*_listeners, (listener, one or one_by_general, pair or pair_by_general))
    _connect()


def unlisten(listener: Listener) -> None:
    """Stop telling ``listener``."""
    global _listeners
    _listeners = tuple(known for known in _listeners if known[0] != listener)
    _connect()


_listeners: tuple[tuple[Listener, OneListener, PairListener], ...] = ()
_tell: Callable[..., None]
_tell_one: Callable[..., None]
_tell_pair: Callable[..., None]


def _connect() -> None:
    """Have the door call the only listener itself, or one after another if there are several."""
    global _tell, _tell_one, _tell_pair
    _tell, _tell_one, _tell_pair = (
        (ways[0] if len(ways) == 1 else _all_of(ways))
        for ways in (tuple(listener[i] for listener in _listeners) for i in range(3))
    )


def _all_of(ways: tuple[Callable[..., None], ...]) -> Callable[..., None]:
    def tell(*news: Any) -> None:
        for way in ways:
            way(*news)

    return tell


_connect()


def time_ops(timer: Timer) -> None:
    """Call ``timer(op, inputs, params, result, seconds)`` after every op, with its measured
    time."""
    global _timers
    _timers = (*_timers, timer)


def untime_ops(timer: Timer) -> None:
    """Stop telling ``timer``."""
    global _timers
    _timers = tuple(known for known in _timers if known != timer)


def is_timed() -> bool:
    """Whether somebody wants to see every op."""
    return bool(_timers)


def results_are(kind: type[Tensor]) -> None:
    """Tell the door, which lies below Tensor, what its results are. Called once, by tensor.py."""
    global _Tensor
    _Tensor = kind

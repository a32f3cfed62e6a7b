"""Bytes: what a model holds, what it takes on disk, and the most that a call needs."""

from __future__ import annotations

import functools
import gc
import io
import tracemalloc
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tt_nn import save
from tt_tensor import Tensor

__all__ = ["PeakMemory", "disk_bytes", "held_arrays", "held_bytes", "measure_peak"]

_SKIPPED = (str, int, float, complex, type, types.ModuleType, type(None))


def held_arrays(*things: Any) -> list[np.ndarray[Any, Any]]:
    """The distinct arrays that own the memory reachable from ``things``.

    Followed are: the array of a Tensor, the attributes of an object (a Module's parameters, buffers
    and whatever else it keeps), the items of lists, tuples, sets and dicts, and, for a function,
    what it has closed over, its defaults, and the object it is a method of. A view leads to the
    array that owns the memory, so what is shared counts once, and a small view keeps a large array.

    Not followed are gradients, classes, modules, and the global names that a function uses.

    >>> from tt_nn import Linear
    >>> layer = Linear(3, 2)
    >>> [array.shape for array in held_arrays(layer)]
    [(2, 3), (2,)]
    >>> [array.shape for array in held_arrays(lambda x: layer(x))]
    []
    >>> def closure(layer):
    ...     return lambda x: layer(x)
    >>> [array.shape for array in held_arrays(closure(layer))]
    [(2, 3), (2,)]
    """
    owners: dict[int, np.ndarray[Any, Any]] = {}
    seen: dict[int, Any] = {}  # holds the objects too, so that no id is used twice meanwhile
    todo = list(reversed(things))
    while todo:
        thing = todo.pop()
        if isinstance(thing, _SKIPPED) or id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, np.ndarray):
            owner = _owner(thing)
            owners[id(owner)] = owner
            if owner.dtype == object:
                todo += owner.ravel().tolist()
        else:
            todo += reversed(list(_contents(thing)))
    return list(owners.values())


def _owner(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array that owns the memory a view looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _contents(thing: Any) -> Iterator[Any]:
    """What is directly inside an object that is no array."""
    match thing:
        case Tensor():
            yield thing.array
        case Mapping():
            yield from thing.keys()
            yield from thing.values()
        case list() | tuple() | set() | frozenset():
            yield from thing
        case functools.partial():
            yield from (thing.func, *thing.args, *thing.keywords.values())
        case types.MethodType():
            yield from (thing.__self__, thing.__func__)
        case types.FunctionType():
            yield from (thing.__defaults__, thing.__kwdefaults__)
            yield from (cell.cell_contents for cell in thing.__closure__ or () if _filled(cell))
    if not isinstance(thing, Tensor):
        yield from getattr(thing, "__dict__", {}).values()
        for kind in type(thing).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                member = kind.__dict__.get(name)
                if isinstance(member, types.MemberDescriptorType) and hasattr(thing, name):
                    yield getattr(thing, name)


def _filled(cell: types.CellType) -> bool:
    """Does the name that a function closes over have a value yet?"""
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def held_bytes(*things: Any) -> int:
    """The bytes of all arrays that ``held_arrays`` finds: the size of a model in memory.

    It is what the arrays really take: 4 bytes for a float32, 1 for an int8; a weight stored as int8
    beside its float32 original counts 5. Not counted are Python's own objects, gradients, and what
    the model allocates while it computes (see ``measure_peak``).

    >>> from tt_nn import Linear
    >>> held_bytes(Linear(10, 5))
    220
    >>> layer = Linear(10, 5)
    >>> held_bytes(layer, layer, [layer.weight])
    220
    """
    return sum(array.nbytes for array in held_arrays(*things))


def disk_bytes(model: Any) -> int:
    """The size in bytes of the safetensors file that ``tt_nn.save`` makes of a model.

    Args:
        model: a Module, or the dict of tensors to be saved. The file has the ``state_dict``'s
            numbers, a header with their names, and nothing of what the model keeps beside it.

    >>> from tt_nn import Linear
    >>> disk_bytes(Linear(10, 5)) > held_bytes(Linear(10, 5))
    True
    """
    file = io.BytesIO()
    save(model.state_dict() if hasattr(model, "state_dict") else model, file)
    return file.tell()


@dataclass(frozen=True)
class PeakMemory:
    """Memory of a call, above what there was before it.

    Attributes:
        peak_bytes: the most that was allocated at any moment of the call.
        kept_bytes: what was still allocated when it had returned, its result included.
    """

    peak_bytes: int
    kept_bytes: int


def measure_peak(function: Callable[[], object]) -> PeakMemory:
    """The memory that one call of ``function`` allocates, measured by tracemalloc.

    Counted is what Python's allocators hand out, to which NumPy reports the data of its arrays. Not
    counted is what C libraries take for themselves, such as the work space of BLAS or memory that
    is mapped from files; ``measure_peak_rss`` sees these. Do not time the same call: tracing slows
    it down.

    >>> import numpy as np
    >>> peak = measure_peak(lambda: np.ones(1000, np.float32).sum())
    >>> 4000 <= peak.peak_bytes < 20_000
    True
    >>> peak.kept_bytes < 4000
    True
    """
    gc.collect()
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        result = function()
        after, peak = tracemalloc.get_traced_memory()
        del result
    finally:
        if not tracing:
            tracemalloc.stop()
    return PeakMemory(max(0, peak - before), max(0, after - before))

"""The graph: what autograd puts into a Tensor's slot, and the listener that records it.

A ``Leaf`` belongs to a tensor the user made; a ``Node`` to one that an operation computed. A node
knows the slots of its inputs (its parents) and the arrays its rules will need. It does not know its
own Tensor, nor any Tensor at all: so no reference cycle arises and memory returns without the
cyclic collector.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from tt_tensor import Op, Tensor
from tt_tensor.ledger import last_write, newest, tick

from .rule import Plan, Rules

__all__ = [
    "GradMode",
    "Leaf",
    "Node",
    "Pick",
    "PlainNode",
    "grad_mode",
    "rare",
    "record",
    "record_one",
    "record_pair",
    "set_grad_mode",
]


class GradMode(threading.local):
    """Whether operations are recorded, in this thread, and a list of the nodes if one is wanted."""

    enabled = True
    trace: list[Node] | None = None


grad_mode = GradMode()


class _Unusual:
    """How many threads have the recording switched off or a trace under way: while it is none, no
    operation need look at its own thread's settings, which costs 33 ns."""

    __slots__ = ("lock", "threads")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.threads = 0


_unusual = _Unusual()


def set_grad_mode(*, enabled: bool | None = None, trace: Any = None) -> None:
    """Change this thread's settings: what is not given stays; ``trace=False`` ends the trace."""
    was = not grad_mode.enabled or grad_mode.trace is not None
    if enabled is not None:
        grad_mode.enabled = enabled
    if trace is not None:
        grad_mode.trace = trace if trace is not False else None
    now = not grad_mode.enabled or grad_mode.trace is not None
    if now is not was:
        with _unusual.lock:
            _unusual.threads += now - was


class Leaf:
    """The slot of a tensor made by the user: where its gradient collects.

    ``order`` is that of all slots, compared with the time of in-place writes: a leaf's memory may
    be written (by optimizers) at will, so it is never out of date; one that is not followed always
    is, so that one comparison finds both cases.
    """

    __slots__ = ("grad", "order")
    parents = ()

    order: float

    def __init__(self, requires_grad: bool = True) -> None:
        self.grad: Tensor | None = None
        self.requires_grad = requires_grad

    @property
    def requires_grad(self) -> bool:
        """Whether operations on the tensor are followed."""
        return self.order > 0

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.order = math.inf if flag else -math.inf


class Node:
    """The slot of a computed tensor: one call of one operation.

    Attributes:
        order: the number of the call; inputs always have smaller ones.
        parents: the slot of each input that needs a gradient, None for the others.
        inputs: each input's array if a rule needs it, its ``Meta``, or None; freed by backward.
        out: the output's array (or what the op saved) if a rule needs it.
        rare: what few nodes need, see ``Rare``.
    """

    __slots__ = (
        "__weakref__",
        "inputs",
        "order",
        "out",
        "params",
        "parents",
        "plan",
        "rare",
    )
    requires_grad = True

    plan: Plan
    parents: tuple[Any, ...]
    inputs: Any
    out: Any
    params: dict[str, Any]
    order: int
    rare: Rare | None

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def rules(self) -> Rules:
        """The gradient rules of the operation."""
        return self.plan.of

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self.rules.op.name

    @property
    def grad(self) -> Tensor | None:
        """The gradient, if ``retain_grad()`` asked to keep it."""
        return None if self.rare is None else self.rare.grad

    @grad.setter
    def grad(self, grad: Tensor | None) -> None:
        if grad is not None or self.rare is not None:
            rare(self).grad = grad

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """PyTorch's way to walk the graph: the parents that need a gradient."""
        return tuple((parent, 0) for parent in self.parents if parent is not None)


class PlainNode(Node):
    """A node with nothing rare about it, no params, and a rule for each of its one or two inputs:
    most are, and backward has a shorter way for them."""

    __slots__ = ()
    params: dict[str, Any] = {}  # noqa: RUF012  these two stand before Node's slots of the same
    rare: Rare | None = None  # names: what need not be set costs nothing


class Rare:
    """What only few nodes need.

    Attributes:
        shapes: the inputs' shapes and dtypes if the op stretched or converted any, else None.
        retains, grad: the gradient is kept here, as ``retain_grad()`` was called.
        segment: what can compute ``inputs`` and ``out`` again, if a checkpoint dropped them.
    """

    __slots__ = ("grad", "retains", "segment", "shapes")

    def __init__(self, shapes: list[tuple[tuple[int, ...], Any]] | None = None) -> None:
        self.shapes = shapes
        self.retains = False
        self.grad: Tensor | None = None
        self.segment: Any = None


def rare(node: Any) -> Rare:
    """The node's rare part, made if it has none yet."""
    if node.rare is None:
        if node.__class__ is PlainNode:
            node.__class__ = Node  # type: ignore[assignment]
            node.params = _NO_PARAMS
        node.rare = Rare()
    return node.rare  # type: ignore[no-any-return]


class Pick:
    """The slot of one output of an operation that has several: it is number ``index`` of its
    node."""

    __slots__ = ("__weakref__", "index", "node", "order", "rare")
    requires_grad = True
    plan = None  # it has no rules of its own

    def __init__(self, node: Node, index: int) -> None:
        self.node = node
        self.index = index
        self.order = tick()
        self.rare: Rare | None = None

    def __repr__(self) -> str:
        return f"<{self.node.name}[{self.index}]>"

    @property
    def grad(self) -> Tensor | None:
        """The gradient, if ``retain_grad()`` asked to keep it."""
        return None if self.rare is None else self.rare.grad

    @grad.setter
    def grad(self, grad: Tensor | None) -> None:
        if grad is not None or self.rare is not None:
            rare(self).grad = grad

    @property
    def parents(self) -> tuple[Node]:
        """The node it is an output of."""
        return (self.node,)

    @property
    def name(self) -> str:
        """The name of the operation and the output's number."""
        return f"{self.node.name}[{self.index}]"


_NO_PARAMS: dict[str, Any] = {}


def record(
    op: Op,
    arrays: tuple[Any, ...],
    slots: tuple[Any, ...],
    params: dict[str, Any],
    result: Any,
    saved: Any,
) -> None:
    """The listener at the door: give the result its place in the graph, if it needs one."""
    if _unusual.threads and not grad_mode.enabled:
        return
    mask, bit, write = 0, 1, newest.write
    unfollowed = False
    for slot in slots:
        if slot is not None:
            if slot.order < write and not _is_followed(op, arrays[bit.bit_length() - 1], slot):
                unfollowed = True
            else:
                mask |= bit
        bit += bit
    if unfollowed:
        slots = tuple([slot if mask >> i & 1 else None for i, slot in enumerate(slots)])
    if not mask:
        return
    rules: Rules | None = op.rules
    if rules is None:
        _need_no_rule(op, result)
        return
    several = result.__class__ is tuple
    out: Any = None if several else result.array
    if not several and out.dtype.kind != "f":
        return
    # set field by field: a third of the time of a constructor with as many arguments
    node = Node()
    node.plan = plan = rules.plans.get(bit | mask) or rules.plan(mask, len(arrays))
    node.params = params
    node.order = tick()
    node.parents = slots
    node.inputs = arrays if plan.keep_all else plan.kept(arrays)
    node.rare = None
    if _unusual.threads and grad_mode.trace is not None:
        grad_mode.trace.append(node)
    if several:
        node.out = saved
        for i, output in enumerate(result):
            if output.array.dtype.kind == "f":
                output._graph = Pick(node, i)
        return
    node.out = (out if saved is None else saved) if plan.keep_out else None
    if op.broadcasts:
        node.rare = _stretched(arrays, slots, out)
    result._graph = node


def record_one(op: Op, array: Any, slot: Any, result: Any) -> None:
    """``record`` for one input that has its own rule, without params: half a microsecond less."""
    try:
        plan = op.rules.plans[0b11]
        plain = plan.plain
    except (KeyError, AttributeError):  # the first such call, or an op without rules
        plain = False
    if not plain or _unusual.threads or slot.order < newest.write:
        record(op, (array,), (slot,), _NO_PARAMS, result, None)
        return
    node = PlainNode()
    node.plan = plan
    node.order = tick()
    node.parents = (slot,)
    node.inputs = (array.shape,) if plan.keep_shape else plan.nothing or plan.kept((array,))
    node.out = result.array if plan.keep_out else None
    result._graph = node


def record_pair(op: Op, x: Any, y: Any, slot: Any, other: Any, result: Any, same: bool) -> None:
    """``record`` for two inputs with a rule each, without params: half a microsecond less.

    Args:
        same: the result has the shape and dtype of the inputs that are followed, so none of them
            was stretched or converted.
    """
    write = newest.write
    mask = 0b111
    if slot is None:
        mask = 0b110
    elif slot.order < write:
        same = False
    if other is None:
        mask = 0b101
    elif other.order < write:
        same = False
    try:
        plan = op.rules.plans[mask]
        plain = same and plan.plain
    except (KeyError, AttributeError):  # the first such call, or an op without rules
        plain = False
    if not plain or _unusual.threads:
        record(op, (x, y), (slot, other), _NO_PARAMS, result, None)
        return
    node = PlainNode()
    node.plan = plan
    node.order = tick()
    node.parents = (slot, other)
    node.inputs = (x, y) if plan.keep_all else plan.nothing or plan.kept((x, y))
    node.out = result.array if plan.keep_out else None
    result._graph = node


def _stretched(arrays: tuple[Any, ...], slots: tuple[Any, ...], out: Any) -> Rare | None:
    """The inputs' shapes and dtypes, if one that is followed was stretched or any converted."""
    shape, dtype = out.shape, out.dtype
    for array, slot in zip(arrays, slots, strict=True):
        if array.__class__ is np.ndarray and (
            array.dtype is not dtype or (slot is not None and array.shape != shape)
        ):
            return Rare([(np.shape(a), getattr(a, "dtype", None)) for a in arrays])
    return None


def _is_followed(op: Op, array: np.ndarray[Any, Any], slot: Any) -> bool:
    """Whether a slot older than the newest write is to be followed.

    Raises:
        RuntimeError: the array was changed in place after it got its place in the graph.
    """
    if not slot.requires_grad:
        return False
    if last_write(array) > slot.order:
        raise RuntimeError(_STALE.format(op.name, array.shape))
    return True


_STALE = (
    "{0}: the tensor of shape {1} shares memory with one that was changed in place after this one "
    "was computed, so its gradient can no longer be followed. Take the view again after the "
    "change, or change a clone()"
)


def _need_no_rule(op: Op, result: Any) -> None:
    """An op without rules is fine if its result is not floating (comparisons, indices)."""
    outputs = result if isinstance(result, tuple) else (result,)
    if any(output.array.dtype.kind == "f" for output in outputs):
        raise RuntimeError(
            f"{op.name} has no gradient rule. Register one with tt_autograd.vjp, or call it under "
            "no_grad() or on x.detach()"
        )

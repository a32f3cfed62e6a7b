"""The backward pass: from the outputs to the leaves, each node once.

Gradients arriving at a node are added up. The node to go on with is always the newest one that any
has reached: whatever used its output is newer and has been dealt with, so its gradient is complete.
Its rules run and what it kept is freed. Nothing reaches a leaf's ``.grad`` before the whole pass
has succeeded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from heapq import heappop, heappush
from sys import getrefcount
from time import perf_counter
from typing import Any

import numpy as np

from tt_tensor import Tensor
from tt_tensor.ledger import last_write, newest
from tt_tensor.tensor import wrap

from .broadcasting import unbroadcast
from .graph import Leaf, Node, Pick, PlainNode, Rare, grad_mode, set_grad_mode
from .rule import same

__all__ = ["own", "run_backward", "time_rules", "untime_rules"]

Slot = Any
Timer = Callable[[Node, Any, Sequence[Any], float], None]
Gradient = Any  # an ndarray; a Tensor if the gradients are to be differentiable


_ndarray = np.ndarray
_allocate: Callable[[Any], Any] = object.__new__
_READY, _ANY = -1, -2  # instead of the number of inputs: gradients, not rules; call with params

_timers: tuple[Timer, ...] = ()
_NOTHING: frozenset[Slot] = frozenset()


def time_rules(timer: Timer) -> None:
    """Call ``timer(node, g, gradients, seconds)`` after each node's rules have run, from now on.

    The node is the recorded call: its ``name``, its ``params``, and what its rules kept. ``g`` has
    arrived at it (a dict from output number to gradient if it has several outputs); the gradients
    are those by its inputs, in their shapes, None for those that need none.
    """
    global _timers
    _timers = (*_timers, timer)


def untime_rules(timer: Timer) -> None:
    """Stop telling ``timer``."""
    global _timers
    _timers = tuple(known for known in _timers if known != timer)


def run_backward(
    starts: dict[Slot, Gradient],
    retain_graph: bool,
    create_graph: bool,
    targets: Sequence[Slot] | None = None,
) -> dict[Slot, Gradient]:
    """Pass gradients back.

    Args:
        starts: the gradient to start with at each output's slot, arrays (Tensors if
            ``create_graph``). It is used up.
        targets: the slots whose gradients are wanted; every leaf if None. Branches that lead to no
            target are not computed.

    Returns:
        The gradient at each target (or leaf) that was reached.
    """
    wanted, leading, useful = _NOTHING, _NOTHING, None
    if targets is not None:
        wanted = frozenset(targets)
        leading = _leading_to(starts, wanted)
        useful = leading | wanted
    found: dict[Slot, Gradient] = {}
    arrived: dict[Slot, Gradient] = starts  # and not yet passed on
    frontier: list[tuple[float, Slot]] = []  # a heap, the newest node first; no leaves
    # the first node reached from another waits outside both, with its gradient: as the next node
    # of a chain it needs neither
    ahead, waiting = starts.popitem()
    if starts or ahead.__class__ is Leaf:
        starts[ahead] = waiting
        ahead = waiting = None
        for slot in starts:
            if slot.__class__ is not Leaf:
                heappush(frontier, (-slot.order, slot))

    special = create_graph or useful is not None or _timers
    plain = None if special else PlainNode
    if create_graph:
        before = grad_mode.enabled
        set_grad_mode(enabled=True)
    silence = None  # of NumPy's warnings, from the first rule on that may need it
    try:
        while ahead is not None or frontier:
            if frontier:
                if ahead is not None:
                    arrived[ahead] = waiting
                    heappush(frontier, (-ahead.order, ahead))
                node = heappop(frontier)[1]
                g = arrived.pop(node)
            else:
                node, g = ahead, waiting
            ahead = waiting = None
            plan = node.plan
            if node.__class__ is not plain:
                if useful is not None:
                    if node in wanted:
                        found[node] = g
                    if node not in leading:
                        continue
                if node.rare is not None and node.rare.retains:
                    _retain(node.rare, g)
                if plan is None:
                    _add_output(node, g, arrived, frontier)
                    continue
            if silence is None and not plan.calm:
                silence = np.errstate(all="ignore")  # inf and nan speak for themselves
                silence.__enter__()
            inputs = node.inputs
            if inputs is None or newest.write > node.order:
                _check_usable(node)
                inputs = node.inputs
            out, rules, count = node.out, plan.rules, plan.count
            if node.__class__ is not plain:
                if special or node.rare is not None:
                    rules, count = _gradients(node, g, create_graph, useful), _READY
                elif plan.joint is not None:
                    rules, count = plan.joint(g, plan.needs, out, *inputs, **node.params), _READY
                elif node.params:
                    count = _ANY
            for parent, rule in zip(node.parents, rules):  # noqa: B905  strict costs 0.03 µs
                if parent is None:
                    continue
                # called from here, a rule costs 0.25 µs less; without a star, 0.08
                if rule is same:
                    gx = g
                elif count == 2:
                    gx = rule(g, out, inputs[0], inputs[1])
                elif count == 1:
                    gx = rule(g, out, inputs[0])
                elif count == _READY:
                    gx = rule  # is what the rule returned
                    if gx is None:
                        continue
                else:
                    gx = rule(g, out, *inputs, **node.params)
                if parent is ahead:
                    waiting = waiting + gx
                    continue
                total = arrived.get(parent)
                if total is None:
                    if parent.__class__ is Leaf:
                        arrived[parent] = gx
                    elif ahead is None:
                        ahead, waiting = parent, gx
                    else:
                        arrived[parent] = gx
                        heappush(frontier, (-parent.order, parent))
                elif not create_graph and getrefcount(total) == _ALONE and total.base is None:
                    total += gx  # nobody else holds it: into its own memory
                    arrived[parent] = total  # a 0-d result is a scalar: there is no "into" it
                else:
                    arrived[parent] = total + gx
            if plan.keeps and not retain_graph:
                node.inputs = node.out = None
    finally:
        if create_graph:
            set_grad_mode(enabled=before)
        if silence is not None:
            silence.__exit__(None, None, None)

    if targets is not None:
        arrived = {slot: g for slot, g in arrived.items() if slot in wanted}
    return {**found, **arrived} if found else arrived


def own(gradients: dict[Slot, Gradient]) -> dict[Slot, Tensor]:
    """What ``run_backward`` found, made Tensors on memory of their own: copied if anybody else
    holds it, as when one array is the gradient of two leaves."""
    for slot, g in gradients.items():
        if g.__class__ is _ndarray:
            if getrefcount(g) != _ALONE_IN_LOOP or not (g.base is None or _fills_its_memory(g)):
                g = np.array(g)
            gradients[slot] = tensor = _allocate(Tensor)  # what wrap does, without the call
            tensor.array = g
            tensor._graph = None
        else:
            gradients[slot] = g.clone() if isinstance(g, Tensor) else wrap(np.asarray(g))
    return gradients


def _holders() -> tuple[int, int]:
    """What the interpreter counts for an array that one container and one name hold, and for one
    that a loop over the container arrives at."""
    arrived: dict[int, Any] = {0: np.zeros(1)}
    for _, g in arrived.items():
        in_loop = getrefcount(g)
    g = None
    total = arrived.get(0)
    return getrefcount(total), in_loop


_ALONE, _ALONE_IN_LOOP = _holders()


def _fills_its_memory(g: Any) -> bool:
    """Whether a view is the only one, and one of all, of some memory."""
    base = g.base
    return (
        base.__class__ is np.ndarray
        and base.base is None
        and base.size == g.size
        and g.flags.c_contiguous
        and getrefcount(base) <= _ALONE
    )


def _retain(rare: Rare, g: Gradient) -> None:
    """Add a gradient to the one that ``retain_grad()`` asked to keep."""
    g = g if isinstance(g, Tensor) else wrap(np.array(g))
    rare.grad = g if rare.grad is None else rare.grad + g


def _add_output(
    pick: Pick, g: Gradient, arrived: dict[Slot, Gradient], frontier: list[tuple[float, Slot]]
) -> None:
    """The gradient of one output of a node that has several."""
    outputs = arrived.get(pick.node)
    if outputs is None:
        outputs = arrived[pick.node] = {}
        heappush(frontier, (-pick.node.order, pick.node))
    outputs[pick.index] = g


def _leading_to(starts: Iterable[Slot], targets: frozenset[Slot]) -> frozenset[Slot]:
    """The nodes that have a target among their ancestors."""
    leading: set[Slot] = set()
    for node in reversed(_newest_first(starts)):
        for parent in node.parents:
            if parent is not None and (parent in leading or parent in targets):
                leading.add(node)
                break
    return frozenset(leading)


def _newest_first(starts: Iterable[Slot]) -> list[Any]:
    """All nodes that these were computed from, with these: reversed, a topological order."""
    stack = list(starts)
    seen = set(stack)
    nodes = []
    while stack:
        node = stack.pop()
        if node.__class__ is Leaf:
            continue
        nodes.append(node)
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    nodes.sort(key=lambda node: node.order, reverse=True)
    return nodes


def _gradients(
    node: Node, g: Gradient, create_graph: bool, useful: Set[Slot] | None
) -> list[Gradient | None]:
    """The gradient by each input that is useful, in its shape; timed if anybody wants to know."""
    start = perf_counter() if _timers else 0.0
    grads = list(_run_rules(node, g, create_graph))
    if node.rare is not None and node.rare.shapes is not None:
        for i, shape in enumerate(node.rare.shapes):
            grads[i] = None if grads[i] is None else unbroadcast(grads[i], *shape)
    if _timers:
        seconds = perf_counter() - start
        for timer in _timers:
            timer(node, g, grads, seconds)
    if useful is None:
        return grads
    return [gx if slot in useful else None for gx, slot in zip(grads, node.parents, strict=True)]


def _run_rules(node: Node, g: Gradient, create_graph: bool) -> Sequence[Gradient | None]:
    rules, plan, params = node.rules, node.plan, node.params
    out, inputs = node.out, node.inputs
    if create_graph:
        if rules.fused:
            return _through_definition(node, g)
        inputs = [_as_tensor(a, parent) for a, parent in zip(inputs, node.parents, strict=True)]
        if isinstance(out, np.ndarray):
            out = _as_tensor(out, node)
    if rules.joint is not None:
        return rules.joint(g, plan.needs, out, *inputs, **params)  # type: ignore[no-any-return]
    return [None if rule is None else rule(g, out, *inputs, **params) for rule in plan.rules]


def _through_definition(node: Node, g: Tensor) -> Sequence[Gradient | None]:
    """The gradients of a fused op, differentiable: those of its definition in plain operations."""
    if node.rules.definition is None:
        raise RuntimeError(
            f"{node.name} can be differentiated only once: its gradient is a fused kernel. For "
            "second derivatives write it in plain operations"
        )
    inputs = [_as_tensor(a, parent) for a, parent in zip(node.inputs, node.parents, strict=True)]
    # a node of its own for each input, at which the inner pass ends
    inputs = [x.clone() if need else x for x, need in zip(inputs, node.plan.needs, strict=True)]
    out = node.rules.definition(*inputs, **node.params)
    slots = [x._graph if need else None for x, need in zip(inputs, node.plan.needs, strict=True)]
    targets = [slot for slot in slots if slot is not None]
    grads = run_backward({out._graph: g}, retain_graph=True, create_graph=True, targets=targets)
    return [None if slot is None else grads.get(slot) for slot in slots]


def _as_tensor(value: Any, slot: Slot) -> Any:
    """An array as the Tensor it was, in its old place in the graph."""
    if not isinstance(value, np.ndarray):
        return value
    tensor = wrap(value)
    tensor._graph = slot
    return tensor


def _check_usable(node: Node) -> None:
    """Raise if what the node's rules need is gone or was overwritten."""
    if node.rare is not None and node.rare.segment is not None:
        node.rare.segment.restore(node)
    if node.inputs is None:
        raise RuntimeError(
            "backward a second time through the same graph: what its rules need was freed the "
            f"first time (at {node.name}). Pass retain_graph=True to the first backward(), or "
            "compute the output again"
        )
    for value in (node.out, *node.inputs):
        if isinstance(value, np.ndarray) and last_write(value) > node.order:
            raise RuntimeError(
                f"a tensor of shape {value.shape} that the gradient of {node.name} needs was "
                "changed in place after it was used. Use the out-of-place spelling (x = x + y, not "
                "x += y), or change a clone()"
            )

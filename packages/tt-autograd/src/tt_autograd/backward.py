"""The backward pass: from the outputs to the leaves, each node once.

Gradients arriving at a node are added up. The node to go on with is always the newest one that any
has reached: whatever used its output is newer and has been dealt with, so its gradient is complete.
Its rules run and what it kept is freed. Nothing reaches a leaf's ``.grad`` before the whole pass
has succeeded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from time import perf_counter
from typing import Any

import numpy as np

from tt_tensor import Op, Tensor
from tt_tensor.ledger import last_write, newest
from tt_tensor.tensor import wrap

from .broadcasting import unbroadcast
from .graph import Leaf, Node, Pick, Rare, grad_mode

__all__ = ["run_backward", "time_rules", "untime_rules"]

Slot = Any
Timer = Callable[[Op, Any, Sequence[Any], float], None]
Gradient = Any  # an ndarray; a Tensor if the gradients are to be differentiable


_timers: tuple[Timer, ...] = ()
_NOTHING: frozenset[Slot] = frozenset()


def time_rules(timer: Timer) -> None:
    """Call ``timer(op, g, gradients, seconds)`` after each node's rules have run, from now on."""
    global _timers
    _timers = (*_timers, timer)


def untime_rules(timer: Timer) -> None:
    """Stop telling ``timer``."""
    global _timers
    _timers = tuple(known for known in _timers if known != timer)


def run_backward(
    roots: Sequence[Tensor],
    gradients: Sequence[Gradient],
    *,
    retain_graph: bool,
    create_graph: bool,
    targets: Sequence[Slot] | None = None,
) -> dict[Slot, Gradient]:
    """Pass gradients back from the roots.

    Args:
        gradients: one per root, arrays (Tensors if ``create_graph``).
        targets: the slots whose gradients are wanted; every leaf if None. Branches that lead to no
            target are not computed.

    Returns:
        The gradient at each target (or leaf) that was reached.
    """
    wanted = _NOTHING if targets is None else frozenset(targets)
    leading = _NOTHING if targets is None else _leading_to(roots, wanted)
    useful = None if targets is None else leading | wanted
    found: dict[Slot, Gradient] = {}
    arrived: dict[Slot, Gradient] = {}  # and not yet passed on
    owned: set[Slot] = set()  # those whose array nobody else holds: sums may go into it
    frontier: list[tuple[float, Slot]] = []  # a heap, the newest node first; no leaves
    for root, g in zip(roots, gradients, strict=True):
        slot = root._graph
        if slot in arrived:
            g = arrived[slot] + g
        elif slot.__class__ is not Leaf:
            heappush(frontier, (-slot.order, slot))
        arrived[slot] = g

    special = create_graph or _timers
    if create_graph:
        before, grad_mode.enabled = grad_mode.enabled, True
    silence = None  # of NumPy's warnings, from the first rule on that may need it
    try:
        while frontier:
            node = heappop(frontier)[1]
            g = arrived.pop(node)
            if useful is not None:
                if node in wanted:
                    found[node] = g
                if node not in leading:
                    continue
            if node.rare is not None and node.rare.retains:
                _retain(node.rare, g)
            if node.__class__ is Pick:
                _add_output(node, g, arrived, frontier)
                continue
            plan = node.plan
            if silence is None and not plan.calm:
                silence = np.errstate(all="ignore")  # inf and nan speak for themselves
                silence.__enter__()
            inputs = node.inputs
            if inputs is None or newest.write > node.order:
                _check_usable(node)
                inputs = node.inputs
            grads = None
            if special or plan.joint or node.rare is not None:
                grads = _gradients(node, g, create_graph)
            out, params, rules = node.out, node.params, plan.rules
            for i, parent in enumerate(node.parents):
                if parent is None or (useful is not None and parent not in useful):
                    continue
                # called from here, a rule costs a quarter of a microsecond less
                gx = rules[i](g, out, *inputs, **params) if grads is None else grads[i]
                if gx is None:
                    continue
                total = arrived.get(parent)
                if total is None:
                    arrived[parent] = gx
                    # in new memory, or in what another name already holds?
                    if gx is not g and not create_graph and gx.base is None:
                        owned.add(parent)
                    if parent.__class__ is not Leaf:
                        heappush(frontier, (-parent.order, parent))
                elif parent in owned:
                    total += gx
                    arrived[parent] = total  # a 0-d result is a scalar: there is no "into" it
                else:
                    arrived[parent] = total + gx
                    if not create_graph:
                        owned.add(parent)
            if plan.keeps and not retain_graph:
                node.inputs = node.out = None
    finally:
        if create_graph:
            grad_mode.enabled = before
        if silence is not None:
            silence.__exit__(None, None, None)

    for slot, g in arrived.items():
        if useful is None or slot in wanted:
            found[slot] = g if create_graph or slot in owned else np.array(g)
    return found


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


def _leading_to(roots: Sequence[Tensor], targets: frozenset[Slot]) -> frozenset[Slot]:
    """The nodes that have a target among their ancestors."""
    leading: set[Slot] = set()
    for node in reversed(_newest_first(roots)):
        for parent in node.parents:
            if parent is not None and (parent in leading or parent in targets):
                leading.add(node)
                break
    return frozenset(leading)


def _newest_first(roots: Sequence[Tensor]) -> list[Any]:
    """All nodes that the roots were computed from: reversed, a topological order."""
    stack = [root._graph for root in roots]
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


def _gradients(node: Node, g: Gradient, create_graph: bool) -> Sequence[Gradient | None]:
    """The gradient by each input, from the op's rules; timed if anybody wants to know."""
    start = perf_counter()
    grads = _run_rules(node, g, create_graph)
    seconds = perf_counter() - start
    for timer in _timers:
        timer(node.rules.op, g, grads, seconds)
    return grads


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
        grads: Sequence[Gradient | None] = rules.joint(g, plan.needs, out, *inputs, **params)
        if len(grads) > 1 and not create_graph:
            grads = _each_its_own(grads)
    else:
        grads = []
        for rule in plan.rules:
            if rule is None:
                grads.append(None)
            else:
                grads.append(rule(g, out, *inputs, **params) if params else rule(g, out, *inputs))
    if node.rare is not None and node.rare.shapes is not None:
        return [
            None if grad is None else unbroadcast(grad, *shape)
            for grad, shape in zip(grads, node.rare.shapes, strict=True)
        ]
    return grads


def _each_its_own(grads: Sequence[Gradient | None]) -> Sequence[Gradient | None]:
    """The gradients, with a copy where a rule returned one array for several inputs."""
    seen: set[int] = set()
    result = []
    for grad in grads:
        result.append(grad.copy() if grad is not None and id(grad) in seen else grad)
        seen.add(id(grad))
    return result


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
    grads = run_backward([out], [g], retain_graph=True, create_graph=True, targets=targets)
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

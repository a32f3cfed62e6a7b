"""The backward pass: from the outputs to the leaves, each node once.

Gradients arriving at a node are added up; when the node's turn comes (creation order, backwards) all of
them are there, its rules run, and what it kept is freed. Nothing reaches a leaf's ``.grad`` before the
whole pass has succeeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tt_tensor import Tensor
from tt_tensor.ledger import last_write, newest
from tt_tensor.tensor import wrap

from .graph import Leaf, Node, Pick, grad_mode

__all__ = ["run_backward"]

Slot = Any
Gradient = Any  # an ndarray; a Tensor if the gradients are to be differentiable


class Pending:
    """The gradients that have arrived and not yet been passed on."""

    __slots__ = ("at", "owned")

    def __init__(self) -> None:
        self.at: dict[Slot, Gradient] = {}
        self.owned: set[Slot] = set()  # those whose array nobody else holds: sums may go into it

    def add(self, slot: Slot, g: Gradient, fresh: bool) -> None:
        """One more gradient for a slot: g + what was there."""
        at = self.at
        before = at.get(slot)
        if before is None:
            at[slot] = g
            if fresh:
                self.owned.add(slot)
        elif slot in self.owned and before.__class__ is np.ndarray:
            before += g
        else:
            at[slot] = before + g
            self.owned.add(slot)


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
    nodes = _reachable(roots)
    useful = _leading_to(nodes, targets) if targets is not None else None
    wanted = set(targets or ())
    found: dict[Slot, Gradient] = {}
    pending = Pending()
    arrived = pending.at
    for root, g in zip(roots, gradients, strict=True):
        pending.add(root._graph, g, False)

    before, grad_mode.enabled = grad_mode.enabled, create_graph
    try:
        with np.errstate(all="ignore"):  # once for the whole pass: inf and nan speak for themselves
            for node in nodes:
                g = arrived.pop(node, None)
                if g is None:
                    continue
                if node in wanted:
                    found[node] = g
                if node.rare is not None and node.rare.retains:
                    node.rare.grad = g if isinstance(g, Tensor) else wrap(np.array(g))
                if useful is not None and node not in useful:
                    continue
                if node.__class__ is Pick:
                    arrived.setdefault(node.node, {})[node.index] = g
                    continue
                grads = _gradients(node, g, create_graph)
                for parent, gx in zip(node.parents, grads, strict=True):
                    if parent is None or gx is None or not (useful is None or parent in useful):
                        continue
                    # new memory, or only what another name already holds?
                    pending.add(parent, gx, gx is not g and not create_graph and gx.base is None)
                if not retain_graph and node.plan.keeps:
                    node.inputs = node.out = None
    finally:
        grad_mode.enabled = before

    for slot, g in arrived.items():
        if slot.__class__ is Leaf and (targets is None or slot in wanted):
            found[slot] = g if create_graph or slot in pending.owned else np.array(g)
    return found


def _reachable(roots: Sequence[Tensor]) -> list[Any]:
    """All nodes that the roots were computed from, the newest first: a topological order."""
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
    nodes.sort(key=_order, reverse=True)
    return nodes


def _order(node: Any) -> int:
    return node.order  # type: ignore[no-any-return]


def _leading_to(nodes: list[Any], targets: Sequence[Slot]) -> set[Slot]:
    """The nodes with a target among their ancestors."""
    wanted, leading = set(targets), set()
    for node in reversed(nodes):
        for parent in node.parents:
            if parent is not None and (parent in wanted or parent in leading):
                leading.add(node)
                break
    return leading | wanted


def _gradients(node: Node, g: Gradient, create_graph: bool) -> Sequence[Gradient | None]:
    """The gradient by each input, from the op's rules."""
    rules, plan, params = node.rules, node.plan, node.params
    if node.inputs is None or (newest.write > node.order and plan.keeps):
        _check_usable(node)
    out, inputs = node.out, node.inputs
    if create_graph:
        if rules.fused:
            return _through_definition(node, g)
        inputs = [_as_tensor(a, parent) for a, parent in zip(inputs, node.parents, strict=True)]
        if isinstance(out, np.ndarray):
            out = _as_tensor(out, node)
    if rules.joint is not None:
        grads: Sequence[Gradient | None] = rules.joint(g, plan.needs, out, *inputs, **params)
    else:
        grads = []
        for rule in plan.rules:
            grads.append(None if rule is None else rule(g, out, *inputs, **params))
    if node.rare is not None and node.rare.shapes is not None:
        return [
            None if grad is None else unbroadcast(grad, *shape)
            for grad, shape in zip(grads, node.rare.shapes, strict=True)
        ]
    return grads


def _through_definition(node: Node, g: Tensor) -> Sequence[Gradient | None]:
    """The gradients of a fused op, differentiable: those of its definition in plain operations."""
    if node.rules.definition is None:
        raise RuntimeError(
            f"{node.name} can be differentiated only once: its gradient is a fused kernel. For second "
            "derivatives write it in plain operations"
        )
    inputs = [_as_tensor(a, parent) for a, parent in zip(node.inputs, node.parents, strict=True)]
    # a node of its own for each input, at which the inner pass ends
    inputs = [x.clone() if need else x for x, need in zip(inputs, node.plan.needs, strict=True)]
    out = node.rules.definition(*inputs, **node.params)
    slots = [x._graph if need else None for x, need in zip(inputs, node.plan.needs, strict=True)]
    grads = run_backward(
        [out], [g], retain_graph=True, create_graph=True, targets=[s for s in slots if s is not None]
    )
    return [None if slot is None else grads.get(slot) for slot in slots]


def _as_tensor(value: Any, slot: Slot) -> Any:
    """An array as the Tensor it was, in its old place in the graph."""
    if not isinstance(value, np.ndarray):
        return value
    tensor = wrap(value)
    tensor._graph = slot
    return tensor


def unbroadcast(g: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Sum a gradient over the dims along which its input was stretched, and restore its dtype."""
    if g.shape != shape:
        extra = g.ndim - len(shape)
        stretched = tuple(
            i for i in range(g.ndim) if i < extra or (shape[i - extra] == 1 and g.shape[i] != 1)
        )
        if stretched:
            g = g.sum(axis=stretched, keepdims=True)
        g = g.reshape(shape)
    return g if dtype is None or g.dtype == dtype else g.astype(dtype)


def _check_usable(node: Node) -> None:
    """Raise if what the node's rules need is gone or was overwritten."""
    if node.rare is not None and node.rare.segment is not None:
        node.rare.segment.restore(node)
    if node.inputs is None:
        raise RuntimeError(
            "backward a second time through the same graph: what its rules need was freed the first "
            f"time (at {node.name}). Pass retain_graph=True to the first backward(), or compute the "
            "output again"
        )
    for value in (node.out, *node.inputs):
        if isinstance(value, np.ndarray) and last_write(value) > node.order:
            raise RuntimeError(
                f"a tensor of shape {value.shape} that the gradient of {node.name} needs was changed "
                "in place after it was used. Use the out-of-place spelling (x = x + y, not x += y), "
                "or change a clone()"
            )

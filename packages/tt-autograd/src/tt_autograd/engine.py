"""The gradient engine that tt-tensor's socket expects: PyTorch's meanings of ``requires_grad``,
``grad``, ``backward`` and in-place rules."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tt_tensor import Tensor, apply, float32, ledger, ops
from tt_tensor.tensor import wrap

from .backward import own, run_backward
from .graph import Leaf, Node, Pick, grad_mode, rare, set_grad_mode

__all__ = ["Autograd", "accumulate", "slots_of", "starting_gradient"]


class Autograd:
    """Fills the opaque slot of Tensors."""

    def requires_grad(self, x: Tensor) -> bool:
        """Whether there is anything in the slot that asks for gradients."""
        return x._graph is not None and bool(x._graph.requires_grad)

    def set_requires_grad(self, x: Tensor, flag: bool) -> None:
        """Make x a leaf that is followed, or one that is not."""
        if not self.is_leaf(x):
            if flag:
                return
            raise RuntimeError("requires_grad=False on a computed tensor: use x.detach() instead")
        if flag and x.array.dtype.kind != "f":
            raise RuntimeError(
                f"only floating tensors can require grad, got {x.dtype}; convert first: x.float()"
            )
        if x._graph is not None:
            x._graph.requires_grad = flag
        elif flag:
            x._graph = Leaf()

    def is_leaf(self, x: Tensor) -> bool:
        """Made by the user, or not followed."""
        return x._graph is None or x._graph.__class__ is Leaf

    def grad_fn(self, x: Tensor) -> Any:
        """The node that computed x."""
        return None if self.is_leaf(x) else x._graph

    def set_grad(self, x: Tensor, grad: Tensor | None) -> None:
        """Replace the accumulated gradient."""
        if grad is None:
            return  # there is no slot to clear
        if not isinstance(grad, Tensor):
            raise TypeError(f".grad must be a Tensor or None, got {type(grad).__name__}")
        if grad.shape != x.shape or grad.dtype != x.dtype:
            raise RuntimeError(
                f".grad must match its tensor, {x.dtype}{x.shape}; got {grad.dtype}{grad.shape}"
            )
        if x._graph is None:
            x._graph = Leaf(requires_grad=False)
        x._graph.grad = grad

    def retain_grad(self, x: Tensor) -> None:
        """Keep the gradient of a computed tensor, too."""
        if not self.requires_grad(x):
            raise RuntimeError("retain_grad() on a tensor that does not require grad")
        if not self.is_leaf(x):
            rare(x._graph).retains = True

    def backward(
        self,
        x: Tensor,
        gradient: Tensor | None,
        retain_graph: bool | None,
        create_graph: bool,
        inputs: Any = None,
    ) -> None:
        """Add d(x)/d(leaf) to every leaf's grad, or to those of ``inputs``."""
        start = {x._graph: starting_gradient(x, gradient, create_graph)}
        retain = create_graph if retain_graph is None else retain_graph
        targets = None if inputs is None else slots_of(inputs)
        accumulate(run_backward(start, retain, create_graph, targets))

    def tracks(self, *inputs: Any) -> bool:
        """Whether an operation on these would be recorded."""
        return grad_mode.enabled and any(
            isinstance(x, Tensor) and self.requires_grad(x) for x in inputs
        )

    def before_write(self, x: Tensor, value: Any) -> None:
        """Refuse writes whose gradient could not be followed."""
        if not grad_mode.enabled:
            if not self.is_leaf(x):
                _keep_old_values(x._graph, x.array)
                x._graph = _after_write(x)
            return
        if self.requires_grad(x) and self.is_leaf(x):
            raise RuntimeError(
                "a leaf that requires grad cannot be changed in place while operations are "
                "followed; do it under no_grad(), or out of place: y = x + 1"
            )
        if not self.requires_grad(value):
            return
        _keep_old_values(value._graph, x.array)
        if not _views_are_followed(x) and _references(x) > _ALONE:
            raise RuntimeError(
                "an in-place change of memory that other tensors share (views of it, or what it is "
                "a view of) cannot be followed. Change the whole tensor instead: base[index] = "
                "value, or build it out of place with cat or where, or change a clone()"
            )
        value._graph.order = ledger.tick() + 1


def _after_write(x: Tensor) -> Any:
    """A place in the graph, newer than the write to come, through which x's gradient passes on."""
    before = grad_mode.enabled
    set_grad_mode(enabled=True)
    try:
        node = apply(ops.clone, x)._graph
    finally:
        set_grad_mode(enabled=before)
    node.order = ledger.tick() + 1
    old = x._graph.rare
    if old is not None and old.retains:
        rare(node).retains, rare(node).grad = True, old.grad
    return node


def _keep_old_values(node: Any, array: Any) -> None:
    """Copies of what a node's rules need of the memory that is about to be overwritten."""
    if not isinstance(node, Node) or node.inputs is None:
        return
    home = ledger.owner(array)

    def kept(a: Any) -> Any:
        return a.copy() if isinstance(a, np.ndarray) and ledger.owner(a) is home else a

    node.inputs, node.out = tuple([kept(a) for a in node.inputs]), kept(node.out)


def _views_are_followed(x: Tensor) -> bool:
    """Whether x was computed into memory of its own: then its views are in the graph as well, and
    using one after the write raises."""
    slot = x._graph
    node = slot.node if slot.__class__ is Pick else slot
    return isinstance(node, Node) and not node.rules.op.view


def _references(x: Tensor) -> int:
    """How many hold x's memory, as the interpreter counts."""
    return sys.getrefcount(ledger.owner(x.array))


_ALONE = _references(wrap(np.zeros(1)))


_ONE = np.ones((), float32)


def slots_of(inputs: Tensor | Sequence[Tensor]) -> list[Any]:
    """The slots of tensors whose gradients are wanted."""
    tensors = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for i, x in enumerate(tensors):
        if x._graph is None or not x._graph.requires_grad:
            raise RuntimeError(
                f"input {i} does not require grad; set requires_grad=True before computing the "
                "output"
            )
    return [x._graph for x in tensors]


def starting_gradient(x: Tensor, gradient: Tensor | None, create_graph: bool) -> Any:
    """The gradient a backward pass starts with at x: 1, or what the caller gave, checked."""
    array, slot = x.array, x._graph
    if slot is None or not slot.requires_grad:
        raise RuntimeError(
            "backward() needs an output that was computed from a tensor with requires_grad=True "
            "(and not under no_grad()); this one was not"
        )
    if gradient is None:
        one: Any
        if array.dtype is float32 and not array.ndim:
            one = _ONE
        elif array.size == 1:
            one = np.ones(array.shape, array.dtype)
        else:
            raise RuntimeError(
                f"backward() without a gradient needs a single element, got shape {x.shape}. "
                "Reduce it first (loss.mean()) or pass the gradient: y.backward(ones_like(y))"
            )
        return wrap(one) if create_graph else one
    if gradient.shape != x.shape:
        raise RuntimeError(f"the gradient's shape {gradient.shape} must be the output's, {x.shape}")
    gradient = gradient.to(x.dtype)
    return gradient if create_graph else gradient.array


def accumulate(found: dict[Any, Any]) -> None:
    """Add the gradients found to the leaves' ``.grad``."""
    for leaf, g in own(found).items():
        before = leaf.grad
        if before is None:
            leaf.grad = g
        elif g._graph is not None or before._graph is not None:
            leaf.grad = before + g
        else:
            before.array += g.array  # in place, as PyTorch: whoever holds .grad sees the sum
            ledger.written(before.array)

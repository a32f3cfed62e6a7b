"""Trading time for memory: forget what a stretch of the graph keeps, and compute it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tt_tensor import get_rng_state, set_rng_state

from .graph import Node, grad_mode, rare, set_grad_mode
from .modes import enable_grad

__all__ = ["checkpoint"]


class _Segment:
    """A stretch of the graph whose arrays were dropped, and the call that brings them back."""

    def __init__(
        self, function: Callable[..., Any], args: Any, kwargs: Any, nodes: list[Node], state: Any
    ) -> None:
        self.call = (function, args, kwargs)
        self.shape = [(node.rules.op, node.plan) for node in nodes]
        self.state = state
        self.restored: list[Node] = []
        self.position = {id(node): i for i, node in enumerate(nodes)}

    def restore(self, node: Node) -> None:
        """Give the node its arrays, running the call again the first time."""
        if not self.restored:
            self.restored = self._run()
        fresh = self.restored[self.position[id(node)]]
        if fresh.inputs is None and fresh.rare is not None and fresh.rare.segment is not None:
            fresh.rare.segment.restore(fresh)  # a checkpoint within this one
        node.inputs, node.out = fresh.inputs, fresh.out
        fresh.inputs = fresh.out = None  # so that they go when the node lets go of them
        rare(node).segment = None

    def _run(self) -> list[Node]:
        function, args, kwargs = self.call
        now = get_rng_state()
        set_rng_state(self.state)
        try:
            _, nodes = _traced(function, args, kwargs)
        finally:
            set_rng_state(now)
        if [(node.rules.op, node.plan) for node in nodes] != self.shape:
            raise RuntimeError(
                "checkpoint: the function did other operations when it was run again; it must "
                "depend on its arguments, parameters and the default random generator only"
            )
        return nodes


def _traced(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, list[Node]]:
    """The function's result and the nodes it recorded."""
    nodes: list[Node] = []
    before = grad_mode.trace
    set_grad_mode(trace=nodes)
    try:
        with enable_grad():
            result = function(*args, **kwargs)
        return result, nodes
    finally:
        set_grad_mode(trace=False if before is None else before)


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """``function(*args)``, keeping only its arguments for the backward pass.

    The arrays that its operations would keep are dropped; when the backward pass arrives, the
    function is run once more (with the same random numbers) to bring them back. Memory falls from
    all activations inside to the arguments; time grows by one forward pass (Chen et al. 2016).

    Args:
        use_reentrant: accepted for PyTorch's sake; there is one implementation.
    """
    if not grad_mode.enabled:
        return function(*args, **kwargs)
    state = get_rng_state()
    result, nodes = _traced(function, args, kwargs)
    if grad_mode.trace is not None:  # a checkpoint within a checkpoint
        grad_mode.trace.extend(nodes)
    segment = _Segment(function, args, kwargs, nodes, state)
    for node in nodes:
        node.inputs = node.out = None
        rare(node).segment = segment
    return result

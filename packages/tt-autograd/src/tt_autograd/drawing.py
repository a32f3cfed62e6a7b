"""Drawing the graph of a computation as text that Mermaid or Graphviz turns into a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tt_tensor import Tensor

from .graph import Leaf

__all__ = ["draw_graph"]


def draw_graph(
    output: Tensor, params: Mapping[str, Tensor] | None = None, format: str = "mermaid"
) -> str:
    """The graph that computed ``output``, from the leaves down to it.

    Args:
        params: names for leaves, for example ``dict(model.named_parameters())``.
        format: "mermaid" or "graphviz".

    >>> from tt_tensor import tensor
    >>> x = tensor(2.0, requires_grad=True)
    >>> print(draw_graph(x * 3, {"x": x}))
    flowchart TD
        n0["mul"]
        n1(["x"])
        n1 --> n0
    """
    if format not in ("mermaid", "graphviz"):
        raise ValueError(f"format must be 'mermaid' or 'graphviz', got {format!r}")
    names = {id(t._graph): name for name, t in (params or {}).items() if t._graph is not None}
    nodes, edges = _walk(output)
    labels = [(names.get(id(n), "leaf") if n.__class__ is Leaf else n.name) for n in nodes]
    leaves = [n.__class__ is Leaf for n in nodes]
    if format == "mermaid":
        boxes = [
            f'    n{i}(["{label}"])' if leaf else f'    n{i}["{label}"]'
            for i, (label, leaf) in enumerate(zip(labels, leaves, strict=True))
        ]
        return "\n".join(["flowchart TD", *boxes, *(f"    n{a} --> n{b}" for a, b in edges)])
    boxes = [
        f'    n{i} [label="{label}", shape={"ellipse" if leaf else "box"}];'
        for i, (label, leaf) in enumerate(zip(labels, leaves, strict=True))
    ]
    arrows = [f"    n{a} -> n{b};" for a, b in edges]
    return "\n".join(["digraph {", *boxes, *arrows, "}"])


def _walk(output: Tensor) -> tuple[list[Any], list[tuple[int, int]]]:
    """All slots, the output's first, and the arrows from parent to child by number."""
    if output._graph is None:
        raise ValueError("the tensor was not computed from one that requires grad: no graph")
    number: dict[int, int] = {}
    nodes: list[Any] = []
    edges: list[tuple[int, int]] = []

    def visit(slot: Any) -> int:
        if id(slot) not in number:
            number[id(slot)] = len(nodes)
            nodes.append(slot)
            queue.append(slot)
        return number[id(slot)]

    queue: list[Any] = []
    visit(output._graph)
    while queue:
        slot = queue.pop(0)
        for parent in slot.parents:
            if parent is not None:
                edges.append((visit(parent), number[id(slot)]))
    return nodes, edges

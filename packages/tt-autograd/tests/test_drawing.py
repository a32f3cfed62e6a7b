"""Graphs drawn as text."""

import pytest

import tt_tensor as t
from tt_autograd import draw_graph


def test_mermaid() -> None:
    w, b = t.ones(2, requires_grad=True), t.zeros(1, requires_grad=True)
    text = draw_graph((t.ones(2) * w).sum() + b, {"w": w, "b": b})
    assert text.splitlines() == [
        "flowchart TD",
        '    n0["add"]',
        '    n1["sum"]',
        '    n2(["b"])',
        '    n3["mul"]',
        '    n4(["w"])',
        "    n1 --> n0",
        "    n2 --> n0",
        "    n3 --> n1",
        "    n4 --> n3",
    ]


def test_graphviz() -> None:
    x = t.tensor(2.0, requires_grad=True)
    assert draw_graph(x * x, format="graphviz").splitlines() == [
        "digraph {",
        '    n0 [label="mul", shape=box];',
        '    n1 [label="leaf", shape=ellipse];',
        "    n1 -> n0;",
        "    n1 -> n0;",
        "}",
    ]


def test_shared_nodes_and_pieces_are_drawn_once() -> None:
    x = t.ones(4, requires_grad=True)
    first, second = x.exp().split(2)
    text = draw_graph((first * second).sum())
    assert text.count('["exp"]') == 1 and text.count('["split"]') == 1
    assert '["split[0]"]' in text and '["split[1]"]' in text


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match=r"no graph"):
        draw_graph(t.ones(2))
    with pytest.raises(ValueError, match=r"'mermaid' or 'graphviz', got 'png'"):
        draw_graph(t.ones(2, requires_grad=True) * 2, format="png")

"""The idea of autograd, for single numbers: to be read before the engine, which uses none of it.

Every number remembers which numbers it was computed from, its parents, and by how much it changes
when each of them does, the partial derivatives. The chain rule then says how the last number, the
loss, changes with any of them: from the newest number back to the oldest, each hands its own
gradient to its parents, times the partial.

>>> x, y = Value(3.0), Value(2.0)
>>> loss = (x * y - 10) ** 2
>>> loss.backward()
>>> x.grad  # 2 (xy - 10) y
-16.0

The design is micrograd's (Karpathy 2020). What the real engine has besides: arrays for numbers, and
a table of rules in place of partials, so that nothing is computed for a gradient nobody asks for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count
from operator import attrgetter, mul

__all__ = ["Value", "dot"]

_tick = count().__next__
_age = attrgetter("order")


class Value:
    """A number in a computation.

    Attributes:
        data: the number.
        grad: d loss / d data, once ``loss.backward()`` was called.
        parents: the numbers it was computed from; none if it was given.
        partials: d data / d parent, for each parent.
        order: numbers made later have larger ones, so parents have smaller ones than their child.
        visit: the backward pass that came by last.
    """

    __slots__ = ("data", "grad", "order", "parents", "partials", "visit")

    def __init__(
        self, data: float, parents: Sequence[Value] = (), partials: Sequence[float] = ()
    ) -> None:
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.partials = partials
        self.order = _tick()
        self.visit = -1

    def __add__(self, other: Value | float) -> Value:
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, other), (1.0, 1.0))
        return Value(self.data + other, (self,), (1.0,))

    def __mul__(self, other: Value | float) -> Value:
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other), (other.data, self.data))
        return Value(self.data * other, (self,), (other,))

    def __pow__(self, n: float) -> Value:
        return Value(self.data**n, (self,), (n * self.data ** (n - 1),))

    def __neg__(self) -> Value:
        return self * -1.0

    def __sub__(self, other: Value | float) -> Value:
        return self + -other

    def __rsub__(self, other: float) -> Value:
        return -self + other

    def __truediv__(self, other: Value | float) -> Value:
        return self * other**-1

    def __rtruediv__(self, other: float) -> Value:
        return self**-1 * other

    __radd__, __rmul__ = __add__, __mul__

    def relu(self) -> Value:
        """max(x, 0), whose derivative is 1 above 0, else 0."""
        on = self.data > 0
        return Value(self.data if on else 0.0, (self,), (1.0 if on else 0.0,))

    def tanh(self) -> Value:
        """tanh x, whose derivative is 1 - tanh² x."""
        t = math.tanh(self.data)
        return Value(t, (self,), (1 - t * t,))

    def backward(self) -> None:
        """Add d self / d x to the ``grad`` of every given number x that self depends on.

        Whoever uses a number was made after it. So if the newest goes first, a gradient is complete
        before it is handed on, however many paths lead to it, and each number is visited once.
        """
        nodes = history(self)
        nodes.sort(key=_age, reverse=True)
        self.grad += 1.0
        for node in nodes:
            g = node.grad
            for parent, partial in zip(node.parents, node.partials, strict=True):
                parent.grad += g * partial

    def __repr__(self) -> str:
        return f"Value({self.data:g}, grad={self.grad:g})"


def dot(w: Sequence[Value], x: Sequence[Value], b: Value) -> Value:
    """w · x + b as one number with 2n + 1 parents: what a neuron computes, without a number for
    each sum and product on the way.

    Raises:
        ValueError: w and x are not of the same length.

    >>> w, x = [Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]
    >>> y = dot(w, x, Value(0.5))
    >>> y.backward()
    >>> y.data, w[1].grad, x[1].grad
    (11.5, 4.0, 2.0)
    """
    if len(w) != len(x):
        raise ValueError(f"dot needs as many weights as inputs; got {len(w)} and {len(x)}")
    ws, xs = [v.data for v in w], [v.data for v in x]
    return Value(sum(map(mul, ws, xs), b.data), (*w, *x, b), (*xs, *ws, 1.0))


def history(last: Value) -> list[Value]:
    """The computed numbers that ``last`` depends on, itself included, with ``grad`` set to 0."""
    visit = last.visit = _tick()  # a number no earlier pass had, so nothing need be wiped before
    nodes = [last] if last.parents else []
    for node in nodes:  # the list grows while it is read
        node.grad = 0.0
        for parent in node.parents:
            if parent.visit != visit and parent.parents:
                parent.visit = visit
                nodes.append(parent)
    return nodes

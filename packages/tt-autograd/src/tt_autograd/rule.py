"""The table of rules: for each operation, how a gradient passes through it.

A rule answers: given the gradient ``g`` of the loss by the operation's output, what is the gradient
by one of its inputs? It is written once and runs on plain arrays in the ordinary backward pass, and
on Tensors when the gradient must be differentiable itself.

The annotations of a rule's parameters say what the tape must keep until backward: a value
annotated ``Array`` (or not at all) is kept; in place of one annotated ``Shape`` the rule gets its
shape, and ``Meta`` its shape and dtype; one annotated ``None`` is not even looked at. So ``add``
keeps nothing, ``sum`` a shape, ``tanh`` its output, and ``mul`` the other factor.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tt_tensor import Op

__all__ = [
    "Array",
    "Meta",
    "Plan",
    "Rules",
    "Shape",
    "joint_vjp",
    "rules_of",
    "same",
    "table",
    "vjp",
]

Array = Any
"""A value that a rule computes with: an ndarray, or a Tensor when gradients of gradients are
wanted."""

Shape = tuple[int, ...]
"""What is left of a value of which a rule needs to know the shape only."""

Rule = Callable[..., Any]


def same(g: Array, *_: None) -> Array:
    """dy/dx = 1: what arrives is passed on. The backward pass knows it and need not call it."""
    return g


class Meta:
    """What is left of a value that no rule computes with: its shape and its dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, value: Any) -> None:
        self.shape: Shape = np.shape(value)
        self.dtype = getattr(value, "dtype", None)

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"Meta(shape={self.shape}, dtype={self.dtype})"


NOTHING, SHAPE, META, VALUE = range(4)  # how much of an operand a rule asks to keep
_AMOUNTS = {"None": NOTHING, "Shape": SHAPE, "Meta": META}


_KEPT: tuple[Callable[[Any], Any], ...] = (lambda _: None, np.shape, Meta, lambda array: array)


class Plan:
    """What to keep of one call, given which inputs need a gradient."""

    __slots__ = (
        "calm",
        "count",
        "joint",
        "keep_all",
        "keep_inputs",
        "keep_out",
        "keep_shape",
        "keeps",
        "needs",
        "nothing",
        "of",
        "plain",
        "rules",
    )

    of: Rules
    calm: bool
    joint: Rule | None  # one rule for all inputs
    count: int  # of inputs
    plain: bool  # a rule for each of one or two inputs

    def __init__(
        self, rules: tuple[Rule | None, ...], needs: tuple[bool, ...], wanted: list[list[int]]
    ) -> None:
        self.rules = rules
        self.needs = needs
        most = [max(column) for column in zip(*wanted, strict=True)]
        if any(one == SHAPE < more for row in wanted for one, more in zip(row, most, strict=True)):
            raise RuntimeError("where one rule asks for a Shape, another cannot ask for more")
        self.keep_out = most[0] == VALUE
        self.keep_inputs = tuple(most[1:])
        self.keep_all = all(keep == VALUE for keep in self.keep_inputs)
        self.nothing = () if any(self.keep_inputs) else (None,) * len(self.keep_inputs)
        self.keeps = VALUE in most
        self.keep_shape = self.keep_inputs == (SHAPE,)

    def kept(self, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs reduced to what the rules ask for."""
        if self.keep_all:
            return arrays
        if self.nothing:
            return self.nothing
        return tuple(
            [_KEPT[keep](array) for array, keep in zip(arrays, self.keep_inputs, strict=True)]
        )


class Rules:
    """The gradient rules of one op: one per input, or one for all of them together.

    ``calm`` rules only move, add and multiply: from finite numbers no nan arises, so a backward
    pass through nothing else need not silence NumPy's warnings, which costs 0.7 µs.
    """

    __slots__ = ("calm", "definition", "each", "fused", "joint", "op", "plans")

    def __init__(
        self,
        op: Op,
        each: tuple[Rule | None, ...] = (),
        joint: Rule | None = None,
        definition: Rule | None = None,
        fused: bool = False,
    ) -> None:
        self.op = op
        self.each = each
        self.joint = joint
        self.definition = definition
        self.fused = fused
        self.calm = False
        self.plans: dict[int, Plan] = {}  # by mask, with one more bit that tells the count

    def plan(self, mask: int, count: int) -> Plan:
        """Make the plan for calls with ``count`` inputs of which those in the bit mask need
        gradients."""
        plan = self.plans[1 << count | mask] = self._make_plan(mask, count)
        plan.of, plan.calm, plan.joint = self, self.calm, self.joint
        plan.count = count
        plan.plain = self.joint is None and count <= 2
        return plan

    def _make_plan(self, mask: int, count: int) -> Plan:
        needs = tuple(bool(mask >> i & 1) for i in range(count))
        if self.joint is not None:
            return Plan((), needs, [_wanted(self.joint, 2, count)])
        each = (*self.each, *[None] * count)[:count]
        for i, (rule, need) in enumerate(zip(each, needs, strict=True)):
            if need and rule is None:
                raise RuntimeError(
                    f"{self.op.name} has no gradient by its input {i}; pass that one through "
                    "detach()"
                )
        rules = tuple(rule if need else None for rule, need in zip(each, needs, strict=True))
        return Plan(rules, needs, [_wanted(rule, 1, count) for rule in rules if rule is not None])


def _wanted(rule: Rule, skip: int, count: int) -> list[int]:
    """How much a rule's signature asks to keep of (out, input 0, input 1, ...)."""
    wanted: list[int] = []
    for parameter in list(inspect.signature(rule).parameters.values())[skip:]:
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            break
        annotation = parameter.annotation
        name = "Shape" if annotation == Shape else getattr(annotation, "__name__", str(annotation))
        amount = _AMOUNTS.get(name, VALUE)
        repeat = 1 + count - len(wanted) if parameter.kind is parameter.VAR_POSITIONAL else 1
        wanted += [amount] * repeat
    return (wanted + [NOTHING] * (1 + count))[: 1 + count]


table: dict[Op, Rules] = {}


def vjp(op: Op, *rules: Rule | None) -> None:
    """Register one gradient rule for each input of ``op`` (vector-Jacobian products).

    Each is called as ``rule(g, out, *inputs, **params)`` and returns the gradient by its input,
    before any broadcasting is summed back. None marks an input that has no gradient, such as an
    index. If the op saves something, that comes in the place of ``out``. A rule must not write into
    what it is given and must return a new array, ``g``, or a view; never an array that was kept.
    """
    _register(Rules(op, rules))


def joint_vjp(op: Op, rule: Rule, *, fused: bool = True, definition: Rule | None = None) -> None:
    """Register one rule for all inputs of an op whose gradients share work.

    Args:
        rule: ``rule(g, needs, out, *inputs, **params)`` returns one gradient per input; where
            ``needs`` is False it may be None. ``out`` is what the op saved, if it saves. For an op
            with several outputs ``g`` is a dict from output number to gradient, without those that
            no gradient reached.
        fused: the rule is a kernel on arrays. False: it is written in operations that run on
            Tensors too, so it can be differentiated itself.
        definition: a fused op written in plain Tensor operations, ``definition(*inputs,
            **params)``. It is what is differentiated when a gradient of the gradient is asked for;
            without it, asking raises an error.
    """
    _register(Rules(op, (), rule, definition, fused))


def _register(rules: Rules) -> None:
    if rules.op in table:
        raise ValueError(f"{rules.op} has gradient rules already")
    table[rules.op] = rules.op.rules = rules  # in its slot, it is found 0.03 µs sooner


def rules_of(op: Op) -> Rules | None:
    """The rules of an op, or None if no gradient is defined for it."""
    return table.get(op)

"""Gradients of matrix products."""

from __future__ import annotations

from tt_tensor import ops

from ..broadcasting import sum_to
from ..rule import Array, Meta, joint_vjp, vjp
from .either import einsum, matmul


def matmul_x(g: Array, _: None, x: Meta, y: Array) -> Array:
    """d(xy)/dx: g yᵀ, summed over the batch dims along which x was stretched."""
    if y.ndim == 1:
        grad = g * y if x.ndim == 1 else g.reshape((*g.shape, 1)) * y
    elif x.ndim == 1:
        grad = matmul(g.reshape((*g.shape[:-1], 1, g.shape[-1])), y.swapaxes(-1, -2))
        grad = grad.reshape((*grad.shape[:-2], grad.shape[-1]))
    else:
        grad = matmul(g, y.swapaxes(-1, -2))
    return sum_to(grad, x.shape)


def matmul_y(g: Array, _: None, x: Array, y: Meta) -> Array:
    """d(xy)/dy: xᵀ g, summed over the batch dims along which y was stretched."""
    if y.ndim == 1:
        grad = x * g if x.ndim == 1 else x * g.reshape((*g.shape, 1))
    elif x.ndim == 1:
        grad = x.reshape((-1, 1)) * g.reshape((*g.shape[:-1], 1, g.shape[-1]))
    elif y.ndim == 2 and x.ndim > 2 and 0 not in x.shape and 0 not in g.shape:
        # the sum over the batch is part of one large product
        return matmul(x.reshape((-1, x.shape[-1])).swapaxes(0, 1), g.reshape((-1, g.shape[-1])))
    else:
        grad = matmul(x.swapaxes(-1, -2), g)
    return sum_to(grad, y.shape)


def einsum_vjp(
    g: Array, needs: tuple[bool, ...], _: None, *operands: Array, equation: str
) -> list[Array | None]:
    """The gradient by one operand is an einsum of g with the others, its letters as the output.

    Letters that only this operand has were summed: their gradient is the same for all positions. A
    letter that occurs twice in it picks a diagonal.
    """
    left, result = equation.split("->")
    names = left.split(",")
    grads: list[Array | None] = []
    for i, (operand, need) in enumerate(zip(operands, needs, strict=True)):
        grads.append(_operand_gradient(g, i, operand, operands, names, result) if need else None)
    return grads


def _operand_gradient(
    g: Array, i: int, operand: Array, operands: tuple[Array, ...], names: list[str], result: str
) -> Array:
    if len(set(names[i].replace("...", ""))) != len(names[i].replace("...", "")):
        raise RuntimeError(
            f"einsum: the gradient of a repeated letter within one operand ({names[i]!r}) is not "
            "defined here; take the diagonal first: x.diagonal()"
        )
    others = [(n, o) for j, (n, o) in enumerate(zip(names, operands, strict=True)) if j != i]
    known = set(result).union(*(set(n) for n, _ in others))
    kept = "".join(c for c in names[i] if c in known or c == ".")
    equation = ",".join([result, *(n for n, _ in others)]) + "->" + kept
    grad = einsum(g, *(o for _, o in others), equation=equation)
    if "..." in names[i] and grad.ndim > len(kept.replace("...", "")) + _dots(operand, names[i]):
        extra = grad.ndim - len(kept.replace("...", "")) - _dots(operand, names[i])
        grad = grad.sum(axis=tuple(range(extra)))
    if kept != names[i]:
        letters = names[i].replace("...", "")
        offset = operand.ndim - len(letters)
        shape = tuple(
            n if d < offset or letters[d - offset] in known else 1
            for d, n in enumerate(operand.shape)
        )
        grad = grad.reshape(shape)
    if grad.shape != operand.shape:
        grad = _stretch(_sum_ones(grad, operand.shape), operand.shape)
    return grad


def _dots(operand: Array, name: str) -> int:
    """How many dims the ... of an operand stands for."""
    return int(operand.ndim - len(name.replace("...", "")))


def _sum_ones(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum dims that the operand has as 1 and the gradient has not; leave the others."""
    ones = tuple(
        i for i, (a, b) in enumerate(zip(grad.shape, shape, strict=True)) if b == 1 and a != 1
    )
    return grad.sum(axis=ones, keepdims=True) if ones else grad


def _stretch(grad: Array, shape: tuple[int, ...]) -> Array:
    from .either import expand

    return expand(grad, shape=shape)


vjp(ops.matmul, matmul_x, matmul_y)
joint_vjp(ops.einsum, einsum_vjp, fused=False)
